"""Flow files for tests of the command line, and how to run their commands."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

GREETING = '''
from instep import FlowSpec, JSONType, Parameter, step


class Greeting(FlowSpec):
    """Greets people, one by one."""

    who = Parameter("who", default="world", help="Whom to greet.")
    times = Parameter("times", default=2, help="How often.")
    loud = Parameter("loud", default=False)
    names = Parameter("with-dash", separator=",", help="Further people.")
    options = Parameter("options", type=JSONType, default='{"a": 1}')

    @step
    def start(self):
        """Collects the people."""
        self.people = [self.who, *(self.names or [])]
        self._hidden = 1
        print("people:", self.people)
        self.next("greet", foreach="people")

    @step
    def greet(self):
        import sys

        self.text = f"hello {self.input}" * self.times
        print(self.text)
        print("to", self.input, file=sys.stderr)
        self.next("gather")

    @step
    def gather(self, inputs):
        self.texts = [each.text for each in inputs]
        self.next("end")

    @step
    def end(self):
        self.big = "x" * 5000


if __name__ == "__main__":
    Greeting()
'''

FAILING = """
from instep import FlowSpec, step


class Failing(FlowSpec):
    @step
    def start(self):
        self.cuts = ["Fair", "Ideal"]
        self.next("fit", foreach="cuts")

    @step
    def fit(self):
        print("before the error")
        if self.input == "Ideal":
            raise ValueError("no such cut")
        self.next("gather")

    @step
    def gather(self, inputs):
        self.next("end")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Failing()
"""

SLOW = """
import os
import time

from instep import FlowSpec, step


class Slow(FlowSpec):
    @step
    def start(self):
        print("it begins")
        open(os.environ["SLOW_FLAG"], "w").close()
        time.sleep(60)
        self.next("end")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Slow()
"""

STUBBORN = """
import os
import signal
import time

from instep import FlowSpec, step


class Stubborn(FlowSpec):
    @step
    def start(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with open(os.environ["SLOW_FLAG"] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(file.name, os.environ["SLOW_FLAG"])
        time.sleep(60)


if __name__ == "__main__":
    Stubborn()
"""

LOOKING = """
from instep import Flow, FlowSpec, step


class Looking(FlowSpec):
    @step
    def start(self):
        print("state of this run:", Flow("Looking").latest_run.status)


if __name__ == "__main__":
    Looking()
"""

BROKEN = """
from instep import FlowSpec, step


class Broken(FlowSpec):
    @step
    def start(self):
        self.next("nowhere")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Broken()
"""

REQUIRED = """
from instep import FlowSpec, Parameter, step


class Required(FlowSpec):
    folds = Parameter("folds", type=int, required=True)

    @step
    def start(self):
        self.seen = self.folds
        self.next("end")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Required()
"""


def write(folder: Path, name: str, text: str) -> Path:
    """Writes a flow file."""
    file = folder / name
    file.write_text(text)
    return file


def environment(**variables: str) -> dict[str, str]:
    """Gives the environment of a command, without settings of the developer's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INSTEP_RUN_")}
    kept.pop("INSTEP_HOME", None)
    return {**kept, "COLUMNS": "100", "NO_COLOR": "1", "INSTEP_USER": "ada", **variables}


def command(
    *arguments: object, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a Python command to its end."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def started(*arguments: object, cwd: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Starts a Python command, and ends it when the test has not."""
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def wait_for(file: Path) -> None:
    """Waits until a file is there."""
    wait_until(file.exists)


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not come about."
        time.sleep(0.01)


def processes_about(text: str) -> list[str]:
    """Lists the command lines and environments of all processes in which a text occurs, without this process."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if text.encode() in line:
                found.append(f"{folder.name}: {line[:300]!r}")
    return found
