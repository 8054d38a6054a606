"""The client in both languages, over runs of both."""

from __future__ import annotations

import pytest
from project import Project

PYTHON = """
    from instep import FlowSpec, step

    class Client(FlowSpec):
        include = ["client.R"]

        @step
        def start(self):
            print("hello from Python")
            self.x = 1
            self.items = ["a", "b"]
            self.next("work", foreach="items")

        @step
        def end(self):
            self.x = 2

    if __name__ == "__main__":
        Client()
"""

R = """
    library(instep)

    work <- function(self) {
      cat("hello from R\\n")
      self$letter <- self$input
      self$table <- data.frame(n = 1:2, word = c("p", "q"))
    }

    flow("Client", include = "client.py") |>
      step("work", work, next_step = "join") |>
      step("join", \\(self, inputs) {
        self$letters <- unlist(gather_inputs(inputs, "letter"))
        self$table <- inputs[[1]]$table
      }, next_step = "end") |>
      run()
"""


@pytest.fixture
def ran(project: Project) -> Project:
    """A project in which the flow Client ran twice."""
    project.write("client.py", PYTHON)
    project.write("client.R", R)
    project.call("client.py", "run")
    project.call("client.R", "run")
    return project


@pytest.mark.holds("11.1 11.2 11.3 11.4 11.6 11.8 11.10", "python")
def test_python_walks_from_flow_to_artifact(ran: Project) -> None:
    ran.write(
        "walk.py",
        """
        from instep import DataArtifact, Flow, Run, Step, Task

        flow = Flow("Client")
        runs = list(flow)
        assert len(runs) == 2 and int(runs[0].id) > int(runs[1].id)
        run = flow.latest_run
        assert run == runs[0] and run == flow.latest_successful_run
        assert run.finished and run.successful and run.finished_at >= run.created_at
        assert [step.id for step in run] == ["end", "join", "work", "start"], [step.id for step in run]
        assert run.data.x == 2 and run.end_task.pathspec == run["end"].task.pathspec
        assert list(run.data.letters) == ["a", "b"]
        assert run.data.table.word.tolist() == ["p", "q"]
        work = list(run["work"])
        assert sorted(task.index for task in work) == [0, 1]
        assert all(task.stdout.strip() == "hello from R" for task in work)
        start = run["start"].task
        assert start.stdout == "hello from Python\\n" and start.index is None
        assert sorted(task.data.letter for task in work) == ["a", "b"]
        assert [task.pathspec for task in work[0].parent_tasks] == [start.pathspec]
        assert Task(start.pathspec).data.x == 1 and Run(run.pathspec) == run and Step(run["work"].pathspec)
        assert start["x"].data == 1 and start["x"].sha == DataArtifact(start["x"].pathspec).sha
        assert "x" in start.data and "nothing" not in start.data
        for wrong, error in [(lambda: start["nothing"], KeyError), (lambda: start.data.nothing, AttributeError)]:
            try:
                wrong()
            except error as caught:
                assert "nothing" in str(caught)
            else:
                raise AssertionError(error)
        print("walked")
        """,
    )
    assert ran.call("walk.py").stdout == "walked\n"


def test_r_walks_from_flow_to_artifact(ran: Project) -> None:
    shown = ran.r(
        """
        flow <- flow_client("Client")
        stopifnot(length(flow$runs()) == 2)
        run <- flow$latest_run
        stopifnot(run$successful, run$finished, identical(run$data$x, 2L))
        stopifnot(identical(run$data$letters, c("a", "b")), is.data.frame(run$data$table))
        step <- run[["work"]]
        stopifnot(length(step$tasks) == 2)
        letters <- vapply(step$tasks, \\(task) task$data$letter, "")
        stopifnot(setequal(letters, c("a", "b")))
        start <- run[["start"]]$task
        stopifnot(start$stdout == "hello from Python\\n", identical(start$data$x, 1L))
        failed <- tryCatch(start$data$nothing, error = conditionMessage)
        stopifnot(grepl("nothing", failed))
        cat("walked")
        """
    )
    assert shown == "walked"


def test_what_does_not_exist_is_an_error_that_names_it(ran: Project) -> None:
    ran.write(
        "missing.py",
        """
        from instep import Flow, Run

        for name in ("Flow('Nothing')", "Run('Client/999')", "Run('Client')", "Flow('Client')['999']"):
            try:
                eval(name)
            except Exception as error:
                print(type(error).__name__, error)
            else:
                print("no error for", name)
        """,
    )
    text = ran.call("missing.py").text
    assert "no error" not in text
    assert "Nothing" in text
    assert "Pathspec" in text
    shown = ran.r(
        """
        caught <- tryCatch(flow_client("Nothing"), error = identity)
        cat(class(caught)[1:2], conditionMessage(caught))
        """
    )
    assert "instep_error" in shown
    assert "Nothing" in shown


