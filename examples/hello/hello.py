"""Teaches: what a flow is. Steps run one after the other; what a step assigns to `self`, later steps read.

Run:     python examples/hello/hello.py run
Prints:
    Hello from Python.
    The message was: Hello from Python.
"""

from instep import FlowSpec, step


class Hello(FlowSpec):
    """Passes a message from the first step to the last."""

    @step
    def start(self):
        """Writes the message."""
        self.message = "Hello from Python."
        print(self.message)
        self.next(self.pause)

    @step
    def pause(self):
        """Does nothing: the message travels on by itself."""
        self.next(self.end)

    @step
    def end(self):
        """Reads the message."""
        print("The message was:", self.message)


if __name__ == "__main__":
    Hello()
