"""Teaches: configs. A file of settings is read before anything else, and shapes the flow: steps, defaults, decorators.

Run:     python examples/config/config.py --config search examples/config/full.json run
         python examples/config/config.py run --with retry
Prints:
    the full search: fits degrees 1, 2, 3, 4
    best degree: 2
"""

from pathlib import Path

from instep import Config, FlowSpec, Parameter, retry, step


class Search(FlowSpec):
    """Looks for the degree of a polynomial that describes points best."""

    search = Config("search", default=str(Path(__file__).with_name("small.json")))

    # Known while the file is read, so that other declarations can use it.
    title = Parameter("title", default=search.title, help="What the search is called.")

    @step
    def start(self):
        """Reads a config by attribute or by key, at any depth. It cannot be changed."""
        self.degrees = list(self.search.model.degrees)
        print(f"{self.title}: fits degrees {', '.join(map(str, self.degrees))}")
        self.next(self.fit, foreach="degrees")

    @retry(times=search.model.retries)
    @step
    def fit(self):
        """Fits one degree, and counts each coefficient as a cost."""
        import numpy as np

        x = np.linspace(-1, 1, 21)
        y = 1 + 2 * x + 3 * x**2
        residuals = y - np.polyval(np.polyfit(x, y, self.input), x)
        self.degree, self.cost = self.input, float(np.sum(residuals**2)) + 0.01 * self.input
        self.next(self.choose)

    @step
    def choose(self, inputs):
        """Takes the cheapest."""
        self.best = min(inputs, key=lambda fitted: fitted.cost).degree
        self.next(self.end)

    @step
    def end(self):
        """Reports."""
        print("best degree:", self.best)


if __name__ == "__main__":
    Search()
