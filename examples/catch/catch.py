"""Teaches: retry and catch. A step that fails is tried again; what fails for good is stored, and the flow goes on.

Run:     python examples/catch/catch.py run
Prints:
    Attempt 0 failed; retry at once.
    fitted 2 of 3 regions
    west failed: ValueError: no sales in the west
"""

from instep import FlowSpec, catch, current, retry, step


class Catch(FlowSpec):
    """Fits a model per region, and does not give up all of them for one."""

    sales = {"north": [3, 5, 4], "west": [], "south": [8, 6]}

    @retry(times=2)  # up to 2 tries more, each from the same inputs
    @step
    def start(self):
        """Reads from a server that is slow to wake up."""
        if current.retry_count == 0:
            raise ConnectionError("the server sleeps")
        self.regions = list(self.sales)
        self.next(self.fit, foreach="regions")

    @catch(var="problem", print_exception=False)  # the error becomes self.problem; None if there was none
    @step
    def fit(self):
        """Fails for a region without sales."""
        self.region = self.input
        sales = self.sales[self.region]
        if not sales:
            raise ValueError(f"no sales in the {self.region}")
        self.model = sum(sales) / len(sales)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """Tells what worked from what did not. What a step stored before its error is there."""
        self.models = {one.region: one.model for one in inputs if one.problem is None}
        self.problems = {one.region: one.problem for one in inputs if one.problem is not None}
        self.next(self.end)

    @step
    def end(self):
        """Reports."""
        print(f"fitted {len(self.models)} of {len(self.sales)} regions")
        for region, problem in self.problems.items():
            print(f"{region} failed: {problem.type.split('.')[-1]}: {problem.exception}")


if __name__ == "__main__":
    Catch()
