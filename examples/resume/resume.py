"""Teaches: resume. A run that failed late goes on from where it was: what succeeded is taken over and not run again.

Run:     python examples/resume/resume.py run
         python examples/resume/resume.py resume
         python examples/resume/resume.py run --reuse
Prints:
    mean price: 2.00 euro
    Step load: cloned 1 task. It succeeded in run 1.
    Step summary: ran 1 task. It failed in run 1.
    Step summary: cloned 1 task. Its code and what it reads are as in run 2.

The first run fails, because the exchange rate cannot be had. It leaves the rate behind for the next one, as a colleague
might who mends the server meanwhile.
"""

from pathlib import Path

from instep import FlowSpec, step

RATE = Path("rate.txt")


class Resume(FlowSpec):
    """Gives prices in euro, by a rate that is not there at first."""

    @step
    def start(self):
        """Begins."""
        self.next(self.load)

    @step
    def load(self):
        """Stands for an hour of work, which nobody wants to do twice."""
        self.dollars = [1.1, 2.2, 3.3]
        self.next(self.summary)

    @step
    def summary(self):
        """Fails in the first run. `resume` runs it again, and what comes after it."""
        if not RATE.exists():
            RATE.write_text("1.1")
            raise ConnectionError("no exchange rate today: resume later")
        rate = float(RATE.read_text())
        self.mean = sum(price / rate for price in self.dollars) / len(self.dollars)
        self.next(self.end)

    @step
    def end(self):
        """Prints what was found."""
        print(f"mean price: {self.mean:.2f} euro")


if __name__ == "__main__":
    Resume()
