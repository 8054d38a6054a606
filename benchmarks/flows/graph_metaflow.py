"""The graph of graph_instep.py in Metaflow, all in Python."""

from metaflow import FlowSpec, step


class BenchGraph(FlowSpec):
    """Splits 100 shards in two branches each, and joins all."""

    @step
    def start(self):
        """Empty."""
        self.next(self.prepare)

    @step
    def prepare(self):
        """Splits."""
        self.shards = list(range(100))
        self.next(self.shard, foreach="shards")

    @step
    def shard(self):
        """Splits again."""
        self.next(self.left, self.right)

    @step
    def left(self):
        """Assigns."""
        self.score = 1
        self.next(self.merge)

    @step
    def right(self):
        """Assigns."""
        self.score = 2
        self.next(self.merge)

    @step
    def merge(self, inputs):
        """Joins the branches."""
        self.score = sum(branch.score for branch in inputs)
        self.next(self.check)

    @step
    def check(self):
        """Reads."""
        assert self.score == 3
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """Joins the shards."""
        self.next(self.end)

    @step
    def end(self):
        """Empty."""


if __name__ == "__main__":
    BenchGraph()
