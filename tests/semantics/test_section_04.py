"""Foreach."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, MIXES, Step, plain, write
from project import Project

PY_SAW = "self.saw = [self.input, self.index, [list(level) for level in self.foreach_stack()]]"
R_SAW = "self$saw <- list(self$input, self$index, self$foreach_stack())"
NESTED = {
    "start": Step(
        py=f"self.a = ['x', 'y']\n{PY_SAW}", r=f'self$a <- c("x", "y")\n{R_SAW}', next="one", foreach="a"
    ),
    "one": Step(py="self.b = [10, 20, 30]", r="self$b <- c(10L, 20L, 30L)", next="two", foreach="b"),
    "two": Step(py=PY_SAW, r=R_SAW, next="tidy"),
    "tidy": Step(
        py=f"before = list(self.saw)\n{PY_SAW}\nself.same = before == self.saw and self.b[self.index] == self.input",
        r=f"before <- self$saw\n{R_SAW}\nself$same <- identical(before, self$saw) && self$b[[self$index + 1]] == self$input",
        next="inner",
    ),
    "inner": Step(
        py="""
        if self.index == 0:
            self.a = inputs[0].a
        self.inside = [one.saw for one in inputs]
        self.same = all(one.same for one in inputs)
        """,
        r="""
        if (self$index == 0) self$a <- inputs[[1]]$a
        self$inside <- gather_inputs(inputs, "saw")
        self$same <- all(unlist(gather_inputs(inputs, "same")))
        """,
        join=True,
        next="after",
    ),
    "after": Step(py=PY_SAW, r=R_SAW, next="outer"),
    "outer": Step(
        py="self.insides, self.afters = [one.inside for one in inputs], [one.saw for one in inputs]\n"
        "self.same = all(one.same for one in inputs)",
        r='self$insides <- gather_inputs(inputs, "inside"); self$afters <- gather_inputs(inputs, "saw")\n'
        'self$same <- all(unlist(gather_inputs(inputs, "same")))',
        join=True,
        next="end",
    ),
    "end": Step(),
}


@pytest.mark.holds("4.1 4.2 4.3 4.4 4.5 4.6", "python", "r", "mixed")
@pytest.mark.parametrize(("language", "r_steps"), MIXES)
def test_each_task_of_nested_foreach_has_its_items(
    project: Project, run, data, language: str, r_steps: int
) -> None:
    project.call(write(project, language, NESTED, r_steps=r_steps), "run")
    assert data("start", "saw") == [None, None, []]
    insides, afters, same = data("outer", "insides", "afters", "same")
    assert same is True
    assert insides == [
        [[item, j, [[i, 2, outer], [j, 3, item]]] for j, item in enumerate([10, 20, 30])]
        for i, outer in enumerate("xy")
    ]
    # The list of the outer level was carried through the first inner join only.
    assert afters == [["x", 0, [[0, 2, "x"]]], [None, 1, [[1, 2, None]]]]
    assert len(list(run("1")["two"])) == 6
    saws = sorted(
        (plain(task.data.saw) for task in run("1")["two"]), key=lambda saw: [level[0] for level in saw[2]]
    )
    assert saws[4] == [20, 1, [[1, 2, "y"], [1, 3, 20]]]


def over(py: str, r: str) -> dict[str, Step]:
    """A flow with one foreach, over what the code gives."""
    return {
        "start": Step(py=f"self.xs = {py}", r=f"self$xs <- {r}", next="work", foreach="xs"),
        "work": Step(py="self.y = self.input", r="self$y <- self$input", next="join"),
        "join": Step(py="self.ys = [one.y for one in inputs]", r='self$ys <- gather_inputs(inputs, "y")', join=True,
                     next="end"),
        "end": Step(),
    }  # fmt: skip


@pytest.mark.holds("4.7", "python", "r", "mixed")
@pytest.mark.parametrize(
    ("language", "code", "items"),
    [
        *((language, code, items) for language in ("python", "mixed") for code, items in [
            ("'abc'", ["a", "b", "c"]), ("(4, 'b')", [4, "b"]), ("{7}", [7]),
        ]),
        ("python", "range(2)", [0, 1]),
        *((language, code, items) for language in ("r", "mixed") for code, items in [
            ('"Ideal"', ["Ideal"]), ("5", [5]), ('list(1, "b")', [1, "b"]), ("c(u = 1L, v = 2L)", [1, 2]),
        ]),
    ],
)  # fmt: skip
def test_items_are_those_of_the_iterable(
    project: Project, data, language: str, code: str, items: list[object]
) -> None:
    from_r = language == "r" or (
        language == "mixed" and code in ('"Ideal"', "5", 'list(1, "b")', "c(u = 1L, v = 2L)")
    )
    steps = over(code, code)
    project.call(write(project, language, steps, r_steps=0 if from_r else 1), "run")
    assert data("join", "ys") == items


REFUSED = {
    "python": [("None", ["xs", "start"]), ("3", ["xs", "start"]), ("[]", ["xs", "zero splits"]),
               ("(one for one in [1])", ["xs"]), ("{'a': 1}", ["xs", "dict"]),
               ("__import__('pandas').DataFrame({'a': [1]})", ["xs", "data frame"])],
    "r": [("NULL", ["xs", "start"]), ("character()", ["xs", "zero splits"]), ("list()", ["xs", "zero splits"]),
          ("data.frame(a = 1)", ["xs", "data frame"])],
}  # fmt: skip


@pytest.mark.holds("4.8 4.9", "python", "r", "mixed")
@pytest.mark.parametrize(
    ("language", "code", "words"),
    [
        *((language, *case) for language in ("python", "r") for case in REFUSED[language]),
        *(("mixed", *case) for case in (REFUSED["python"][2], REFUSED["python"][4])),
    ],
)
def test_what_has_no_items_fails_the_split(
    project: Project, run, language: str, code: str, words: list[str]
) -> None:
    done = project.call(write(project, language, over(code, code)), "run", expect=1)
    for word in words:
        assert word in done.text
    assert [step.id for step in run("1")] == ["start"]


@pytest.mark.holds("4.10", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_too_many_items_fail_the_run_and_not_the_split(project: Project, run, language: str) -> None:
    file = write(project, language, over("list(range(5))", "1:5"))
    done = project.call(file, "run", "--max-num-splits", "4", expect=1)
    for word in ("5", "4", "--max-num-splits"):
        assert word in done.text
    assert run("1")["start"].task.successful
    assert [step.id for step in run("1")] == ["start"]
    project.call(file, "resume", "--max-num-splits", "5")
    assert run("2").successful


@pytest.mark.holds("4.11", "python", "mixed")
@pytest.mark.parametrize("language", ["python", "mixed"])
def test_a_thousand_items_join_in_order(project: Project, run, data, language: str) -> None:
    file = write(project, language, over("list(range(1001))", "0:1000"))
    project.call(file, "--quiet", "run", "--max-workers", "2")
    assert data("join", "ys") == list(range(1001))
    assert len(list(run("1")["work"])) == 1001


@pytest.mark.holds("4.12", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_variable_of_a_foreach_must_be_there(project: Project, language: str) -> None:
    file = write(
        project, language, over("1\ndel self.xs", '1L; rm("xs", envir = new.env()); self$xs <- NULL')
    )
    steps = over("1", "1")
    steps["start"] = Step(py="self.ys = [1]", r="self$ys <- 1", next="work", foreach="xs")
    project.call(file, "check")
    done = project.call(write(project, language, steps), "run", expect=1)
    assert "xs" in done.text
    assert "start" in done.text
    steps["start"] = Step(py="self.xs = [1]", r="self$xs <- 1", next="work end", foreach="xs")
    assert "foreach" in project.call(write(project, language, steps), "check", expect=1).text


BODY = {
    "start": Step(py="self.xs = [1, 2]", r="self$xs <- 1:2", next="choose", foreach="xs"),
    "choose": Step(
        py="self.one = self.input == 1", r="self$one <- self$input == 1L",
        next={True: "direct", False: "split"}, condition="one",
    ),
    "direct": Step(py="self.z = [0, 1]", r="self$z <- list(0L, 1L)", next="meet"),
    "split": Step(next="a b"),
    "a": Step(py="self.z = 1", r="self$z <- 1L", next="close"),
    "b": Step(py="self.z = 2", r="self$z <- 2L", next="close"),
    "close": Step(py="self.z = [one.z for one in inputs]", r="self$z <- unname(gather_inputs(inputs, 'z'))", join=True,
                  next="again"),
    "again": Step(py="self.ys = self.z", r="self$ys <- self$z", next="deep", foreach="ys"),
    "deep": Step(py="self.w = self.input * 10", r="self$w <- self$input * 10L", next="deeper"),
    "deeper": Step(py="self.z = [one.w for one in inputs]", r="self$z <- unname(gather_inputs(inputs, 'w'))", join=True,
                   next="meet"),
    "meet": Step(py="self.result = [self.index, list(self.z)]", r="self$result <- list(self$index, as.list(self$z))",
                 next="gather"),
    "gather": Step(py="self.all = [one.result for one in inputs]", r="self$all <- gather_inputs(inputs, 'result')",
                   join=True, next="end"),
    "end": Step(),
}  # fmt: skip


@pytest.mark.holds("4.13 5.4 5.5 2.7", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_bodies_may_have_splits_switches_and_foreach(project: Project, data, language: str) -> None:
    project.call(write(project, language, BODY), "run")
    assert data("gather", "all") == [[0, [0, 1]], [1, [10, 20]]]
