"""`instep fsck` and `instep gc`, as a user calls them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from project import Project

FLOW = """
    from instep import FlowSpec, Parameter, step

    class Care(FlowSpec):
        fail = Parameter("fail", default=False)
        wave = Parameter("wave", default=0)

        @step
        def start(self):
            self.numbers = [float(n + self.wave) for n in range(3000)]
            self.same = ["the same in each run"] * 2000
            print("start of wave", self.wave)
            self.next(self.end)

        @step
        def end(self):
            assert not self.fail
            self.total = sum(self.numbers)

    if __name__ == "__main__":
        Care()
"""


def objects(project: Project) -> set[str]:
    return {path.name for path in (project.folder / ".instep/objects/b3").glob("*/*")}


def make_old(project: Project) -> None:
    """Lets objects be from yesterday: younger ones are never removed."""
    import os

    for path in (project.folder / ".instep").glob("objects/b3/*/*"):
        os.utime(path, (time.time() - 86_400,) * 2)


def test_gc_removes_what_no_option_keeps(project: Project) -> None:
    project.write("care.py", FLOW)
    for wave in range(4):
        project.call("care.py", "run", "--wave", str(wave), "--tag", "prod" if wave == 0 else "other")
    project.call("care.py", "run", "--wave", "9", "--fail", "true", expect=1)
    make_old(project)
    before = objects(project)

    kept = project.call("instep", "gc")
    assert "Removed 0 runs." in kept.stdout
    assert "Removed 0 objects" in kept.stdout

    options = ("--keep-last", "2", "--keep-tag", "prod")
    told = project.call("instep", "gc", *options, "--dry-run")
    assert "Would remove 2 runs: Care/2, Care/3." in told.text
    assert "Would remove 2 objects" in told.text
    assert "Would keep 3 runs: 2 among the last of its flow, 1 tagged." in told.text
    assert objects(project) == before

    facts = json.loads(project.call("instep", "gc", *options, "--json").stdout)
    assert [run["run"] for run in facts["runs"]] == ["Care/2", "Care/3"]
    assert facts["objects"] == 2
    assert len(objects(project)) == len(before) - 2
    assert project.read("[run.id for run in Flow('Care')]") == ["5", "4", "1"]
    assert project.read("Run('Care/1').data.total") == sum(range(3000))
    assert not (project.folder / ".instep/logs/Care/2").exists()

    failed = project.call("instep", "gc", "--status", "failed", "--keep", "0m")
    assert "Removed 1 run: Care/5." in failed.text
    assert "Nothing is damaged." in project.call("instep", "fsck").stdout
    project.call("care.py", "run")
    assert project.read("Flow('Care').latest_run.id") == "6", "numbers are never given out twice"


def test_gc_leaves_clones_their_values_and_logs(project: Project) -> None:
    project.write("care.py", FLOW)
    project.call("care.py", "run", "--wave", "7", "--fail", "true", expect=1)
    project.write("care.py", FLOW.replace("assert not self.fail", "pass"))
    project.call("care.py", "resume")
    project.call("care.py", "resume", "--origin-run-id", "2")
    make_old(project)
    project.call("instep", "gc", "--status", "failed")
    assert project.read("[run.id for run in Flow('Care')]") == ["3", "2"]
    for run in ("2", "3"):
        code = "(lambda task: [task.stdout, sum(task.data.numbers)])(Run('Care/{run}')['start'].task)"
        assert project.read(code, run=run) == ["start of wave 7\n", sum(range(7, 3007))]
    assert "start of wave 7" in project.call("care.py", "logs", "3/start").stdout
    assert "Nothing is damaged." in project.call("instep", "fsck").stdout


def test_gc_beside_running_flows(project: Project) -> None:
    """I8: no SUCCEEDED task has a missing blob, while runs are removed all the time."""
    project.write("care.py", FLOW)
    project.call("care.py", "run")
    for wave in range(3):
        flows = [project.start("care.py", "run", "--wave", str(wave)) for _ in range(3)]
        while any(flow.poll() is None for flow in flows):
            make_old(project)
            project.call("instep", "gc", "--keep", "0m", "--keep-last", "1")
        for flow in flows:
            project.finish(flow)
    make_old(project)
    facts = json.loads(project.call("instep", "gc", "--keep-last", "1", "--json").stdout)
    assert facts["kept"] == {"among the last of its flow": 1}
    assert json.loads(project.call("instep", "fsck", "--json").stdout)["is_whole"]
    assert project.read("len(Flow('Care').latest_run.data.numbers)") == 3000


def test_fsck_names_what_damage_touches_and_resume_makes_it_again(project: Project) -> None:
    project.write("care.py", FLOW)
    project.call("care.py", "run")
    assert "Nothing is damaged." in project.call("instep", "fsck").stdout
    blobs = project.read(
        "[part for part in [__import__('instep')._archive.archive().reader.get('Care', '1', '1', 'numbers')]][0]"
        ".blobs[0].hash"
    )
    path = project.folder / ".instep/objects/b3" / blobs[3:5] / blobs[5:]
    flip(path)

    found = project.call("instep", "fsck", expect=1)
    assert f"Damaged object {blobs}: its bytes are not those that were stored." in found.text
    assert "Care/1/start/1 artifact numbers" in found.text
    assert "`python care.py resume --origin-run-id 1` runs it again" in found.text
    resumed = project.call("care.py", "resume", "end", expect=1)
    assert "Can't read the artifact 'numbers'" in resumed.text

    mended = project.call("instep", "fsck", "--repair", expect=1)
    assert "what is lost has to be made again" in mended.text
    again = project.call("care.py", "resume", "--origin-run-id", "1")
    assert "What it stored in run 1 is lost." in again.text
    assert "Nothing is damaged." in project.call("instep", "fsck").stdout
    assert project.read("Run('Care/1').data.total") == sum(range(3000))


def test_a_task_that_stores_a_damaged_value_again_mends_it(project: Project) -> None:
    project.write("care.py", FLOW)
    project.call("care.py", "run")
    for path in (project.folder / ".instep/objects/b3").glob("*/*"):
        flip(path)
    project.call("instep", "fsck", expect=1)
    project.call("care.py", "run")
    assert "Nothing is damaged." in project.call("instep", "fsck").stdout


def test_damaged_log_is_told_and_made_readable(project: Project) -> None:
    project.write("care.py", FLOW)
    project.call("care.py", "run")
    (log,) = (project.folder / ".instep/logs").glob("*/*/*.stdout")
    flip(log)
    assert f"{log} is damaged" in project.call("care.py", "logs", "1/start", expect=1).text
    assert "Care/1/start/1 stdout" in project.call("instep", "fsck", expect=1).text
    project.call("instep", "fsck", "--repair")
    assert "wave 0" in project.call("care.py", "logs", "1/start").text
    assert (project.folder / ".instep/damaged/logs/Care/1" / log.name).exists()


def test_damaged_database_is_told_and_mended(project: Project) -> None:
    project.write("care.py", FLOW)
    project.call("care.py", "run")
    database = project.folder / ".instep/instep.db"
    whole = database.read_bytes()
    place = whole.index(b"start of it") if b"start of it" in whole else whole.index(b"numbers")
    database.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for command in (("care.py", "run"), ("instep", "show", "1")):
        text = project.call(*command, expect=None).text
        assert re.search(r"instep\.db is damaged: a page has another checksum .*instep fsck", text), text
    assert "Damaged database" in project.call("instep", "fsck", expect=1).text
    assert "Wrong bits were put right" in project.call("instep", "fsck", "--repair").text
    assert database.read_bytes() == whole
    assert project.read("Flow('Care')['1'].data.total") == sum(range(3000))


def test_commands_say_when_there_is_no_store(project: Project) -> None:
    for command in ("fsck", "gc"):
        assert "There is no store" in project.call("instep", command, expect=1).text
    (project.folder / ".instep").mkdir()
    for command in ("fsck", "gc"):
        assert "is no store: it has no database" in project.call("instep", command, expect=1).text


def test_an_age_that_is_none_is_wrong_usage(project: Project) -> None:
    assert "'30 days' is no age" in project.call("instep", "gc", "--keep", "30 days", expect=2).text


def flip(path: Path) -> None:
    """Flips a bit in the middle of a file."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    path.chmod(mode)
