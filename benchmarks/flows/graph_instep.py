"""A graph of 504 tasks in Instep. The steps prepare, left, merge and gather are R's, in graph_instep.R."""

from instep import FlowSpec, step


class BenchGraph(FlowSpec):
    """Splits 100 shards in two branches each, and joins all."""

    include = ["graph_instep.R"]

    @step
    def start(self):
        """Empty."""
        self.next("prepare")

    @step
    def shard(self):
        """Splits again."""
        self.next("left", "right")

    @step
    def right(self):
        """Assigns."""
        self.score = 2
        self.next("merge")

    @step
    def check(self):
        """Reads."""
        assert self.score == 3
        self.next("gather")

    @step
    def end(self):
        """Empty."""


if __name__ == "__main__":
    BenchGraph()
