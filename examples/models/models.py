"""Teaches: a model is used from the other language. R calls a scikit-learn model, Python calls an R gam.

Run:     python examples/models/models.py run
Prints:
    scikit-learn, called from R, expects 21.0 for x = 10
    mgcv, called from Python, expects 100 for x = 10
"""

import numpy as np
import pandas as pd
from instep import FlowSpec, step
from sklearn.linear_model import LinearRegression


class Models(FlowSpec):
    """Fits a line in Python and a curve in R. Each language then predicts with the other one's model."""

    include = ["models.R"]

    @step
    def start(self):
        """Fits a line. No other language can open this object."""
        x = np.arange(20.0)
        self.line = LinearRegression().fit(pd.DataFrame({"x": x}), 2 * x + 1)
        self.points = pd.DataFrame({"x": x, "y": x**2})
        self.next("use_line")

    @step
    def end(self):
        """Has R's gam as a handle. An R process is started for it, and ends with the `with` block."""
        with self.curve.open() as curve:
            expected = curve.call("predict", newdata=pd.DataFrame({"x": [10.0]}), type="response")
            print(f"mgcv, called from Python, expects {float(expected[0]):.0f} for x = 10")


if __name__ == "__main__":
    Models()
