"""The Python SDK's flow language, as steps of real runs see it."""

from __future__ import annotations

import pytest
from project import Project

NESTED = """
    from instep import FlowSpec, current, step

    class Nested(FlowSpec):
        scale = 10

        @step
        def start(self):
            self.a = ["x", "y"]
            self.kept = "before"
            self.outside = [self.input, self.index, self.foreach_stack()]
            self.next(self.one, foreach="a")

        @step
        def one(self):
            self.b = [10, 20, 30]
            self.next("two", foreach="b")

        @step
        def two(self):
            self.stack = self.foreach_stack()
            self.value = [self.input, self.index, self.b[self.index], self.scale]
            self.next(self.inner)

        @step
        def inner(self, inputs):
            self.stacks = [each.stack for each in inputs]
            self.values = [each.value for each in inputs]
            self.merge_artifacts(inputs, include=["a", "kept"])
            self.letter = self.input
            self.next(self.outer)

        @step
        def outer(self, inputs):
            self.letters = [each.letter for each in inputs]
            self.stacks = [stack for each in inputs for stack in each.stacks]
            self.values = [value for each in inputs for value in each.values]
            self.count = len(inputs)
            self.merge_artifacts(inputs, include=["kept"])
            self.lost = hasattr(self, "a")
            self.next(self.end)

        @step
        def end(self):
            self.path = current.pathspec

    if __name__ == "__main__":
        Nested()
"""

MERGE = """
    from instep import FlowSpec, step

    class Merge(FlowSpec):
        @step
        def start(self):
            self.unit, self.n = "kg", 0
            self.next(self.left, self.right)

        @step
        def left(self):
            self.n, self.a = 1, 5
            self.next(self.join)

        @step
        def right(self):
            self.n = 2
            self.next(self.join)

        @step
        def join(self, inputs):
            try:
                self.merge_artifacts(inputs)
            except Exception as error:
                self.refused = [type(error).__name__, error.artifact_names, hasattr(self, "unit")]
            self.n = inputs.left.n + inputs.right.n
            self.order = [each.n for each in inputs]
            self.merge_artifacts(inputs)
            self.next(self.end)

        @step
        def end(self):
            self.items = [1]
            self.items.append(2)

    if __name__ == "__main__":
        Merge()
"""

FIXED = """
    from instep import FlowSpec, JSONType, Parameter, current, step

    class Fixed(FlowSpec):
        alpha = Parameter("alpha", default=0.5, help="A share.")
        words = Parameter("words", separator=",", default="a,b")
        table = Parameter("table", type=JSONType, default='{"k": [1, 2]}')
        none = Parameter("none")
        limit = [1, 2]

        @step
        def start(self):
            self.seen = [self.alpha, self.words, self.table, self.none, self.limit]
            self.refused = []
            for name in ("alpha", "limit"):
                try:
                    setattr(self, name, 1)
                except AttributeError as error:
                    self.refused.append(name in str(error))
            try:
                self.missing
            except AttributeError as error:
                self.refused.append("missing" in str(error))
            self.names = list(current.parameter_names)
            self.next(self.end)

        @step
        def end(self):
            self.seen = self.seen + [self.alpha]

    if __name__ == "__main__":
        Fixed()
"""

IN_PLACE = """
    from instep import FlowSpec, step

    class InPlace(FlowSpec):
        @step
        def start(self):
            self.items = [1]
            self.same = {"k": 1}
            self.next(self.grow)

        @step
        def grow(self):
            self.items.append(2)
            self.same
            self.next(self.end)

        @step
        def end(self):
            self.items.append(3)

    if __name__ == "__main__":
        InPlace()
"""


def test_nested_foreach_keeps_stacks_order_and_items(project: Project) -> None:
    project.write("nested.py", NESTED)
    project.call("nested.py", "run")
    data = project.read(
        "(lambda d: [d.letters, d.stacks, d.values, d.count, d.kept, d.lost, d.path, d.scale])"
        "(Flow('Nested').latest_run.data)"
    )
    assert data[0] == ["x", "y"]
    assert data[1] == [
        [[i, 2, letter], [j, 3, number]]
        for i, letter in enumerate("xy")
        for j, number in enumerate([10, 20, 30])
    ]
    assert data[2] == [[number, j, number, 10] for _ in "xy" for j, number in enumerate([10, 20, 30])]
    assert data[3:6] == [2, "before", False]
    assert data[6].startswith("Nested/")
    assert data[7] == 10
    assert project.read("Flow('Nested').latest_run['start'].task.data.outside") == [None, None, []]
    assert project.read("len(list(Flow('Nested').latest_run['two']))") == 6


def test_join_merges_what_agrees_and_refuses_what_does_not(project: Project) -> None:
    project.write("merge.py", MERGE)
    project.call("merge.py", "run")
    data = project.read(
        "(lambda d: [d.refused, d.n, d.unit, d.a, d.order, d.items])(Flow('Merge').latest_run.data)"
    )
    assert data == [["MergeArtifactsException", ["n"], False], 3, "kg", 5, [1, 2], [1, 2]]


@pytest.mark.holds("6.5 6.6 6.7 6.10 6.11", "python")
def test_parameters_and_constants_are_read_everywhere_and_fixed(project: Project) -> None:
    project.write("fixed.py", FIXED)
    project.environment["INSTEP_RUN_WORDS"] = "x,y,z"
    project.call("fixed.py", "run", "--alpha", "0.25", "--table", '{"z": null}')
    data = project.read("(lambda d: [d.seen, d.refused, d.names])(Flow('Fixed').latest_run.data)")
    assert data[0] == [0.25, ["x", "y", "z"], {"z": None}, None, [1, 2], 0.25]
    assert data[1] == [True, True, True]
    assert data[2] == ["alpha", "none", "table", "words"]


def test_change_in_place_is_stored_for_this_task_and_later_ones(project: Project) -> None:
    project.write("in_place.py", IN_PLACE)
    project.call("in_place.py", "run")
    steps = "{step.id: step.task.data.items for step in Flow('InPlace').latest_run}"
    assert project.read(steps) == {"start": [1], "grow": [1, 2], "end": [1, 2, 3]}
    shas = "len({step.task['same'].sha for step in Flow('InPlace').latest_run})"
    assert project.read(shas) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("None", ["xs"]),
        ("5", ["xs"]),
        ("{'a': 1}", ["xs", "dict"]),
        ("[]", ["xs", "zero splits"]),
        ("(i for i in [1])", ["xs"]),
    ],
)
def test_foreach_over_what_has_no_items_fails_and_says_why(
    project: Project, value: str, words: list[str]
) -> None:
    project.write(
        "bad.py",
        f"""
        from instep import FlowSpec, step

        class Bad(FlowSpec):
            @step
            def start(self):
                self.xs = {value}
                self.next(self.work, foreach="xs")

            @step
            def work(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Bad()
        """,
    )
    done = project.call("bad.py", "run", expect=1)
    for word in [*words, "start"]:
        assert word in done.text


def test_more_items_than_allowed_fails_with_number_limit_and_option(project: Project) -> None:
    project.write("nested.py", NESTED)
    done = project.call("nested.py", "run", "--max-num-splits", "2", expect=1)
    for word in ("3", "2", "--max-num-splits"):
        assert word in done.text
