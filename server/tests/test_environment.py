from __future__ import annotations

from instep_server.core.environment import overlay
from plan_driver import artifact


def test_overlay_hides_and_deletes_and_leaves_what_is_below() -> None:
    below = {"a": artifact("a", "1"), "b": artifact("b", "1")}
    above = overlay(below, [artifact("a", "2"), artifact("c", "2")], ["b"])
    assert {name: one.hash for name, one in above.items()} == {"a": "2", "c": "2"}
    assert {name: one.hash for name, one in below.items()} == {"a": "1", "b": "1"}


def test_overlay_of_nothing_is_the_same_object() -> None:
    below = {"a": artifact("a", "1")}
    assert overlay(below, [], []) is below
