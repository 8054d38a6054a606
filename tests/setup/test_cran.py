"""R packages that Debian lacks come from the user's CRAN when it answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "instep_setup" / "r_cran.R"
NO_CRAN = 2

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R")


def make_repository(folder: Path) -> Path:
    """Makes a CRAN with one package, and a profile that makes R use it."""
    package = folder / "tinypackage"
    package.mkdir()
    (package / "DESCRIPTION").write_text(
        "Package: tinypackage\nVersion: 1.0\nTitle: Tiny\nDescription: Tiny.\nLicense: GPL-2\n"
        "Author: x\nMaintainer: x <x@x.invalid>\n"
    )
    (package / "NAMESPACE").touch()
    contrib = folder / "cran" / "src" / "contrib"
    contrib.mkdir(parents=True)
    subprocess.run(["R", "CMD", "build", package], cwd=contrib, check=True, capture_output=True)
    index = 'tools::write_PACKAGES(".", type = "source")'
    subprocess.run(["Rscript", "-e", index], cwd=contrib, check=True, capture_output=True)
    profile = folder / "profile.R"
    profile.write_text(f"options(repos = c(CRAN = 'file://{folder / 'cran'}'))\n")
    return profile


def install(package: str, library: Path, profile: Path) -> int:
    library.mkdir(exist_ok=True)
    return subprocess.run(
        ["Rscript", str(SCRIPT), str(library), package],
        env={**os.environ, "R_PROFILE": str(profile)},
        capture_output=True,
        check=False,
    ).returncode


def test_package_is_installed_from_the_repository_that_r_names(tmp_path: Path) -> None:
    profile = make_repository(tmp_path)
    library = tmp_path / "library"
    assert install("tinypackage", library, profile) == 0
    assert (library / "tinypackage" / "DESCRIPTION").exists()
    assert install("nosuchpackage", library, profile) == NO_CRAN


def test_repository_that_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    profile = tmp_path / "profile.R"
    profile.write_text("options(repos = c(CRAN = 'http://127.0.0.1:9/'))\n")
    assert install("tinypackage", tmp_path / "library", profile) == NO_CRAN
