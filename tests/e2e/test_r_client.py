"""The R client, over runs of both languages (sections 9, 11 and 15.11)."""

from __future__ import annotations

import pytest
from project import Project

MIXED = """
    from instep import FlowSpec, Parameter, catch, retry, step

    class Look(FlowSpec):
        include = ["look.R"]
        fail = Parameter("fail", default=False)

        @step
        def start(self):
            print("first")
            print("zw\\u00f6lf\\n\\nlast", end="")
            self._hidden = 1
            self.items = ["a", "b", "c"]
            self.next("work", foreach="items")

        @retry(times=2)
        @step
        def twice(self):
            from instep import current
            self.tried = current.retry_count
            if current.retry_count < 1:
                raise ValueError("not yet")
            self.next(self.end)

        @catch(var="problem")
        @step
        def end(self):
            if self.fail:
                raise KeyError("at the end")

    if __name__ == "__main__":
        Look()
"""

R = """
    library(instep)

    work <- function(self) {
      self$table <- data.frame(n = 1:2, word = c("p", "q"))
      self$letter <- self$input
    }

    flow("Look", include = "look.py") |>
      step("work", work, next_step = "join") |>
      step("join", \\(self, inputs) {
        self$letters <- unlist(gather_inputs(inputs, "letter"))
        self$me <- current("task")
        run <- current("run")
        run$add_tag("from inside")
      }, next_step = "twice") |>
      run()
"""


@pytest.fixture
def ran(project: Project) -> Project:
    """A project in which Look ran once well, once with a caught error, and once was resumed."""
    project.write("look.py", MIXED)
    project.write("look.R", R)
    project.call("look.py", "run", "--tag", "nightly", "--tag", "two words")
    project.call("look.R", "run", "--fail", "true")
    project.call("look.py", "resume", "--origin-run-id", "1", "twice")
    return project


CHECKED = """
    check <- function(...) {
      asked <- as.list(substitute(list(...)))[-1L]
      for (i in seq_along(asked)) if (!isTRUE(...elt(i))) stop("Not so: ", deparse1(asked[[i]]))
    }
    fails <- function(code, class) inherits(tryCatch(code, error = identity), paste0("instep_error_", class))
"""


def check(project: Project, code: str) -> None:
    """Evaluates R code, in which `check()` takes what must be true."""
    assert project.r(f"{CHECKED}\n{code}\n    cat('looked')").endswith("looked")


@pytest.mark.holds("11.1 11.2 11.3 11.4 11.5 11.6 11.7 11.8 11.10 11.11 11.15 15.11", "r")
def test_objects_lead_to_each_other(ran: Project) -> None:
    check(
        ran,
        """
    flow <- flow_client("Look")
    check(identical(vapply(flow$runs(), \\(run) run$id, ""), c("3", "2", "1")))
    run <- flow$run("1")
    check(
      flow$latest_run$id == "3", flow$latest_successful_run$id == "3", run$parent$id == "Look",
      run$successful, run$finished, run$status == "succeeded", as.integer(run) == 0L,
      identical(names(run$steps), c("end", "twice", "join", "work", "start")),
      identical(run$path_components, c("Look", "1")), inherits(run$created_at, "POSIXct"),
      run$finished_at >= run$created_at, run$end_task$pathspec == run$step("end")$task$pathspec
    )
    caught <- run_client("Look/2")
    check(caught$finished, !caught$successful, as.integer(caught) == 1L, is.null(caught$end_task$exception))
    check(caught$end_task$finished, !caught$end_task$successful)
    check(inherits(caught$data$problem, "instep_exception"), grepl("at the end", caught$data$problem$exception))
    work <- run$step("work")
    check(
      identical(names(work$tasks), c("4", "3", "2")), work$task$index == 2L, work$language == "r",
      identical(unname(vapply(work$tasks, \\(task) task$data$letter, "")), c("c", "b", "a")),
      identical(names(work$parent_steps), "start"), identical(names(work$child_steps), "join")
    )
    start <- run$step("start")$task
    check(
      is.null(start$index), length(start$parent_tasks) == 0, setequal(names(start$child_tasks), c("2", "3", "4")),
      identical(run$step("join")$task$parent_tasks[["3"]], task_client("Look/1/work/3")),
      length(run$end_task$child_tasks) == 0,
      start$artifact("items")$size > 0, identical(start[["items"]]$data, start$data$items),
      !"_hidden" %in% names(start$data), identical(start$data$`_hidden`, 1L), "_hidden" %in% start$artifacts,
      is.data.frame(work$task$data$table), nchar(start[["items"]]$sha) > 0, start[["items"]]$portable,
      run$artifact("letters")$type == "character", nzchar(start$runtime_name)
    )
    me <- run$data$me
    check(me$pathspec == "Look/1/join/5", identical(me$parent$parent$id, "1"), length(me$parent_tasks) == 3)
    """,
    )


