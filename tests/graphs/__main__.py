"""Plays the story of one seed, or of many. See `graphs`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from graphs.drawing import draw
from graphs.python_file import python_file
from graphs.r_file import r_file
from graphs.reference import interpret
from graphs.stories import STORIES, play_all


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m graphs", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one, and show its files")
    parser.add_argument("--count", type=int, default=200, help="how many to play; default: %(default)s")
    parser.add_argument("--first", type=int, default=0, help="the first of them; default: %(default)s")
    parser.add_argument("--story", choices=STORIES, help="play this story; default: one drawn from each seed")
    options = parser.parse_args()
    if options.seed is not None:
        _show(options.seed)
    seeds = range(options.first, options.first + options.count) if options.seed is None else [options.seed]
    played: Counter[str] = Counter()
    tasks = failed = 0
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="instep-graphs-"))
    for number, story in enumerate(play_all(seeds, folder, options.story or ""), 1):
        tasks += len(interpret(story.graph))
        played[story.kind] += 1
        if story.mistakes:
            failed += 1
            print(story.report(), flush=True)
        if number % 50 == 0:
            print(f"{number} graphs, {failed} of them wrong", flush=True)
    kinds = ", ".join(f"{kind}: {count}" for kind, count in played.items())
    print(
        f"{len(seeds)} graphs with {tasks} tasks ({kinds}) in {time.monotonic() - began:.0f} s: {failed} wrong"
    )
    print(f"They are kept in {folder}.")
    return 1 if failed else 0


def _show(seed: int) -> None:
    graph = draw(seed)
    for language in sorted(graph.languages):
        print(f"# {graph.file(language)}")
        print(python_file(graph) if language == "python" else r_file(graph))


if __name__ == "__main__":
    sys.exit(main())
