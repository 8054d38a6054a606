"""Messages lost, repeated, late and out of order: each message of a run, in each way, one at a time."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from reliability.message_flow import SMALL, Outcome, Rig, rig, write_flow
from reliability.proxy import ANSWER, OF_ANSWERS, OF_CALLS, Fault, Proxy
from reliability.report import Tally

SEED = 5
RIGS = 3
"""How many orchestrators run at once: their runs wait more than they work."""
OBSERVATIONS = 2
"""How many runs without a fault are looked at to learn which messages there are."""

TITLE = "Messages lost, repeated, late, out of order"
TEXT = """A proxy stands between the orchestrator and everybody who calls it, workers of both languages and the command line.
In each run it does harm to one message: it loses the request or its answer, at once or in silence; lets the request come
twice, after its own repetition, or after a later message; or holds the answer back. Every message of a run with branches, a
foreach, a retry, a switch and joins in Python and R is harmed in each of these ways, with a shared store and with all bytes
passing through calls. Right is: the same states, outcomes of attempts, artifacts by digest, bytes of logs, and each step's
code done as often as without a fault (I1, I3, I4, I5, I16). For the command line, right is: the same lines, each once."""
COMMAND = "python -m reliability messages"

SLEEPY = """
    import time
    from instep import FlowSpec, step

    class Messages(FlowSpec):
        @step
        def start(self):
            print("begin", flush=True)
            time.sleep(60)
            self.next("end")

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Messages()
"""


def campaign(scale: float) -> Tally:
    """Harms all messages; with a scale below 1 that share of them, chosen by a fixed seed."""
    tally = Tally("messages", TITLE, TEXT, COMMAND)
    chance = random.Random(SEED)
    for remote in (False, True):
        what = "bytes through calls" if remote else "shared store"
        with several(remote=remote) as rigs:
            expected, counts = observe(rigs[0])
            calls = [name for name in counts if not remote or not name.startswith("WorkerService/")]
            faults = sample(every({name: counts[name] for name in calls}), scale, chance)
            harm_each(tally, rigs, expected, faults, what)
    expected_lines, counts = command_line(SMALL)
    calls = [name for name in counts if name.startswith("ControlService/")]
    faults = sample(every({name: counts[name] for name in calls}), scale, chance)
    harm_commands(tally, faults, expected_lines)
    return tally


@contextlib.contextmanager
def several(
    *, remote: bool, write: Callable[[Path], Path] = write_flow, number: int = RIGS
) -> Iterator[list[Rig]]:
    """Some rigs, each with an orchestrator and a proxy. As `rig`."""
    with ExitStack() as stack:
        yield [stack.enter_context(rig(write, remote=remote)) for _ in range(number)]


def observe(one: Rig) -> tuple[Outcome, dict[str, int]]:
    """Runs without a fault, and tells what comes of it and how many messages of each kind there are at least.

    Raises:
        AssertionError: Two such runs differ.
    """
    outcomes, counts = [], []
    for _ in range(OBSERVATIONS):
        one.proxy.arm(None)
        outcomes.append(one.run())
        one.proxy.wait_until_quiet()
        counts.append(one.proxy.counts)
    first = outcomes[0]
    assert first.state == "RUN_STATE_SUCCEEDED", first
    assert all(one == first for one in outcomes), [first.differs(one) for one in outcomes]
    return first, {name: max(some.get(name, 0) for some in counts) for name in counts[0]}


def every(counts: Mapping[str, int]) -> list[Fault]:
    """Lists all that can be done to these messages."""
    return [
        Fault(call, number, harm)
        for call, count in sorted(counts.items())
        for number in range(1, count + 1)
        for harm in (OF_ANSWERS if call.endswith(ANSWER) else OF_CALLS)
    ]


def sample(faults: Sequence[Fault], scale: float, chance: random.Random) -> list[Fault]:
    """Chooses a share of faults."""
    return list(faults) if scale >= 1 else chance.sample(faults, max(1, round(len(faults) * scale)))


def harm_each(
    tally: Tally, rigs: Iterable[Rig], expected: Outcome, faults: Iterable[Fault], what: str
) -> None:
    """Runs once for each fault, with as many runs at once as there are rigs."""
    free: SimpleQueue[Rig] = SimpleQueue()
    for one in rigs:
        free.put(one)

    def harm(fault: Fault) -> str | None:
        one = free.get()
        try:
            return trouble(one, fault, expected)
        finally:
            free.put(one)

    _tell(tally, f"workers, {what}", faults, harm)


def trouble(one: Rig, fault: Fault, expected: Outcome) -> str | None:
    """Runs with a fault, and says what is wrong with what came of it. Empty: nothing; None: the fault did not come up."""
    one.proxy.arm(fault)
    outcome = one.run()
    one.proxy.wait_until_quiet()
    if outcome == expected:
        return "" if one.proxy.was_hit else None
    return f"{fault}: {expected.differs(outcome)}; refused: {one.proxy.verdicts}"


def harm_commands(tally: Tally, faults: Iterable[Fault], expected: str) -> None:
    """Runs a command once for each fault; and cancels one once for each thing that can happen to that."""

    def harm(fault: Fault) -> str | None:
        shown, counts = command_line(SMALL, fault)
        if shown == expected:
            return "" if counts.get(fault.call, 0) >= fault.number else None
        return f"{fault}: it showed\n{shown}\nnot\n{expected}"

    _tell(tally, "command line", faults, harm)

    def harm_cancel(fault: Fault) -> str | None:
        shown, counts = command_line(SLEEPY, fault, interrupt=True)
        if "exit status 130" in shown and "cancelled" in shown:
            return "" if counts.get(fault.call, 0) >= fault.number else None
        return f"{fault}: an interrupted command showed\n{shown}"

    _tell(tally, "command line", every({"ControlService/CancelRun": 1}), harm_cancel)


def _tell(tally: Tally, who: str, faults: Iterable[Fault], harm: Callable[[Fault], str | None]) -> None:
    def safely(fault: Fault) -> tuple[Fault, str | None]:
        try:
            return fault, harm(fault)
        except Exception as err:  # noqa: BLE001 - whatever it is, it came of the fault
            return fault, f"{fault}: {type(err).__name__}: {err}"

    with ThreadPoolExecutor(RIGS) as pool:
        for fault, finding in pool.map(safely, faults):
            if finding == "":
                language = "Python" if who == "command line" else "both"
                tally.add(f"{who}: {fault.harm.value}", language, "the same outcome")
            elif finding is not None:
                tally.find(f"{who}: {finding}")


def command_line(
    flow: str, fault: Fault | None = None, *, interrupt: bool = False
) -> tuple[str, dict[str, int]]:
    """Runs a command behind a proxy.

    Args:
        flow: Text of the flow's file.
        fault: What happens to one of its messages.
        interrupt: True to interrupt it once its first step has written a line.

    Returns:
        What it showed without times, and how it ended; and how many messages of each kind there were.
    """
    folder = Path(tempfile.mkdtemp(prefix="instep-", dir="/tmp"))
    try:
        (folder / "messages.py").write_text(textwrap.dedent(flow).lstrip("\n"))
        (folder / "runtime").mkdir()
        proxy = Proxy(
            f"unix:{folder}/proxy.sock",
            lambda: f"unix:{next((folder / 'runtime' / 'instep').glob('*.sock'))}",
        )
        proxy.arm(fault)
        try:
            return _command(folder, interrupt=interrupt), proxy.counts
        finally:
            proxy.close()
    finally:
        shutil.rmtree(folder)


def _command(folder: Path, *, interrupt: bool) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INSTEP_")}
    lines = []
    with subprocess.Popen(
        [sys.executable, "messages.py", "run", "--run-id-file", "id"],
        cwd=folder,
        env={
            **kept,
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
            "INSTEP_ADVERTISED_ENDPOINT": f"unix:{folder}/proxy.sock",
            "INSTEP_CALL_SECONDS": "0.5",
            "COLUMNS": "200",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if interrupt and "begin" in line:
                process.send_signal(signal.SIGINT)
    # Lines of different tasks may come in another order; times differ.
    shown = sorted(re.sub(r"\d[\d:.]* ?(ms|s|min)?", "#", line) for line in lines if line)
    return "\n".join([*shown, f"exit status {process.returncode}"])
