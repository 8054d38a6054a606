"""A small flow whose runs are looked at."""

from instep import FlowSpec, step


class BenchLook(FlowSpec):
    """Adds up what five tasks find."""

    @step
    def start(self):
        """Splits."""
        self.shards = list(range(5))
        self.next(self.work, foreach="shards")

    @step
    def work(self):
        """Finds a score."""
        self.score = {"shard": self.input, "score": self.input / 5, "words": ["some", "text"]}
        print(f"Shard {self.input} has its score.")
        self.next(self.join)

    @step
    def join(self, inputs):
        """Adds up."""
        self.total = sum(one.score["score"] for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        """Tells."""
        print(f"The total is {self.total}.")


if __name__ == "__main__":
    BenchLook()
