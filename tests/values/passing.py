"""Values that a step of the other language reads and leaves as they are, in a run of a flow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from project import Project

HERE = Path(__file__).parent

FLOWS = {
    "python": (
        "main.py",
        """
        import json, sys, warnings
        sys.path.insert(0, {tests!r})
        from instep import FlowSpec, step
        from values.cases import is_same, make
        from values.peer import read, stored

        CODES = json.load(open("codes.json"))

        class Passing(FlowSpec):
            include = ["between.R"]
            on_loss = "ignore"

            @step
            def start(self):
                for name, code in CODES.items():
                    setattr(self, name, make(code))
                self.next("between")

            @step
            def end(self):
                self.same = [name for name, code in CODES.items() if is_same(read(stored(make(code))), getattr(self, name))]

        if __name__ == "__main__":
            Passing()
        """,
        "between.R",
        """
        library(instep)
        flow("Passing") |>
          step("between", \\(self) {{
            for (name in names(jsonlite::read_json("codes.json"))) {{
              tryCatch(self[[name]], instep_error_value_decode = identity)
            }}
          }}, next_step = "end")
        """,
    ),
    "r": (
        "main.R",
        """
        library(instep)
        source({compare!r})
        codes <- unlist(jsonlite::read_json("codes.json"))
        make <- \\(code) eval(parse(text = code, keep.source = FALSE, encoding = "UTF-8"), new.env(parent = globalenv()))

        flow("Passing", include = "between.py", on_loss = "ignore") |>
          step("start", \\(self) for (name in names(codes)) self[[name]] <- make(codes[[name]]), next_step = "between") |>
          step("end", \\(self) {{
            here <- Filter(\\(name) is_same(decode_inline(encode_inline(make(codes[[name]]))$manifest), self[[name]]), names(codes))
            self$same <- I(here)
          }}) |>
          run()
        """,
        "between.py",
        """
        import json
        from instep import FlowSpec, step
        from instep.errors import ValueDecodeError

        class Passing(FlowSpec):
            @step
            def between(self):
                for name in json.load(open("codes.json")):
                    try:
                        getattr(self, name)
                    except ValueDecodeError:
                        pass  # it is passed on anyway
                self.next("end")
        """,
    ),
}
"""By the language that makes the values: name and text of its file, and of that of the step between."""

DIGESTS = (
    "{name: [Flow('Passing').latest_run[step].task[name].sha for step in ('start', 'end')] for name in NAMES}"
)


def pass_on(language: str, codes: Sequence[str]) -> dict[str, str]:
    """Takes values through a step of the other language.

    Args:
        language: `python` or `r`: who makes the values.
        codes: Code that makes them.

    Returns:
        By code `exact` when the last step reads what it would have read without the step between, of which the digest
        is still the same; else `changed`.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        main, main_text, between, between_text = FLOWS[language]
        names = {f"v{position}": code for position, code in enumerate(codes)}
        project.write("codes.json", json.dumps(names))
        project.write(main, main_text.format(tests=str(HERE.parent), compare=str(HERE / "compare.R")))
        project.write(between, between_text.format())
        project.call(main, "run")
        same = project.read("list(Flow('Passing').latest_run.data.same)")
        digests = project.read(DIGESTS.replace("NAMES", repr(list(names))))
    return {
        code: "exact" if name in same and len(set(digests[name])) == 1 else "changed"
        for name, code in names.items()
    }