def test_run_is_visible_to_its_own_tasks(project: Project) -> None:
    project.write(
        "own.py",
        """
        from instep import Flow, FlowSpec, current, step

        class Own(FlowSpec):
            @step
            def start(self):
                self.mark = 7
                self.next(self.end)

            @step
            def end(self):
                run = Flow("Own")[current.run_id]
                self.seen = [run.finished, run["start"].task.data.mark]

        if __name__ == "__main__":
            Own()
        """,
    )
    project.call("own.py", "run")
    assert project.read("Flow('Own').latest_run.data.seen") == [False, 7]


def test_artifact_that_is_not_touched_is_not_read(project: Project) -> None:
    project.write(
        "lazy.py",
        """
        from instep import FlowSpec, step

        class Lazy(FlowSpec):
            include = ["lazy.R"]

            @step
            def start(self):
                self.small = 1
                self.big = list(range(500_000))
                self.gone = True
                self.next("look")

            @step
            def end(self):
                self.seen = self.small

        if __name__ == "__main__":
            Lazy()
        """,
    )
    project.write(
        "lazy.R",
        """
        library(instep)
        look <- function(self) {
          blobs <- list.files(".instep/objects", recursive = TRUE, full.names = TRUE)
          big <- blobs[file.size(blobs) > 1e6]
          stopifnot(length(big) == 1)
          file.remove(big)
          self$also <- self$small
          self$failed <- conditionMessage(tryCatch(self$big, error = identity))
        }
        flow("Lazy") |> step("look", look, next_step = "end") |> run()
        """,
    )
    project.call("lazy.py", "run")
    data = "(lambda d: [d.seen, d.also, 'big' in d.failed, 'big' in d])(Flow('Lazy').latest_run.data)"
    assert project.read(data) == [1, 1, True, True]


@pytest.mark.holds("7.4 7.13 11.5 11.7", "python")
def test_caught_and_retried_tasks_say_so(project: Project) -> None:
    project.write(
        "policy.py",
        """
        from instep import FlowSpec, catch, current, retry, step

        class Policy(FlowSpec):
            include = ["policy.R"]

            @retry(times=2)
            @step
            def start(self):
                self.seen = current.retry_count
                if current.retry_count < 2:
                    raise ValueError(f"attempt {current.retry_count}")
                self.next("broken")

            @catch(var="ex")
            @step
            def end(self):
                raise KeyError("late")

        if __name__ == "__main__":
            Policy()
        """,
    )
    project.write(
        "policy.R",
        """
        library(instep)
        flow("Policy", include = "policy.py") |>
          step("broken", \\(self) stop("no model"), catch(var = "why"), next_step = "end") |>
          run()
        """,
    )
    project.call("policy.py", "run")
    project.write(
        "look.py",
        """
        from instep import Flow, Task, errors

        run = Flow("Policy").latest_run
        assert (run.finished, run.successful, run.status) == (True, False, "succeeded")
        assert Flow("Policy").latest_successful_run is None
        start = run["start"].task
        assert [(entry.name, entry.value) for entry in start.metadata if entry.type == "attempt"] == [
            ("attempt", "0"), ("attempt", "1"), ("attempt", "2")
        ]
        assert (start.successful, start.exception, start.current_attempt) == (True, None, 2)
        assert start.metadata_dict["attempt-ok"] == "True"
        first = Task(start.pathspec, attempt=0)
        assert (first.successful, first.finished) == (False, False)
        assert (first.exception.exception, first.exception.type) == ("attempt 0", "builtins.ValueError")
        assert first.metadata_dict["attempt-ok"] == "False"
        for step, var in (("broken", "why"), ("end", "ex")):
            task = run[step].task
            assert (task.finished, task.successful, task.exception) == (True, False, None), step
            assert "caught" in repr(task), repr(task)
            assert "no model" in task.data.why.exception
        print("looked")
        """,
    )
    assert project.call("look.py").stdout == "looked\n"


