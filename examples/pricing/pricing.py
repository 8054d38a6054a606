"""What is a diamond worth? For each cut, a price model in R against one in Python, judged on held-out diamonds.

The steps in R are in pricing.R. Either file runs the whole flow:

Run:     python examples/pricing/pricing.py run
         Rscript examples/pricing/pricing.R run

It writes a table and a chart to examples/pricing/output.

    start -> load -> hold_out (for each cut) -+-> fit_gam   -+-> judge -> compare -> report -> end
                                              +-> fit_trees -+
"""

from pathlib import Path

import numpy as np
import pandas as pd
from instep import FlowSpec, Parameter, step

FEATURES = ["carat", "color", "clarity", "depth", "table"]


def features(diamonds):
    """Takes the columns that the trees learn from; grades become their rank."""
    return diamonds[FEATURES].assign(color=diamonds.color.cat.codes, clarity=diamonds.clarity.cat.codes)


def rmse(predicted, actual):
    """Returns the root mean squared error in dollars."""
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


class Pricing(FlowSpec):
    """Fits one price model per diamond cut in R and one in Python, and keeps the better one."""

    include = ["pricing.R"]

    test_share = Parameter("test_share", default=0.2, help="Share of the diamonds that models do not see.")
    seed = Parameter("seed", default=1, help="Seed of the choice of those diamonds.")

    @step
    def start(self):
        """Chooses where the table and the chart go."""
        self.output = str(Path(__file__).resolve().parent / "output")
        self.next("load")

    @step
    def fit_trees(self):
        """Fits boosted trees to the data frames that R made, with scikit-learn."""
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        model = HistGradientBoostingRegressor(max_iter=200, learning_rate=0.06, random_state=self.seed)
        with threadpool_limits(1):  # there is a task per core already
            model.fit(features(self.train), np.log(self.train.price))
            self.predicted = np.exp(model.predict(features(self.test)))
            self.curve = np.exp(model.predict(features(self.grid)))
        self.model = model
        self.next(self.judge)

    @step
    def judge(self, inputs):
        """Compares the two models of one cut, and keeps the better one, whatever language it is from."""
        self.merge_artifacts(inputs, include=["output", "cut", "test", "grid"])
        models = {"GAM": inputs.fit_gam, "trees": inputs.fit_trees}
        errors = {name: rmse(fit.predicted, self.test.price) for name, fit in models.items()}
        self.better = min(errors, key=errors.get)
        self.model = models[self.better].model
        self.score = {
            "cut": self.cut,
            "held_out": len(self.test),
            "median_price": float(self.test.price.median()),
            "gam_rmse": errors["GAM"],
            "trees_rmse": errors["trees"],
            "better": self.better,
        }
        self.curves = pd.concat(
            [
                pd.DataFrame({"carat": self.grid.carat, "price": models[name].curve, "model": name})
                for name in models
            ]
        )
        self.next(self.compare)

    @step
    def compare(self, inputs):
        """Puts the cuts side by side."""
        cuts = [each.cut for each in inputs]
        self.scores = pd.DataFrame([each.score for each in inputs])
        self.models = {each.cut: each.model for each in inputs}
        self.curves = pd.concat([each.curves.assign(cut=each.cut) for each in inputs], ignore_index=True)
        self.sample = pd.concat(
            [each.test.sample(min(len(each.test), 400), random_state=self.seed) for each in inputs],
            ignore_index=True,
        )[["cut", "carat", "price"]]
        for frame in (self.scores, self.curves, self.sample):
            frame["cut"] = pd.Categorical(frame["cut"], categories=cuts, ordered=True)
        self.merge_artifacts(inputs, include=["output"])
        self.next("report")

    @step
    def end(self):
        """Prints the result."""
        for score in self.scores.itertuples():
            print(
                f"{score.cut:<10}{score.held_out:>5} held out, median price ${score.median_price:,.0f}. Error: "
                f"GAM in R ${score.gam_rmse:,.0f}, trees in Python ${score.trees_rmse:,.0f}. Better: {score.better}"
            )
        print(f"The table and the chart are in {self.output}.")


if __name__ == "__main__":
    Pricing()
