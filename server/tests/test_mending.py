"""Mending the database: a wrong bit is put right, and what is whole is kept."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep_server.db.connection import connect
from instep_server.db.mending import PAGE_BYTES, find_damage, healed_page, mend
from instep_server.db.opening import prepare
from instep_server.errors import StoreError
from instep_server.home import Home
from rig import StepDef, running

LINE = [StepDef("start", ["end"], script={"outputs": {"x": "1"}, "stdout": "said\n"}), StepDef("end")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    path = tmp_path_factory.mktemp("db") / "instep.db"
    prepare(path)
    data = path.read_bytes()
    return [data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES)]


@given(data=st.data())
def test_a_page_is_healed_right_or_not_at_all(pages: list[bytes], data: st.DataObject) -> None:
    page = data.draw(st.sampled_from(pages))
    place, bit = data.draw(st.integers(0, PAGE_BYTES - 1)), data.draw(st.integers(0, 7))
    assert healed_page(page) is None
    flipped = page[:place] + bytes([page[place] ^ 1 << bit]) + page[place + 1 :]
    assert healed_page(flipped) in (page, None)


def test_low_bits_of_a_word_are_healed(pages: list[bytes]) -> None:
    draw = random.Random(1)
    for page in pages:
        place = 4 * draw.randrange(PAGE_BYTES // 4) + draw.randrange(2)
        flipped = page[:place] + bytes([page[place] ^ 1 << draw.randrange(8)]) + page[place + 1 :]
        assert healed_page(flipped) == page


def recorded(home: Path) -> Home:
    """A store with two runs."""
    with running(home, LINE) as rig:
        rig.finish(rig.submit("one"))
        rig.finish(rig.submit("two"))
    return Home(home)


def destroy(home: Home, table: str) -> None:
    """Overwrites the first page of a table."""
    with closing(connect(home.database)) as connection:
        page = connection.value("SELECT rootpage FROM sqlite_schema WHERE name = :name", {"name": table})
    with home.database.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(random.Random(0).randbytes(PAGE_BYTES))


def mended(home: Home) -> list[str]:
    """Mends, and names what is lost."""
    (finding,) = find_damage(home)
    mend(home, finding)
    assert find_damage(home) == []
    return finding.touches


def runs(home: Home) -> list[tuple[str, int]]:
    with closing(connect(home.database)) as connection:
        rows = connection.rows(
            "SELECT flows.name, runs.number FROM runs JOIN flows ON flows.id = runs.flow ORDER BY runs.id"
        )
        return [(row["name"], row["number"]) for row in rows]


def test_runs_are_kept_without_their_events(home: Path) -> None:
    store = recorded(home)
    destroy(store, "events")
    assert mended(store) == ["Demo/1: its events", "Demo/2: its events"]
    assert runs(store) == [("Demo", 1), ("Demo", 2)]


def test_an_index_is_made_again(home: Path) -> None:
    store = recorded(home)
    destroy(store, "runs_by_flow")
    assert mended(store) == []
    assert runs(store) == [("Demo", 1), ("Demo", 2)]


def test_names_of_flows_are_found_in_their_graphs(home: Path) -> None:
    store = recorded(home)
    destroy(store, "flows")
    assert mended(store) == []
    assert runs(store) == [("Demo", 1), ("Demo", 2)]


@pytest.mark.parametrize("table", ["artifacts", "runs"])
def test_runs_that_cannot_be_read_are_named(home: Path, table: str) -> None:
    store = recorded(home)
    destroy(store, table)
    assert mended(store) == ["Demo/1: all of it", "Demo/2: all of it"]
    assert runs(store) == []
    assert list(store.damaged.glob("database-*/instep.db"))


def test_nothing_is_mended_while_others_work(home: Path) -> None:
    store = recorded(home)
    destroy(store, "events")
    (finding,) = find_damage(store)
    lock = store.make("other", b"")
    with pytest.raises(StoreError, match="can't be mended while others use the store"):
        mend(store, finding)
    lock.release()
