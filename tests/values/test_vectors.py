"""Each language reads the test vectors of both, and stores its own as the same bytes again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from instep_conformance.vectors import VECTORS
from instep_proto.v1 import value_pb2 as pb
from values.vectors import CASES, COMMANDS, run

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")


def laid_out(language: str, target: Path) -> Path:
    """Lays out the vectors of a language as exchange.py and exchange.R want them."""
    target.mkdir()
    for name in CASES:
        vector = VECTORS / language / name
        shutil.copy(vector / "manifest.bin", target / f"{name}.manifest")
        for blob in vector.glob("blobs/*"):
            place = target / "objects" / "b3" / blob.name[:2] / blob.name[2:]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(blob, place)
    (target / "writer").write_text(f"{language}\n")
    return target


def content(manifest: Path) -> pb.Manifest:
    """A manifest without the version of its producer."""
    found = pb.Manifest.FromString(manifest.read_bytes())
    found.producer = ""
    return found


@pytest.mark.parametrize("language", COMMANDS)
def test_all_cases_are_there(language: str) -> None:
    assert {path.name for path in (VECTORS / language).iterdir()} == set(CASES)


@pytest.mark.parametrize("reader", COMMANDS)
@pytest.mark.parametrize("writer", COMMANDS)
def test_vectors_are_read(writer: str, reader: str, tmp_path: Path) -> None:
    run(reader, "check", laid_out(writer, tmp_path / "vectors"))


@pytest.mark.parametrize("language", COMMANDS)
def test_vectors_are_stored_again_as_the_same_bytes(language: str, tmp_path: Path) -> None:
    run(language, "echo", laid_out(language, tmp_path / "vectors"), tmp_path / "again")
    changed = [
        name
        for name in CASES
        if content(tmp_path / "again" / f"{name}.manifest")
        != content(VECTORS / language / name / "manifest.bin")
    ]
    assert changed == []


@pytest.mark.parametrize(("writer", "between"), [("python", "r"), ("r", "python")])
def test_vectors_come_back_from_the_other_language(writer: str, between: str, tmp_path: Path) -> None:
    run(between, "echo", laid_out(writer, tmp_path / "vectors"), tmp_path / "again")
    run(writer, "check", tmp_path / "again")