@pytest.mark.holds("7.4 7.5 8.7 8.8 11.7 11.9 11.12", "r")
def test_attempts_and_metadata_are_told(ran: Project) -> None:
    check(
        ran,
        """
    task <- run_client("Look/1")$step("twice")$task
    first <- task_client(task$pathspec, attempt = 0)
    check(
      task$current_attempt == 1L, task$successful, is.null(task$exception), task$data$tried == 1L,
      !first$successful, first$status == "failed", first$exception$exception == "not yet",
      identical(subset(task$metadata, type == "attempt")$value, c("0", "1")),
      identical(subset(first$metadata, type == "attempt")$value, "0"),
      task$metadata_dict$`attempt-ok` == "True", is.null(task$metadata_dict$`origin-run-id`),
      is.null(task$origin_pathspec)
    )
    for (wrong in list(2, -1, 0.5, "0")) check(fails(task_client(task$pathspec, attempt = wrong), "attempt_unknown"))
    again <- run_client("Look/3")
    cloned <- again$step("work")$task
    check(
      again$origin_pathspec == "Look/1", again$step("work")$origin_pathspec == "Look/1/work",
      grepl("^Look/1/work/[234]$", cloned$origin_pathspec), cloned$metadata_dict$`origin-run-id` == "1",
      nzchar(cloned$reason), is.null(again$step("twice")$task$origin_pathspec),
      is.null(again$step("twice")$task$metadata_dict$`origin-task-id`)
    )
    """,
    )


@pytest.mark.holds("12.1 12.2 8.11", "r")
def test_logs_are_text_and_lines(ran: Project) -> None:
    check(
        ran,
        """
    for (id in c("1", "3")) {
      task <- run_client(paste0("Look/", id))$step("start")$task
      lines <- task$loglines("stdout")
      check(
        task$stdout == "first\\nzw\\u00f6lf\\n\\nlast", identical(lines$line, c("first", "zw\\u00f6lf", "", "last")),
        inherits(lines$time, "POSIXct"), !is.unsorted(lines$time), nrow(task$loglines("stderr")) == 0
      )
    }
    """,
    )


@pytest.mark.holds("9.10", "r")
def test_tables_are_filtered_in_the_database(ran: Project) -> None:
    """The tables."""
    check(
        ran,
        """
    table <- runs("Look")
    check(identical(table$id, c("3", "2", "1")), identical(table$tags[[3]], c("from inside", "nightly", "two words")))
    check(all(table$duration > 0), inherits(table$started, "POSIXct"))
    check(
      identical(runs("Look", tags = c("nightly", "two words"), n = 1)$id, "3"),
      nrow(runs("Look", tags = c("nightly", "nothing"))) == 0, nrow(runs("Look", status = "failed")) == 0,
      nrow(runs("Look", status = c("failed", "succeeded"), since = "1 hour")) == 3,
      nrow(runs("Look", before = "1 hour")) == 0, nrow(runs("Look", since = Sys.Date() + 2)) == 0,
      nrow(runs("Look", step = "work")) == 3, nrow(runs("Look", step = "nowhere")) == 0, identical(runs()$flow[[1]], "Look"),
      length(flow_client("Look")$runs_with_tags("nightly")) == 2,
      identical(tasks("Look/1/work")$index, 2:0), nrow(tasks("Look/1", status = "failed")) == 0,
      identical(tasks("Look/1", step = "twice")$attempts, 2L), nrow(tasks("Look/1", n = 2)) == 2,
      identical(as.data.frame(run_client("Look/1"))$tasks, c(1L, 1L, 1L, 3L, 1L)),
      "letters" %in% summary(run_client("Look/1")$step("join")$task)$artifact,
      fails(runs("Look", status = "odd"), "argument"), fails(runs("Nothing"), "flow_unknown"),
      fails(tasks("Look/1", step = "nowhere"), "step_unknown")
    )
    """,
    )


