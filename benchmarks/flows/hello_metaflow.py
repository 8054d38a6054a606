"""Three empty steps in Metaflow."""

from metaflow import FlowSpec, step


class BenchHello(FlowSpec):
    """Does nothing, three times."""

    @step
    def start(self):
        """Empty."""
        self.next(self.middle)

    @step
    def middle(self):
        """Empty."""
        self.next(self.end)

    @step
    def end(self):
        """Empty."""


if __name__ == "__main__":
    BenchHello()