@pytest.mark.holds("9.3 10.2 11.11 11.14", "python")
def test_objects_of_a_running_task_can_be_stored_and_tag_their_run(project: Project) -> None:
    project.write(
        "own.py",
        """
        from instep import FlowSpec, current, namespace, step

        namespace("nobody")

        class Own(FlowSpec):
            @step
            def start(self):
                self.numbers = list(range(20))
                current.run.add_tag("from inside")
                self.run_object, self.task_object = current.run, current.task
                self.next("work", foreach="numbers")

            @step
            def work(self):
                self.seen = sorted(current.run.user_tags)
                self.next("join")

            @step
            def join(self, inputs):
                self.run_object = inputs[0].run_object
                self.task_object = inputs[0].task_object
                self.seen = inputs[0].seen
                self.next("end")

            @step
            def end(self):
                self.again = [task.index for task in self.task_object.child_tasks]

        if __name__ == "__main__":
            Own()
        """,
    )
    project.call("own.py", "run")
    assert project.read("Flow('Own').latest_run.data.again") == list(range(20))
    assert project.read("Flow('Own').latest_run.data.seen") == ["from inside"]
    project.write(
        "stored.py",
        """
        from instep import Flow, namespace

        data = Flow("Own").latest_run.data
        namespace("somewhere else")
        run, task = data.run_object, data.task_object
        assert run.successful and task.parent.parent == run and run in list(run.parent)
        assert len(list(run["work"])) == len(list(task.child_tasks)) == 20
        assert [parent.index for parent in run["join"].task.parent_tasks] == list(range(20))
        print("stored")
        """,
    )
    assert project.call("stored.py").stdout == "stored\n"


@pytest.mark.holds("11.11", "python", "r")
def test_relatives_are_exact_in_every_kind_of_graph(project: Project) -> None:
    """Static splits, nested foreach, joins, switches and recursion in both languages."""
    project.write(
        "graph.py",
        """
        from instep import FlowSpec, step

        class Graph(FlowSpec):
            include = ["graph.R"]

            @step
            def start(self):
                self.next("outer", "loop")

            @step
            def outer(self):
                self.letters = ["a", "b"]
                self.next("inner", foreach="letters")

            @step
            def inner(self):
                self.numbers = [1, 2, 3]
                self.next("leaf", foreach="numbers")

            @step
            def close_inner(self, inputs):
                self.next("close_outer")

            @step
            def close_outer(self, inputs):
                self.next("meet")

            @step
            def meet(self, inputs):
                self.next("end")

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Graph()
        """,
    )
    project.write(
        "graph.R",
        """
        library(instep)
        flow("Graph", include = "graph.py") |>
          step("leaf", \\(self) self$seen <- self$input, next_step = "close_inner") |>
          step("loop", \\(self) {
            self$rounds <- if (inherits(try(self$rounds, silent = TRUE), "try-error")) 1L else self$rounds + 1L
            self$again <- if (self$rounds < 3L) "yes" else "no"
          }, next_step = c(yes = "loop", no = "after"), condition = "again") |>
          step("after", \\(self) invisible(), next_step = "meet") |>
          run()
        """,
    )
    project.call("graph.py", "run")
    project.write(
        "relatives.py",
        """
        from instep import Flow, Task

        run = Flow("Graph").latest_run
        tasks = {step.id: list(step)[::-1] for step in run}

        def up(name, number=0):
            return sorted((task.pathspec.split("/")[2], task.index) for task in tasks[name][number].parent_tasks)

        def down(name, number=0):
            return [(task.path_components[2], task.index) for task in tasks[name][number].child_tasks]

        assert (up("start"), down("end")) == ([], [])
        assert sorted(down("start")) == [("loop", None), ("outer", None)]
        assert down("outer") == [("inner", 0), ("inner", 1)]
        assert up("inner", 1) == [("outer", None)]
        assert len(tasks["leaf"]) == 6
        for number, inner in enumerate(tasks["inner"]):
            leaves = list(inner.child_tasks)
            assert [leaf.index for leaf in leaves] == [0, 1, 2]
            close = {task for leaf in leaves for task in leaf.child_tasks}
            assert len(close) == 1 and list(close.pop().parent_tasks) == leaves
        assert sorted(down("close_inner") + down("close_inner", 1)) == [("close_outer", None)] * 2
        assert [task.path_components[2] for task in tasks["close_outer"][0].parent_tasks] == ["close_inner"] * 2
        assert len(tasks["loop"]) == 3
        assert [down("loop", number) for number in range(3)] == [[("loop", None)], [("loop", None)], [("after", None)]]
        assert [up("loop", number) for number in range(3)] == [[("start", None)], [("loop", None)], [("loop", None)]]
        assert up("meet") == [("after", None), ("close_outer", None)]
        for group in tasks.values():
            for task in group:
                for child in task.child_tasks:
                    same = Task(child.pathspec)
                    assert same == child and list(same.parent_tasks) == list(child.parent_tasks)
                    assert task in list(child.parent_tasks)
        assert {step.id for step in run["loop"].child_steps} == {"loop", "after"}
        assert {step.id for step in run["meet"].parent_steps} == {"close_outer", "after"}
        print("related")
        """,
    )
    assert project.call("relatives.py").stdout == "related\n"
