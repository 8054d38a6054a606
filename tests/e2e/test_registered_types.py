"""Types of the user's own in a flow of both languages: restored where they are registered, plain elsewhere."""

from __future__ import annotations

from project import Project

IN_PYTHON = """
    from dataclasses import dataclass
    from instep import FlowSpec, r_function, register_type, step

    @register_type("geo.point")
    @dataclass
    class Point:
        x: float
        y: float

    class Points(FlowSpec):
        include = ["points.R"]

        @step
        def start(self):
            self.points = {"all": [Point(1.0, 2.0), Point(3.0, 4.0)]}
            self.next("read")

        peek = step(r_function("peek.R", "peek"), next="end")

        @step
        def end(self):
            assert self.points == {"all": [Point(1.0, 2.0), Point(3.0, 4.0)]}
            assert self.moved == Point(2.0, 2.0)

    if __name__ == "__main__":
        Points()
"""

REGISTERED = """
    library(instep)

    register_type("geo.point",
      class = "point",
      to_portable = \\(point) list(x = point$x, y = point$y),
      from_portable = \\(form) structure(list2env(form), class = "point")
    )

    read <- function(self) {
      point <- self$points$all[[1]]
      stopifnot(is.environment(point), inherits(point, "point"), point$y == 2)
      self$moved <- structure(list2env(list(x = point$x + 1, y = point$y)), class = "point")
    }

    flow("Points", include = "points.py") |>
      step("read", read, next_step = "peek") |>
      run()
"""

NOT_REGISTERED = """
    peek <- function(self) {
      stopifnot(identical(self$points$all[[2]], list(x = 3, y = 4)))
      stopifnot(setequal(names(self$moved), c("x", "y")), !is.object(self$moved))
    }
"""


def write_points(project: Project) -> None:
    project.write("points.py", IN_PYTHON)
    project.write("points.R", REGISTERED)
    project.write("peek.R", NOT_REGISTERED)


def test_registered_type_is_restored_in_each_language_and_plain_elsewhere(project: Project) -> None:
    write_points(project)
    project.call("points.py", "run")
    assert project.read("Flow('Points').latest_run.successful") is True


def test_objects_that_were_only_read_keep_their_digests(project: Project) -> None:
    """The file with the R class makes environments of them, which are compared after each step."""
    write_points(project)
    project.call("points.py", "run")
    shas = project.read("{s.id: s.task['points'].sha for s in Flow('Points').latest_run}")
    assert len(shas) == 4
    assert len(set(shas.values())) == 1


def test_client_without_the_type_reads_the_portable_form(project: Project) -> None:
    write_points(project)
    project.call("points.py", "run")
    assert project.read("Flow('Points').latest_run.data.moved") == {"x": 2.0, "y": 2.0}


def test_error_of_the_user_names_type_artifact_and_place_in_a_client(project: Project) -> None:
    write_points(project)
    project.call("points.py", "run")
    project.write(
        "broken.py",
        """
        from instep import Flow, register_type
        from instep.errors import ValueDecodeError

        class Point:
            pass

        register_type("geo.point", Point, to_portable=vars, from_portable=lambda form: form["z"])
        try:
            Flow("Points").latest_run.data.points
        except ValueDecodeError as error:
            print(error)
        """,
    )
    shown = project.call("broken.py").text
    for words in ("the artifact 'points'", 'value["all"][0]', "the type 'geo.point' raised KeyError: 'z'"):
        assert words in shown
