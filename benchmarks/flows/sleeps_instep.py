"""Sixty-four tasks that sleep 0.1 s each, in Instep."""

import time

from instep import FlowSpec, step


class BenchSleeps(FlowSpec):
    """Sleeps in parallel."""

    @step
    def start(self):
        """Splits."""
        self.items = list(range(64))
        self.next(self.sleep, foreach="items")

    @step
    def sleep(self):
        """Sleeps."""
        time.sleep(0.1)
        self.next(self.join)

    @step
    def join(self, inputs):
        """Joins."""
        self.next(self.end)

    @step
    def end(self):
        """Empty."""


if __name__ == "__main__":
    BenchSleeps()
