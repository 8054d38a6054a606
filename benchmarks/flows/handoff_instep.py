"""One step hands a frame of 800 MB to the next, in Instep."""

import time

import numpy as np
import pandas as pd
from instep import FlowSpec, step


class BenchHandoff(FlowSpec):
    """Takes the time from the end of one step until the next one has added up all cells of the frame."""

    @step
    def start(self):
        """Makes the frame."""
        random = np.random.default_rng()
        self.frame = pd.DataFrame({f"x{i}": random.random(12_500_000) for i in range(8)})
        self.made = time.time()
        self.next(self.end)

    @step
    def end(self):
        """Uses the frame."""
        total = float(self.frame.sum().sum())
        print(f"Had the sum {total:.0f} after {time.time() - self.made:.4f} s.")


if __name__ == "__main__":
    BenchHandoff()
