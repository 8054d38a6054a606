"""A few of each of the faults of `scarce`, and memory, which one fault is enough for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, wait_until

from reliability.scarce import LANGUAGES, PLENTY, TOTAL, Disk, ScarceProject, injection, read_only


@pytest.fixture
def scarce(tmp_path: Path) -> Iterator[ScarceProject]:
    """A user's folder with a store on a disk of its own, on which one run has succeeded."""
    disk = Disk()
    try:
        project = ScarceProject(tmp_path, disk)
        yield project
    finally:
        disk.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_disk_loses_nothing_and_resume_goes_on(scarce: ScarceProject, language: str) -> None:
    """I6: what was recorded stays, whichever write is the first that fails."""
    scarce.call(LANGUAGES[language], "run")
    for room in (0, 60, 330, 660):
        assert injection(scarce, language, "disk of the store full", room).findings == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_too_few_descriptors_are_told(scarce: ScarceProject, language: str) -> None:
    scarce.call(LANGUAGES[language], "run")
    for count in (12, 24):
        assert injection(scarce, language, "descriptors", count).findings == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_read_only_store_is_told_and_can_be_read(scarce: ScarceProject, language: str) -> None:
    scarce.call(LANGUAGES[language], "run")
    assert read_only(scarce, language).findings == []


def test_a_full_disk_can_be_read(scarce: ScarceProject) -> None:
    scarce.call("scarce.py", "run")
    scarce.disk.leave(0)
    assert scarce.read("Flow('Scarce').latest_run.data.total") == TOTAL
    scarce.disk.remount(f"size={PLENTY}")


MEMORY = {
    "flow.py": """
        import resource
        from instep import FlowSpec, step

        class Large(FlowSpec):
            @step
            def start(self):
                resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
                self.small = 1
                self.large = bytes(2**32)
                self.next("end")

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Large()
        """,
    "flow.R": """
        library(instep)
        flow("Large") |>
          step("start", \\(self) {
            system2("prlimit", c("--pid", Sys.getpid(), "--as=2147483648"))
            self$small <- 1
            self$large <- raw(2^32)
          }, next_step = "end") |>
          step("end", \\(self) NULL) |>
          run()
        """,
}


@pytest.mark.parametrize("file", MEMORY)
def test_a_step_without_memory_fails_and_resume_goes_on(project: Project, file: str) -> None:
    project.write(file, MEMORY[file])
    done = project.call(file, "run", expect=1)
    assert "MemoryError" in done.text or "cannot allocate" in done.text
    assert project.read("Flow('Large').latest_run.status") == "failed"
    small = MEMORY[file].replace("bytes(2**32)", "bytes(4)").replace("raw(2^32)", "raw(4)")
    project.write(file, small)
    project.call(file, "resume")


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group whose processes may take 400 MB together."""
    top = Path("/sys/fs/cgroup")
    folder, limit = top / "memory" / f"instep-{os.getpid()}", "memory.limit_in_bytes"
    if not (top / "memory").is_dir():
        folder, limit = top / f"instep-{os.getpid()}", "memory.max"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(400 * 1024 * 1024))
    except OSError:
        pytest.skip("this machine lets nobody make a control group that limits memory")
    yield folder
    wait_until(lambda: not (folder / "cgroup.procs").read_text())
    folder.rmdir()


GREEDY = {
    "flow.py": """
        from instep import FlowSpec, step

        class Greedy(FlowSpec):
            @step
            def start(self):
                print("takes memory", flush=True)
                self.large = bytearray(b"x") * 2_000_000_000
                self.next("end")

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Greedy()
        """,
    "flow.R": """
        library(instep)
        flow("Greedy") |>
          step("start", \\(self) {
            cat("takes memory\\n")
            self$large <- rep(as.raw(1), 2e9)
          }, next_step = "end") |>
          step("end", \\(self) NULL) |>
          run()
        """,
}


@pytest.mark.parametrize("file", GREEDY)
def test_a_step_that_the_kernel_kills_for_want_of_memory_is_told_so(
    project: Project, group: Path, file: str
) -> None:
    project.write(file, GREEDY[file])
    interpreter = sys.executable if file.endswith(".py") else "Rscript"
    script = f"echo $$ > {group}/cgroup.procs && exec {interpreter} {file} run"
    done = project.call("sh", "-c", script, expect=1)
    assert "was killed (SIGKILL): the machine ran out of memory" in done.text
    assert project.read("Flow('Greedy').latest_run['start'].task.stdout") == "takes memory\n"
