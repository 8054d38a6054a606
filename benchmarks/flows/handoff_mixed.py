"""Python hands a frame of 800 MB to R, and R hands one to Python, in Instep."""

import time

import numpy as np
import pandas as pd
from instep import FlowSpec, step


class BenchHandoffMixed(FlowSpec):
    """Takes the time from the end of each step until the next one has added up all cells of the frame."""

    include = ["handoff_mixed.R"]

    @step
    def start(self):
        """Makes the first frame."""
        random = np.random.default_rng()
        self.frame = pd.DataFrame({f"x{i}": random.random(12_500_000) for i in range(8)})
        self.made = time.time()
        self.next("in_r")

    @step
    def end(self):
        """Uses R's frame."""
        total = float(self.frame.sum().sum())
        print(f"Had R's sum {total:.0f} after {time.time() - self.made:.4f} s.")


if __name__ == "__main__":
    BenchHandoffMixed()
