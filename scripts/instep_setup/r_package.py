"""The R side: the R packages that Instep needs, and the package `instep` in the user's own library."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from . import debian, needs, python_environment
from .fingerprint import fingerprint
from .needs import RPackage
from .terminal import CACHE, ROOT, SetupError, output_of, run, say, succeeds

SCRIPTS = Path(__file__).resolve().parent
SOURCE = ROOT / "r"
COPY = CACHE / "r"
STAMP = CACHE / "r.json"
INSTALLED_PARTS = ("DESCRIPTION", "NAMESPACE", "R", "src", "inst", "man")
"""What of r/ reaches an installed package; tests, for instance, do not."""


def is_up_to_date() -> bool:
    """Tells whether the user's library holds `instep` as it is in this checkout, with all that it needs."""
    try:
        stamp = json.loads(STAMP.read_text())
        built = _built(Path(stamp["library"]))
    except (OSError, ValueError, KeyError):
        return False
    return bool(
        stamp == _stamp(Path(stamp["library"]), built)
        and _python_record().read_text() == f"{python_environment.PYTHON}\n"
    )


def install_needed_packages(wanted: Sequence[RPackage]) -> None:
    """Installs missing R packages from this Debian, else the user's CRAN, else a later Debian suite.

    Raises:
        SetupError: Some can be had from none of these; the message names them.
    """
    missing = _missing(wanted)
    if missing:
        needs.install_from_debian(missing)
        missing = _missing(wanted)
    if missing:
        _install_from_cran(missing)
        missing = _missing(wanted)
    for package in missing:
        _install_from_later_suite(package)
    missing = _missing(wanted)
    if missing:
        names = ", ".join(f'"{package.name}"' for package in missing)
        raise SetupError(
            f"no source here has R packages that Instep needs: neither this Debian, nor CRAN, nor a later Debian "
            f"suite. Where CRAN can be reached, run in R:\n    install.packages(c({names}))"
        )


def install_instep() -> None:
    """Compiles and installs the package `instep`, and records which Python it starts.

    Raises:
        SetupError: It does not compile or does not load.
    """
    library = user_library()
    say(f"compiling and installing the R package instep into {library}")
    _refresh_copy()
    jobs = {"MAKEFLAGS": f"-j{os.cpu_count() or 1}"}
    run(["R", "CMD", "INSTALL", f"--library={library}", COPY], doing="R CMD INSTALL", env=jobs)
    record = _python_record()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(f"{python_environment.PYTHON}\n")
    STAMP.write_text(json.dumps(_stamp(library, _built(library))))


def user_library() -> Path:
    """Returns the R library that this user installs to."""
    path = output_of(["Rscript", SCRIPTS / "r_library.R"])
    if not path:
        raise SetupError("R does not start, or has no library that this user can write to. Try: Rscript -e 1")
    return Path(path)


def _missing(wanted: Sequence[RPackage]) -> list[RPackage]:
    arguments = [f"{package.name}>={package.version}" for package in wanted]
    names = output_of(["Rscript", SCRIPTS / "r_missing.R", *arguments]).split()
    return [package for package in wanted if package.name in names]


def _install_from_cran(packages: Sequence[RPackage]) -> None:
    names = [package.name for package in packages]
    say(f"looking on CRAN for R packages that this Debian lacks: {' '.join(names)}")
    try:
        run(["Rscript", SCRIPTS / "r_cran.R", user_library(), *names], doing="installing from CRAN")
    except SetupError:
        say("CRAN does not answer or does not have them")


def _install_from_later_suite(package: RPackage) -> None:
    library = user_library()
    target = library / package.name
    if target.exists():
        return
    inside = f"usr/lib/R/site-library/{package.name}"
    if not debian.take_from_later_suite(package.debian, inside, target):
        return
    loads = ["Rscript", "-e", f"loadNamespace({str(package.name)!r}, lib.loc = {str(library)!r})"]
    if not succeeds(loads):
        shutil.rmtree(target)
        say(f"the R package {package.name} of that suite does not load in this R; removed it again")


def _refresh_copy() -> None:
    """Brings the copy that is compiled up to date. Object files in it stay, so that little is compiled again."""
    fresh = {path.relative_to(SOURCE): path.read_bytes() for path in _files()}
    stored = {path.relative_to(COPY) for path in COPY.rglob("*") if path.is_file()}
    changed = {
        name for name, content in fresh.items() if name not in stored or (COPY / name).read_bytes() != content
    }
    gone = {name for name in stored - fresh.keys() if name.suffix not in (".o", ".so")}
    if any(name.suffix in (".h", "") and name.parts[0] == "src" for name in changed | gone):
        gone |= {
            name for name in stored if name.suffix in (".o", ".so")
        }  # make does not know who includes what
    for name in gone:
        (COPY / name).unlink()
    for name in changed:
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        (COPY / name).write_bytes(fresh[name])
        shutil.copymode(SOURCE / name, COPY / name)


def _files() -> list[Path]:
    paths = [path for part in INSTALLED_PARTS for path in [SOURCE / part, *(SOURCE / part).rglob("*")]]
    return [path for path in paths if path.is_file() and path.suffix not in (".o", ".so")]


def _stamp(library: Path, built: str) -> dict[str, str]:
    wanted = " ".join(f"{package.name}>={package.version}" for package in needs.r_packages())
    source = fingerprint(_files(), wanted)
    # Where R looks for packages: with others, the user's library may be another one.
    looks = ":".join(os.environ.get(name, "") for name in ("R_LIBS", "R_LIBS_USER", "R_LIBS_SITE"))
    return {"source": source, "library": str(library), "built": built, "looks": looks}


def _built(library: Path) -> str:
    """Returns when and with which R the installed package was made."""
    lines = (library / "instep" / "DESCRIPTION").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("Built:"))


def _python_record() -> Path:
    """Returns where the R package looks up its Python: the user's R configuration directory."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(os.environ.get("R_USER_CONFIG_DIR") or home) / "R" / "instep" / "python"
