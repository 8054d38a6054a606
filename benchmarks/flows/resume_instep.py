"""A flow whose last step fails when BENCH_FAIL is set, and says otherwise when it began."""

import os
import time

from instep import FlowSpec, step


class BenchResume(FlowSpec):
    """Does nothing, as many times as BENCH_TASKS says."""

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
        """Fails, or says when it began."""
        if "BENCH_FAIL" in os.environ:
            raise RuntimeError("This is what BENCH_FAIL asks for.")
        print(f"The first task began at {time.time():.3f}.")


if __name__ == "__main__":
    BenchResume()
