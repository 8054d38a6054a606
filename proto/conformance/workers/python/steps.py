"""The conformance flow in Python: see instep_conformance/flow.py."""

import os
import sys
import time

import numpy as np
from instep import current


def nothing(self):
    pass


def echo(self):
    self.copy = self.value


def add(self):
    self.total = self.a + self.b


def tell(self):
    self.told = [
        current.flow_name,
        current.step_name,
        current.run_id,
        current.task_id,
        str(current.retry_count),
    ]


def big(self):
    self.numbers = np.arange(self.count, dtype="float64")


def total(self):
    self.total = float(np.sum(self.numbers))


def fail(self):
    self.before = 1
    raise ValueError(self.message * self.times)


def fail_deep(self):
    error = None
    for level in range(self.depth, -1, -1):
        deeper, error = error, ValueError(f"level {level}")
        error.__cause__ = deeper
    raise error


def write(self):
    for _ in range(self.times):
        sys.stdout.write(self.text)
        sys.stderr.write(self.error)


def wait(self):
    print("waiting")
    while not os.path.exists(self.until):
        time.sleep(0.02)
    print("woke")
    self.done = True


def split(self):
    self.items = [10, 20, 30]


def item(self):
    self.seen = self.input


def choose(self):
    self.way = self.value


def join(self, inputs):
    self.total = sum(one.x for one in inputs)


def overwrite(self):
    self.value = 2


def environment(self):
    self.seen = "\n".join([*(f"{name}={value}" for name, value in os.environ.items()), *sys.orig_argv])


def quit(self):
    sys.exit(3)
