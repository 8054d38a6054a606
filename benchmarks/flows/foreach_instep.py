"""A foreach of empty tasks in Instep, as many as BENCH_TASKS says, in processes as BENCH_ISOLATION says."""

import os

from instep import FlowSpec, step


class BenchForeach(FlowSpec):
    """Does nothing, many times."""

    @step
    def start(self):
        """Splits."""
        self.items = list(range(int(os.environ["BENCH_TASKS"])))
        self.next(self.work, foreach="items")

    @step(isolation=os.environ.get("BENCH_ISOLATION", "fork"))
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
