"""Teaches: one graph in two files. Python's steps are here, R's in mixed.R; either file runs the whole flow.

Run:     python examples/mixed/mixed.py run
         Rscript examples/mixed/mixed.R run
Prints:
    R fits 5 points
    slope 2 and intercept 1, found in R, read in Python
"""

import pandas as pd
from instep import FlowSpec, step


class Mixed(FlowSpec):
    """Makes data in Python and fits a line to it in R."""

    include = ["mixed.R"]  # steps that are named here, and not written here, are looked up there

    @step
    def start(self):
        """Makes a data frame."""
        self.points = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0], "y": [1.0, 3.0, 5.0, 7.0, 9.0]})
        self.next("fit")

    @step
    def end(self):
        """Reads a named vector that R wrote. R's model came along, too; only R can open it."""
        found = self.coefficients.to_dict()
        print(f"slope {found['x']:.0f} and intercept {found['(Intercept)']:.0f}, found in R, read in Python")


if __name__ == "__main__":
    Mixed()
