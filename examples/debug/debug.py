"""Teaches: debugging. A step fails on one of its items; `debug` opens a prompt with what the failed task saw.

Run:     python examples/debug/debug.py run
Fails with:
    ValueError: could not convert string to float: 'n/a'
    To look into it: python examples/debug/debug.py debug 1/measure/3
    To go on from here: python examples/debug/debug.py resume
Then:    python examples/debug/debug.py debug 1/measure/3 --command "self.length = 0.0; print(self.input, self.unit)"
Prints:
    n/a cm
"""

from instep import FlowSpec, step


class Debug(FlowSpec):
    """Measures things, of which one has no length."""

    @step
    def start(self):
        """Has one task for each length."""
        self.unit = "cm"
        self.lengths = ["1.5", "n/a"]
        self.next(self.measure, foreach="lengths")

    @step
    def measure(self):
        """Fails where there is no number. Without --command, `debug` opens a prompt: try run_step() there."""
        self.length = float(self.input)
        self.next(self.total)

    @step
    def total(self, inputs):
        """Adds up."""
        self.sum = sum(one.length for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        """Shows the sum."""
        print(self.sum)


if __name__ == "__main__":
    Debug()
