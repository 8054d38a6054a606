"""Teaches: one flow in three languages. R fits lines to points that Python made; a program in TypeScript draws them.

The program speaks Instep's protocol by the library in examples/typescript, whose README says how to build it.

Run:     python examples/three_languages/three_languages.py run
Prints:
    TypeScript draws 2 lines through 5 points
    bean grows fastest; the drawing has 5 circles
"""

import pandas as pd
from instep import FlowSpec, program_function, r_function, step


class ThreeLanguages(FlowSpec):
    """Measures plants in Python, fits their growth in R, and draws it in TypeScript."""

    @step
    def start(self):
        """Makes a data frame."""
        self.points = pd.DataFrame(
            {
                "plant": pd.Categorical(["bean", "bean", "bean", "pea", "pea", "pea"]),
                "day": [1, 2, 3, 1, 2, 3],
                "height": [2.0, 4.5, 6.5, 1.0, None, 3.5],
            }
        )
        self.next("fit")

    fit = step(r_function("fit.R", "fit_lines"), next="draw")
    draw = step(program_function("draw.js", "draw"), next="end")

    @step
    def end(self):
        """Reads what TypeScript made."""
        print(f"{self.fastest} grows fastest; the drawing has {self.drawing.count('<circle')} circles")


if __name__ == "__main__":
    ThreeLanguages()
