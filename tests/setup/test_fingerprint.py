"""Fingerprints change with names, contents and facts, and with nothing else."""

from __future__ import annotations

from pathlib import Path

from scripts.instep_setup.fingerprint import fingerprint


def test_fingerprint_follows_contents_names_and_facts(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("one")
    b.write_text("two")
    before = fingerprint([a, b], "fact")
    assert fingerprint([b, a], "fact") == before
    assert fingerprint([a, b], "other") != before
    assert fingerprint([a], "fact") != before
    a.touch()
    assert fingerprint([a, b], "fact") == before
    a.write_text("changed")
    assert fingerprint([a, b], "fact") != before
