"""A foreach of empty tasks in Metaflow, as many as BENCH_TASKS says."""

import os

from metaflow import FlowSpec, step


class BenchForeach(FlowSpec):
    """Does nothing, many times."""

    @step
    def start(self):
        """Splits."""
        self.items = list(range(int(os.environ["BENCH_TASKS"])))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        """Empty."""
        self.next(self.join)

    @step
    def join(self, inputs):
        """Joins."""
        self.next(self.end)

    @step
    def end(self):
        """Empty."""


if __name__ == "__main__":
    BenchForeach()
