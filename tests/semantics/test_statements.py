"""Every numbered statement of docs/semantics.md is held by a test in each language that it speaks about."""

from __future__ import annotations

from scripts.statements import NAMES, PAGE, marks, missing, needed, page, statements


def test_every_statement_is_held_in_every_language_that_it_needs() -> None:
    assert missing() == needed()[1]


def test_marks_and_languages_name_statements_that_are_there() -> None:
    known = {one.number for one in statements()}
    assert len(known) > 150
    assert not {(mark.test, number) for mark in marks() for number in mark.numbers if number not in known}
    languages, _ = needed()
    assert all(languages[number] and languages[number] <= NAMES.keys() for number in known)


def test_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/statements.md is stale; write it with `make docs`."
    )
