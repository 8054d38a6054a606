"""Debian packages: what is installed through apt, and what is taken from a later suite.

Only packages that are missing are asked for, nothing is removed, and a later suite is read with a state of its
own, so that neither apt's sources nor any other package change.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .later_suite import Source, later_sources, read_deb822, read_one_line, suites_after
from .terminal import CACHE, SetupError, output_of, run, say, succeeds


def has_apt() -> bool:
    """Tells whether this machine installs packages with apt."""
    return shutil.which("apt-get") is not None


def codename() -> str:
    """Returns the name of this machine's release, such as `bookworm`; empty when unknown."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return ""
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)', text, re.MULTILINE)
    return match[1] if match else ""


def privilege() -> list[str] | None:
    """Returns what to put before a command that needs root; None when there is no way to become root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and (sys.stdin.isatty() or succeeds(["sudo", "-n", "true"])):
        return ["sudo"]
    return None


def candidate(package: str) -> str | None:
    """Returns the version of a package that apt would install; None when its suites do not have it."""
    match = re.search(
        r"^\s*Candidate: (\S+)", output_of(["apt-cache", "policy", package], env=_C), re.MULTILINE
    )
    return None if match is None or match[1] == "(none)" else match[1]


def is_at_least(version: str, wanted: str) -> bool:
    """Compares two versions by Debian's rules."""
    return succeeds(["dpkg", "--compare-versions", version, "ge", wanted])


def refresh_if_never_read() -> None:
    """Reads the package lists when this machine has none yet, as a fresh container."""
    lists = output_of(["apt-config", "shell", "D", "Dir::State::lists/d"]).partition("'")[2].partition("'")[0]
    if not glob.glob(f"{lists}*_Packages*"):
        _update()


def install(packages: Sequence[str]) -> None:
    """Installs packages of this machine's own suites, as root or with sudo.

    Raises:
        SetupError: There is no way to become root, or apt failed.
    """
    root = privilege()
    if root is None:
        raise SetupError(f"root is needed for Debian packages. As root, run:\n    {_apt_line(packages)}")
    say(f"installing Debian packages{' with sudo' if root else ''}: {' '.join(packages)}")
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *_INSTALL, *packages]
    try:
        run(command, doing="apt-get install")
    except SetupError:
        _update()  # the lists may name versions that the archive has replaced since
        run(command, doing="apt-get install")


def take_from_later_suite(package: str, member: str, target: Path) -> bool:
    """Unpacks a directory of a package of a later Debian suite, without installing the package.

    Args:
        package: The package, such as `r-cran-nanoarrow`.
        member: The directory inside the package, without leading slash.
        target: Where that directory goes; must not exist.

    Returns:
        Whether a later suite had the package and it fits this machine.
    """
    for suite in suites_after(codename()) if has_apt() else ():
        text = later_sources(machine_sources(), codename(), suite)
        if not text:
            return False
        with tempfile.TemporaryDirectory(dir=_made(CACHE)) as scratch:
            archive = _download(package, suite, text, Path(scratch))
            if archive is None or not _fits(archive, package):
                continue
            say(f"unpacking {archive.name} of Debian {suite} to {target.parent}")
            run(["dpkg-deb", "-x", archive, Path(scratch) / "x"], doing=f"unpacking {archive.name}")
            shutil.copytree(Path(scratch) / "x" / member, target, symlinks=True)
            return True
    return False


def _download(package: str, suite: str, sources: str, scratch: Path) -> Path | None:
    state = _made(CACHE / "apt" / suite)
    (_made(state / "sources") / "later.sources").write_text(sources)
    _made(state / "lists" / "partial")
    _made(state / "cache" / "archives" / "partial")
    options = [
        *("-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={state / 'sources'}"),
        *("-o", f"Dir::State::lists={state / 'lists'}", "-o", f"Dir::Cache={state / 'cache'}"),
        *("-o", "APT::Default-Release=", "-o", "Acquire::Languages=none", "-o", "APT::Sandbox::User=root"),
    ]
    try:
        run(["apt-get", *options, "update"], doing=f"reading the package list of Debian {suite}", cwd=scratch)
        run(["apt-get", *options, "download", package], doing=f"downloading {package}", cwd=scratch)
    except SetupError:
        return None
    return next(iter(scratch.glob(f"{package}_*.deb")), None)


def _fits(archive: Path, package: str) -> bool:
    """Tells whether a package would install here with nothing else added, changed or removed."""
    planned = output_of(["apt-get", "--simulate", "--no-remove", *_INSTALL, str(archive)], env=_C)
    return re.findall(r"^(?:Inst|Remv) (\S+)", planned, re.MULTILINE) == [package]


def machine_sources() -> list[Source]:
    """Reads where apt takes packages from on this machine."""
    found: list[Source] = []
    for path in map(Path, ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]):
        if path.suffix == ".sources":
            found += read_deb822(path.read_text(encoding="utf-8"))
        elif path.suffix == ".list" and path.is_file():
            found += read_one_line(path.read_text(encoding="utf-8"))
    return found


def _update() -> None:
    root = privilege()
    if root is not None:
        say("reading Debian's package lists")
        run([*root, "apt-get", "update"], doing="apt-get update")


def _apt_line(packages: Sequence[str]) -> str:
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


_C = {"LC_ALL": "C"}
_INSTALL = ("install", "--yes", "--no-install-recommends", "--no-remove")
