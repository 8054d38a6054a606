"""A foreach of 100 empty tasks in Metaflow."""

from metaflow import FlowSpec, step


class BenchForeach(FlowSpec):
    """Does nothing, a hundred times."""

    @step
    def start(self):
        """Splits."""
        self.items = list(range(100))
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
