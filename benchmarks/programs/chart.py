"""Draws tasks per second as bars: `chart.py FILE`, with a JSON list of label, rate and kind in standard input."""

from __future__ import annotations

import json
import sys

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "instep", "font.family": "sans-serif"})

from matplotlib import pyplot  # noqa: E402 - the backend is chosen before

COLORS = {"peer": "#999999", "instep": "#1b6ca8", "floor": "#e0c080"}


def main(file: str) -> None:
    bars = json.load(sys.stdin)
    figure, axes = pyplot.subplots(figsize=(8, 3.4))
    drawn = axes.barh(
        [bar["label"] for bar in bars],
        [bar["rate"] for bar in bars],
        color=[COLORS[bar["kind"]] for bar in bars],
        height=0.7,
    )
    axes.bar_label(drawn, [f"{bar['rate']:,.0f}" for bar in bars], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(1, 4 * max(bar["rate"] for bar in bars))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.invert_yaxis()
    axes.set_xlabel("empty tasks per second (log scale)")
    axes.set_title("A foreach of 1,000 empty tasks", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None} if file.endswith(".svg") else None)


if __name__ == "__main__":
    main(sys.argv[1])
