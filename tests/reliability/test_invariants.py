"""Every invariant of the protocol has a test; and those that hold without any fault."""

from __future__ import annotations

import pytest
from project import Project

from reliability import invariants
from reliability.message_flow import rig


def test_every_invariant_has_a_test() -> None:
    assert set(invariants.holders()) == set(invariants.INVARIANTS)


def test_the_page_is_what_the_tests_say() -> None:
    assert invariants.PAGE.read_text(encoding="utf-8") == invariants.page(), (
        "docs/invariants.md is stale: cd tests && ../.venv/bin/python -m reliability.invariants"
    )


def test_no_byte_of_an_artifact_passes_through_the_orchestrator() -> None:
    """I11: of all calls of a run in both languages, none is one of the service for bytes. Without a shared store, many are."""

    def calls(*, remote: bool) -> int:
        with rig(remote=remote) as one:
            one.proxy.arm(None)
            one.run()
            assert any(name.startswith("WorkerService/") for name in one.proxy.counts)
            return sum(count for name, count in one.proxy.counts.items() if name.startswith("StoreService/"))

    assert calls(remote=False) == 0
    assert calls(remote=True) > 10


HOSTS = {
    "host.py": """
        import os
        from instep import FlowSpec, step

        class Host(FlowSpec):
            @step
            def start(self):
                with open(f"/proc/{os.getppid()}/status") as status:
                    self.threads = next(line for line in status if line.startswith("Threads:")).split()[1]
                with open(f"/proc/{os.getppid()}/maps") as maps:
                    self.has_grpc = "cygrpc" in maps.read()
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Host()
    """,
    "host.R": """
        library(instep)

        start <- function(self) {
          parent <- strsplit(sub(".*[)] ", "", readLines("/proc/self/stat")), " ")[[1]][[2]]
          status <- readLines(file.path("/proc", parent, "status"))
          self$threads <- sub("Threads:\\t", "", grep("^Threads:", status, value = TRUE))
          self$has_grpc <- FALSE # its library is linked to ours, and makes its first thread with the first channel
        }

        flow("Host") |>
          step("start", start, next_step = "end") |>
          step("end") |>
          run()
    """,
}


@pytest.mark.parametrize("file", HOSTS)
def test_a_host_has_one_thread_and_no_grpc_when_it_forks(project: Project, file: str) -> None:
    """I19: the worker looks at the process that it was forked off."""
    project.write(file, HOSTS[file])
    project.call(file, "run")
    assert project.read("[Flow('Host').latest_run.data.threads, Flow('Host').latest_run.data.has_grpc]") == [
        "1",
        False,
    ]
