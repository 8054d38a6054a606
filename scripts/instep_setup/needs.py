"""What set-up needs from the system, found by looking for the thing itself, not for a package that may hold it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import debian
from .terminal import ROOT, SetupError, output_of, say, succeeds

DESCRIPTION = ROOT / "r" / "DESCRIPTION"
EXAMPLE_PACKAGES = ("ggplot2", "mgcv")
"""R packages of examples/pricing, beside those that the R package itself names."""
TEST_PACKAGES = ("ranger", "survival")
"""R packages whose models are among the values of docs/values.md."""

_PART_OF_R = frozenset(
    {"R", "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines"}
    | {"stats", "stats4", "tcltk", "tools", "utils"}
)


@dataclass(frozen=True, slots=True)
class Need:
    """A program or library that is missing."""

    what: str
    """Its name, as a user on any system knows it."""
    debian: str
    """The Debian package that has it."""


@dataclass(frozen=True, slots=True)
class RPackage:
    """An R package that Instep or an example uses."""

    name: str
    """Its name in R."""
    version: str = "0"
    """The lowest version that will do."""

    @property
    def debian(self) -> str:
        """The Debian package that has it."""
        return f"r-cran-{self.name.lower()}"


def missing_programs() -> list[Need]:
    """Looks for programs and libraries that the SDKs and the server are built with."""
    needs = [
        (shutil.which("Rscript") is not None, Need("R 4.2 or later", "r-base-core")),
        (_has_compiler(), Need("a C++17 compiler", "g++")),
        (shutil.which("make") is not None, Need("make", "make")),
        (shutil.which("pkg-config") is not None, Need("pkg-config", "pkg-config")),
        (succeeds(["pkg-config", "--exists", "grpc++"]), Need("gRPC for C++", "libgrpc++-dev")),
        (_has_proto_compiler_headers(), Need("Protocol Buffers for C++ (with libprotoc)", "libprotoc-dev")),
        (_can_make_environment(), Need("venv and ensurepip of Python", _venv_package())),
    ]
    return [need for found, need in needs if not found]


def r_packages() -> list[RPackage]:
    """Reads from r/DESCRIPTION which R packages Instep uses, and adds those of the examples and tests."""
    text = DESCRIPTION.read_text(encoding="utf-8")
    named: dict[str, RPackage] = {}
    for field in ("Imports", "LinkingTo", "Suggests"):
        match = re.search(rf"^{field}:((?:.*\n)(?:[ \t]+.*\n)*)", text, re.MULTILINE)
        for entry in (match[1] if match else "").split(","):
            parts = re.match(r"\s*([\w.]+)\s*(?:\(>=\s*([\d.-]+)\))?", entry)
            if parts:
                named[parts[1]] = RPackage(parts[1], parts[2] or "0")
    for name in EXAMPLE_PACKAGES + TEST_PACKAGES:
        named.setdefault(name, RPackage(name))
    return [package for name, package in sorted(named.items()) if name not in _PART_OF_R]


def check_r_version() -> None:
    """Refuses an R that is older than r/DESCRIPTION asks.

    Raises:
        SetupError: R is too old.
    """
    wanted = re.search(r"R \(>= ([\d.]+)\)", DESCRIPTION.read_text(encoding="utf-8"))
    version = output_of(["Rscript", "--vanilla", "-e", "cat(format(getRversion()))"])
    if wanted and _numbers(version) < _numbers(wanted[1]):
        path = shutil.which("Rscript")
        raise SetupError(
            f"Instep needs R {wanted[1]} or later; {path} is R {version or 'that does not start'}."
        )


def install_programs(missing: Sequence[Need], r_wanted: Sequence[RPackage]) -> None:
    """Installs missing programs, and with a missing R those of its packages that this Debian has.

    Raises:
        SetupError: They cannot be installed here; the message names them all.
    """
    if not missing:
        return
    names = ", ".join(need.what for need in missing)
    if not debian.has_apt():
        packages = " ".join(package.name for package in r_wanted)
        raise SetupError(
            f"this machine lacks {names}, and has no apt to install from. Install these with the system's own "
            f"package manager, then the R packages {packages}, and call make again."
        )
    debian.refresh_if_never_read()
    with_r = [] if shutil.which("Rscript") else [p.debian for p in r_wanted if debian.candidate(p.debian)]
    debian.install([*(need.debian for need in missing), *with_r])
    still = ", ".join(need.what for need in missing_programs())
    if still:
        raise SetupError(f"Debian's packages are installed, but {still} still cannot be found.")


def install_from_debian(wanted: Sequence[RPackage]) -> None:
    """Installs those R packages that this Debian has in a version that will do."""
    if not debian.has_apt() or not debian.candidate("r-base-core") or not _r_is_debians():
        return
    found = [p for p in wanted if debian.is_at_least(debian.candidate(p.debian) or "0", p.version)]
    present = [p.debian for p in found if debian.candidate(p.debian)]
    if present and debian.privilege() is None:
        say(f"no root for {' '.join(present)}; trying CRAN for the same packages")
    elif present:
        debian.install(present)


def _r_is_debians() -> bool:
    return "install ok installed" in output_of(["dpkg-query", "-W", "-f", "${Status}", "r-base-core"])


def _has_compiler() -> bool:
    named = output_of(["R", "CMD", "config", "CXX17"]).split()
    return shutil.which(named[0] if named else "g++") is not None


def _has_proto_compiler_headers() -> bool:
    if not succeeds(["pkg-config", "--exists", "protobuf"]):
        return False
    include = output_of(["pkg-config", "--variable=includedir", "protobuf"]).strip()
    return (Path(include) / "google" / "protobuf" / "compiler" / "importer.h").exists()


def _can_make_environment() -> bool:
    if (ROOT / ".venv" / "bin" / "python").exists() or shutil.which("uv"):
        return True
    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


def _venv_package() -> str:
    return f"python3.{sys.version_info.minor}-venv"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
