"""Teaches: switch and recursion. The value of an artifact chooses the next step, which may be the same step once more.

Run:     python examples/switch/switch.py run
Prints:
    round 3: 1.4142
    converged after 3 rounds
"""

from instep import FlowSpec, step


class Switch(FlowSpec):
    """Finds the square root of 2 by Newton's method, in rounds that are tasks of their own."""

    tolerance = 1e-4
    most_rounds = 10

    @step
    def start(self):
        """Guesses."""
        self.root, self.rounds = 1.0, 0
        self.next(self.improve)

    @step
    def improve(self):
        """One round. It starts from the artifacts of the round before, and `state` says what comes next."""
        self.rounds += 1
        self.root = (self.root + 2 / self.root) / 2
        print(f"round {self.rounds}: {self.root:.4f}")
        if abs(self.root**2 - 2) < self.tolerance:
            self.state = "done"
        else:
            self.state = "again" if self.rounds < self.most_rounds else "lost"
        self.next({"again": self.improve, "done": self.report, "lost": self.warn}, condition="state")

    @step
    def report(self):
        """Runs when the rounds came to an end."""
        self.verdict = f"converged after {self.rounds} rounds"
        self.next(self.end)

    @step
    def warn(self):
        """Runs when they did not. The run has no task of the step that is not chosen."""
        self.verdict = "no root found"
        self.next(self.end)

    @step
    def end(self):
        """The paths of a switch meet again without a join, for only one was taken."""
        print(self.verdict)


if __name__ == "__main__":
    Switch()
