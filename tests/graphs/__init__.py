"""Random valid graphs, run for real in both languages and compared with a reference interpreter.

A *graph* (`graph.py`) is drawn from a seed (`drawing.py`). Each of its steps does a few computations that are exact
in both languages, so that a graph can be written as a Python file, an R file or both (`python_file.py`,
`r_file.py`), and be computed here without Instep (`reference.py`): which tasks there are, what each one's artifacts
are, and which tasks each took its input from. A *story* (`stories.py`) is what becomes of a graph's runs: one goes
well; one is killed, or a step of it fails, and is resumed; a step is changed and what is not affected is reused.
Whatever the story, the last run must be what the reference says (`recorded.py`).

    cd tests && ../.venv/bin/python -m graphs --seed 7         one graph, with its files
    make graphs COUNT=2000                                 a campaign
"""
