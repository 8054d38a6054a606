"""Teaches: function references. One R function becomes a step of a Python flow; its file needs to know no flow.

Run:     python examples/references/references.py run
Prints:
    R's quartiles: [2.0, 4.0, 6.0]
"""

from instep import FlowSpec, r_function, step


class References(FlowSpec):
    """Lets R compute quartiles."""

    @step
    def start(self):
        """Makes numbers."""
        self.numbers = [0.0, 2.0, 4.0, 6.0, 8.0]
        self.next("quartiles")

    quartiles = step(r_function("quartiles.R", "add_quartiles"), next="end")

    @step
    def end(self):
        """Reads what R computed."""
        print("R's quartiles:", [float(value) for value in self.quartile_values])


if __name__ == "__main__":
    References()
