"""Teaches: foreach. One step runs once per item of a list, and a join collects the results in the list's order.

Run:     python examples/foreach/foreach.py run
Prints:
    item 0 is pear
    item 2 is quince
    longest: quince
"""

from instep import FlowSpec, step


class Foreach(FlowSpec):
    """Measures words, each in a task of its own."""

    @step
    def start(self):
        """Has the list, and starts one task of `measure` per word."""
        self.words = ["pear", "apple", "quince"]
        self.next(self.measure, foreach="words")

    @step
    def measure(self):
        """Works on one word: `self.input` is the item, `self.index` its place."""
        print(f"item {self.index} is {self.input}")
        self.word = self.input
        self.length = len(self.word)
        self.next(self.join)

    @step
    def join(self, inputs):
        """Has one input per word."""
        self.longest = max(inputs, key=lambda measured: measured.length).word
        self.next(self.end)

    @step
    def end(self):
        """Prints what was found."""
        print("longest:", self.longest)


if __name__ == "__main__":
    Foreach()
