"""Lists with their filters, and tags, asked of the real program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from instep_proto.v1 import run_pb2
from rig import StepDef, running

LINE = [StepDef("start", ["end"]), StepDef("end")]
EACH = [
    StepDef("start", ["work"], foreach="xs", script={"set": {"xs": "x"}, "count": 3}),
    StepDef("work", ["join"]),
    StepDef("join", ["end"], join=True),
    StepDef("end"),
]


def test_list_runs_filters_and_pages(home: Path, refusal) -> None:
    with running(home, LINE) as rig:
        for number in range(4):
            rig.finish(rig.submit(f"r{number}", tags=["even"] if number % 2 == 0 else ["odd"]))

        def listed(**fields: object) -> list[str]:
            return [run.run_id for run in rig.call("ListRuns", **fields).runs]

        assert listed(tags=["even", "user:ada"]) == ["3", "1"]
        assert listed(states=[run_pb2.RUN_STATE_FAILED]) == []
        assert len(listed(step="end")) == 4
        assert listed(step="other") == []
        assert listed(flow="Other") == []
        newest = rig.call("ListRuns", limit=1).runs[0]
        assert listed(since_unix_ms=newest.created_unix_ms + 1) == []
        first = rig.call("ListRuns", limit=3)
        rest = rig.call("ListRuns", limit=3, after=first.next)
        assert [run.run_id for run in [*first.runs, *rest.runs]] == ["4", "3", "2", "1"]
        assert rest.next == ""
        refused = refusal(rig.call, "ListRuns", after="yesterday")
        assert (refused.reason, refused.text) == ("MALFORMED", "'yesterday' is not where a page has ended.")


def test_list_flows_by_tags_of_their_runs(home: Path) -> None:
    with running(home, LINE) as rig:
        rig.finish(rig.submit("r1", tags=["a"]))
        rig.finish(rig.submit("r2", tags=["b"]))
        assert list(rig.call("ListFlows", tags=["a", "user:ada"]).flows) == ["Demo"]
        assert list(rig.call("ListFlows", tags=["a", "b"]).flows) == []


def test_list_tasks_by_state_and_step(home: Path) -> None:
    with running(home, EACH) as rig:
        run = rig.finish(rig.submit())

        def listed(**fields: object) -> list[str]:
            answer = rig.call("ListTasks", flow="Demo", run_id=run.run_id, **fields)
            return [task.task_id for task in answer.tasks]

        assert listed(states=[run_pb2.TASK_STATE_FAILED]) == []
        assert listed(states=[run_pb2.TASK_STATE_SUCCEEDED], step="work") == ["4", "3", "2"]
        assert listed(step="work", limit=2) == ["4", "3"]
        assert listed(step="work", after_task_id="3") == ["2"]


def test_tasks_tell_their_children(home: Path) -> None:
    with running(home, EACH) as rig:
        run = rig.finish(rig.submit())
        children = {task.task_id: list(task.child_task_ids) for task in rig.tasks(run)}
        assert children == {"1": ["2", "3", "4"], "2": ["5"], "3": ["5"], "4": ["5"], "5": ["6"], "6": []}


@pytest.mark.parametrize(
    ("remove", "add", "after"),
    [
        ([], ["b", "b", "c d", "é"], ["a", "b", "c d", "é"]),
        ([], ["a", "user:ada"], ["a"]),
        (["a", "zz"], [], []),
        (["a"], ["a", "b"], ["a", "b"]),
        (["a"], [str(number) for number in range(50)], sorted(str(number) for number in range(50))),
    ],
)
def test_change_tags_removes_and_then_adds(
    home: Path, remove: Sequence[str], add: Sequence[str], after: Sequence[str]
) -> None:
    with running(home, LINE) as rig:
        run = rig.finish(rig.submit(tags=["a"]))
        changed = rig.call("ChangeTags", flow="Demo", run_id=run.run_id, remove=remove, add=add).run
        assert list(changed.user_tags) == after
        assert changed.system_tags == run.system_tags
        assert rig.call("GetRun", flow="Demo", run_id=run.run_id).run == changed


@pytest.mark.parametrize(
    ("remove", "add", "text"),
    [
        ([], [], "Name a tag to add or to remove."),
        ([], ["b", ""], "A tag can't be empty."),
        (["a", ""], [], "A tag can't be empty."),
        ([], ["x" * 501], f"A tag has at most 500 characters, and this one has 501: '{'x' * 40}'..."),
        ([], [str(n) for n in range(50)], "A run has at most 50 tags, and this one would have 51."),
        (
            ["a", "user:ada"],
            ["b"],
            "'user:ada' is a system tag, which can't be removed. Nothing was changed.",
        ),
    ],
)
def test_change_tags_is_refused_as_a_whole(
    home: Path, refusal, remove: Sequence[str], add: Sequence[str], text: str
) -> None:
    with running(home, LINE) as rig:
        run = rig.finish(rig.submit(tags=["a"]))
        refused = refusal(rig.call, "ChangeTags", flow="Demo", run_id=run.run_id, remove=remove, add=add)
        assert (refused.code, refused.reason, refused.text) == ("INVALID_ARGUMENT", "TAG_INVALID", text)
        assert rig.call("GetRun", flow="Demo", run_id=run.run_id).run == run


def test_bad_tags_stop_a_run_before_it_starts(home: Path, refusal) -> None:
    with running(home, LINE) as rig:
        assert refusal(rig.submit, tags=["ok", ""]).reason == "TAG_INVALID"
        assert refusal(rig.submit, tags=[str(number) for number in range(51)]).reason == "TAG_INVALID"
        assert list(rig.call("ListRuns").runs) == []
