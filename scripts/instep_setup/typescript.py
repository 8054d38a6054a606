"""Builds examples/typescript and the programs that use it, for tests: `python -m scripts.instep_setup.typescript`.

Nothing of Instep itself needs Node, so set-up leaves it alone. Where Node or npm is missing, Debian's are installed.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from pathlib import Path

from . import debian
from .fingerprint import fingerprint
from .terminal import CACHE, ROOT, SetupError, output_of, run, say

LIBRARY = ROOT / "examples" / "typescript"
USERS = (LIBRARY / "conformance", ROOT / "examples" / "three_languages")
"""Folders of the programs that use the library."""
OLDEST_NODE = 18
_INSTALL = ("install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")


def main() -> int:
    """Builds what is not up to date; returns the exit status."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "typescript-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _build()
        except SetupError as error:
            print(f"typescript: {error}", file=sys.stderr)
            return 1
    return 0


def _build() -> None:
    packages, program = CACHE / "typescript-packages", CACHE / "typescript-program"
    if not (_is_built() and program.exists() and program.read_text() == _of_program()):
        _find_node()
        if not (
            (LIBRARY / "node_modules").exists()
            and packages.exists()
            and packages.read_text() == _of_packages()
        ):
            say("installing the packages of examples/typescript")
            run(["npm", *_INSTALL], doing="npm install", cwd=LIBRARY)
            packages.write_text(_of_packages())
        say("compiling examples/typescript")
        run(["npm", "run", "--silent", "build"], doing="compiling examples/typescript", cwd=LIBRARY)
        program.write_text(_of_program())


def _find_node() -> None:
    missing = [name for name in ("nodejs", "npm") if not shutil.which(name.removesuffix("js"))]
    if missing and not debian.has_apt():
        raise SetupError(f"{' and '.join(missing)} must be installed to build examples/typescript.")
    if missing:
        debian.refresh_if_never_read()
        debian.install(missing)
    version = output_of(["node", "--version"]).strip()
    if not version.startswith("v") or int(version[1:].partition(".")[0]) < OLDEST_NODE:
        raise SetupError(
            f"examples/typescript needs Node {OLDEST_NODE} or later; this is {version or 'none'}."
        )


def _is_built() -> bool:
    return (LIBRARY / "build" / "index.js").exists() and all(
        file.with_suffix(".js").exists() for folder in USERS for file in folder.glob("*.ts")
    )


def _of_packages() -> str:
    return fingerprint([LIBRARY / "package.json"])


def _of_program() -> str:
    sources = [*LIBRARY.glob("src/**/*.ts"), *(file for folder in USERS for file in folder.glob("*.ts"))]
    settings: list[Path] = [folder / "tsconfig.json" for folder in (LIBRARY, *USERS)]
    return fingerprint([LIBRARY / "package.json", *sources, *settings])


if __name__ == "__main__":
    sys.exit(main())
