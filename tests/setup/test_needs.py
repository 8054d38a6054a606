"""Set-up reads what R packages are needed from the R package itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.instep_setup import needs
from scripts.instep_setup.needs import RPackage
from scripts.instep_setup.terminal import SetupError


def test_r_packages_come_from_the_description_the_examples_and_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = tmp_path / "DESCRIPTION"
    description.write_text(
        "Package: x\nDepends: \n    R (>= 4.2.0)\nImports: cli (>= 3.4.0),\n    methods,\n    rlang\n"
        "Suggests: \n    data.table,\n    Matrix\nLinkingTo: \n    cpp11\nEncoding: UTF-8\n"
    )
    monkeypatch.setattr(needs, "DESCRIPTION", description)
    found = needs.r_packages()
    assert RPackage("cli", "3.4.0") in found
    assert sorted(package.name for package in found) == [
        *("Matrix", "cli", "cpp11", "data.table", "ggplot2", "mgcv", "ranger", "rlang", "survival"),
    ]
    assert RPackage("data.table").debian == "r-cran-data.table"


def test_machine_without_apt_is_told_everything_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.instep_setup.debian.has_apt", lambda: False)
    missing = [needs.Need("R 4.2 or later", "r-base-core"), needs.Need("pkg-config", "pkg-config")]
    with pytest.raises(SetupError) as caught:
        needs.install_programs(missing, [RPackage("cli"), RPackage("rlang")])
    for word in ("R 4.2 or later", "pkg-config", "cli rlang"):
        assert word in str(caught.value)


def test_user_without_root_is_told_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.instep_setup.debian.privilege", lambda: None)
    monkeypatch.setattr("scripts.instep_setup.debian.has_apt", lambda: True)
    with pytest.raises(SetupError, match=r"apt-get install .*pkg-config"):
        needs.install_programs([needs.Need("pkg-config", "pkg-config")], [])