@pytest.mark.holds("9.1 9.2 9.3 9.4 9.5 9.6 9.7", "r")
def test_tags_change_all_at_once_or_not_at_all(ran: Project) -> None:
    check(
        ran,
        """
    run <- run_client("Look/2")
    run$add_tag("a")
    run$add_tags(c("b", "a", run$system_tags[[1]]))
    check(identical(run$user_tags, c("a", "b", "from inside")), setequal(run$tags, c(run$user_tags, run$system_tags)))
    run$remove_tag("nothing")
    run$replace_tags(c("a", "b"), list("b", "c"))
    check(identical(run$user_tags, c("b", "c", "from inside")), identical(run$step("start")$task$user_tags, run$user_tags))
    check(identical(flow_client("Look")$tags, character()))
    for (wrong in list("", strrep("x", 501), 3, NA_character_)) check(fails(run$add_tag(list("d", wrong)), "tag_invalid"))
    check(
      fails(run$remove_tags(c("b", run$system_tags[[1]])), "tag_invalid"),
      fails(run$replace_tag(character(), character()), "tag_invalid"),
      fails(run$add_tags(paste("t", 1:60)), "tag_invalid"), identical(run$user_tags, c("b", "c", "from inside"))
    )
    """,
    )


@pytest.mark.holds("9.8 9.9 10.2 11.17", "r")
def test_namespace_is_no_absence(ran: Project) -> None:
    check(
        ran,
        """
    run <- run_client("Look/1")
    set_namespace("nightly")
    check(
      identical(runs("Look")$id, c("3", "1")), fails(run_client("Look/2"), "namespace_mismatch"),
      fails(run_client("Look/99"), "run_unknown"), fails(flow_client("Look")[["2"]], "namespace_mismatch"),
      identical(list_flows(), "Look"), run_client("Look/1")$is_in_namespace()
    )
    me <- run_client("Look/1")$data$me
    set_namespace("nobody")
    check(
      nrow(runs("Look")) == 0, nrow(runs()) == 0, length(list_flows()) == 0, fails(flow_client("Look"), "namespace_mismatch"),
      fails(flow_client("Nothing"), "flow_unknown"), fails(task_client("Look/1/start/1"), "namespace_mismatch"),
      run$successful, me$parent$parent$successful, fails(step_client("Look/1/start"), "namespace_mismatch")
    )
    set_namespace(NULL)
    check(nrow(runs("Look")) == 3, is.null(get_namespace()))
    check(startsWith(set_default_namespace(), "user:"))
    """,
    )


@pytest.mark.holds("11.1 11.2 11.8", "r")
def test_errors_name_what_is_missing_and_what_there_is(ran: Project) -> None:
    shown = ran.r(
        """
        told <- function(code) cat(cli::ansi_strip(conditionMessage(tryCatch(code, error = identity))), "\n")
        task <- run_client("Look/1")$step("work")$task
        told(task$data$nothing)
        told(task[["nothing"]])
        told(run_client("Look/1")$step("nothing"))
        told(task_client("Look/1/work/99"))
        told(task_client("Look/1/start/2"))
        told(run_client("Look"))
        """
    )
    assert shown.count('Task "Look/1/work/4" has no artifact "nothing".') == 2
    assert 'There is no task "Look/1/work/99".' in shown
    assert 'There is no task "Look/1/start/2".' in shown
    assert '"letter"' in shown
    assert 'no tasks of a step "nothing"' in shown
    assert '"start"' in shown
    assert '"FLOW/RUN"' in shown


def test_objects_print_what_a_person_wants_to_know(ran: Project) -> None:
    shown = ran.r(
        """
        options(width = 80)
        run <- run_client("Look/2")
        print(flow_client("Look"))
        print(run)
        print(run$step("work"))
        print(run$step("twice")$task)
        print(task_client("Look/2/twice/6", attempt = 0))
        print(run$artifact("letters"))
        print(run$data)
        print(runs("Look"))
        """
    )
    for line in (
        "<instep flow Look>",
        "latest    run 3, succeeded, ",
        "<instep run Look/2: succeeded, with an error that was caught>",
        "steps     start, work, join, twice, end",
        "<instep step Look/2/work: R, 3 tasks, 3 succeeded>",
        "<instep task Look/2/twice/6: succeeded, attempt 1>",
        "<instep task Look/2/twice/6: failed, attempt 0>",
        "error     ValueError: not yet",
        "<instep artifact Look/2/end/7/letters: ",
    ):
        assert line in shown, shown
    assert max(map(len, shown.splitlines())) <= 80, shown
