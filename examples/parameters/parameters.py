"""Teaches: parameters. Each becomes an option of `run`, is checked before anything runs, and is read in every step.

Run:     python examples/parameters/parameters.py run --name Ada --times 2
         python examples/parameters/parameters.py run --help
Prints:
    Good day, Ada!
    2 times, pause of 0.5 s, loud: False, colors: red and green
"""

from instep import FlowSpec, JSONType, Parameter, step


class Parameters(FlowSpec):
    """Greets somebody."""

    name = Parameter("name", default="world", help="Who is greeted.")
    times = Parameter("times", default=1, help="How often.")
    pause = Parameter("pause", default=0.5, help="Seconds between two greetings.")
    loud = Parameter("loud", default=False, help="Whether to shout.")
    colors = Parameter("colors", type=JSONType, default='["red", "green"]', help="Colors, as JSON text.")

    greeting = "Good day"  # a constant: every step reads it, none can change it

    @step
    def start(self):
        """Greets as often as was asked."""
        text = f"{self.greeting}, {self.name}!"
        for _ in range(self.times):
            print(text.upper() if self.loud else text)
        self.next(self.end)

    @step
    def end(self):
        """Reads the same values."""
        colors = " and ".join(self.colors)
        print(f"{self.times} times, pause of {self.pause} s, loud: {self.loud}, colors: {colors}")


if __name__ == "__main__":
    Parameters()
