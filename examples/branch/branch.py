"""Teaches: branches. A step names several next steps; they run side by side, and a join brings them together.

Run:     python examples/branch/branch.py run
Prints:
    mean 5.0, spread 8
    still measured in kg
"""

from instep import FlowSpec, step


class Branch(FlowSpec):
    """Describes some numbers in two ways at once."""

    @step
    def start(self):
        """Has the numbers, and splits."""
        self.weights = [2, 3, 5, 5, 10]
        self.unit = "kg"
        self.next(self.center, self.width)

    @step
    def center(self):
        """One branch: where the numbers lie."""
        self.mean = sum(self.weights) / len(self.weights)
        self.next(self.join)

    @step
    def width(self):
        """The other branch: how far apart they are."""
        self.spread = max(self.weights) - min(self.weights)
        self.next(self.join)

    @step
    def join(self, inputs):
        """Starts empty: it takes what it wants from `inputs`, or all on which they agree."""
        print(f"mean {inputs.center.mean}, spread {inputs.width.spread}")
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        """Sees what the join took along."""
        print("still measured in", self.unit)


if __name__ == "__main__":
    Branch()
