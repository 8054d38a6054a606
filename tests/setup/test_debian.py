"""A package of a later suite is unpacked from a real apt archive, made here, and nothing is installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.instep_setup import debian
from scripts.instep_setup.later_suite import Source

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "dpkg-deb"))), reason="needs apt and dpkg"
)
PACKAGE = "r-cran-insteptest"
MEMBER = "usr/lib/R/site-library/insteptest"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_archive(folder: Path, depends: str) -> Source:
    """Makes an archive whose release `trixie` has one package."""
    tree = folder / "tree"
    (tree / MEMBER).mkdir(parents=True)
    (tree / MEMBER / "DESCRIPTION").write_text("Package: insteptest\n")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {PACKAGE}\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@x.invalid>\n"
        f"Depends: {depends}\nDescription: test\n"
    )
    release = folder / "archive" / "dists" / "trixie"
    pool = folder / "archive" / "pool"
    pool.mkdir(parents=True)
    package = pool / f"{PACKAGE}_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree, package], check=True, capture_output=True)
    entry = (tree / "DEBIAN" / "control").read_text()
    entry += f"Filename: pool/{package.name}\nSize: {package.stat().st_size}\nSHA256: {sha256(package)}\n"
    lines = [
        "Suite: trixie",
        "Codename: trixie",
        "Components: main",
        "Architectures: all amd64 arm64",
        "SHA256:",
    ]
    for architecture in ("all", "amd64", "arm64"):
        index = release / "main" / f"binary-{architecture}" / "Packages"
        index.parent.mkdir(parents=True)
        index.write_text(entry)
        lines.append(f" {sha256(index)} {index.stat().st_size} {index.relative_to(release)}")
    (release / "Release").write_text("\n".join(lines) + "\n")
    return Source((f"file:{folder / 'archive'}",), ("bookworm",), ("main",), (("Trusted", "yes"),))


@pytest.mark.parametrize(
    ("depends", "fits"), [("dpkg", True), ("dpkg (>= 999)", False), ("no-such-one", False)]
)
def test_package_of_a_later_suite_is_unpacked_only_where_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depends: str, fits: bool
) -> None:
    source = make_archive(tmp_path, depends)
    monkeypatch.setattr(debian, "codename", lambda: "bookworm")
    monkeypatch.setattr(debian, "machine_sources", lambda: [source])
    monkeypatch.setattr(debian, "CACHE", tmp_path / "cache")
    target = tmp_path / "library" / "insteptest"
    target.parent.mkdir()
    assert debian.take_from_later_suite(PACKAGE, MEMBER, target) is fits
    assert (target / "DESCRIPTION").exists() is fits
    assert subprocess.run(["dpkg", "-s", PACKAGE], capture_output=True, check=False).returncode != 0
