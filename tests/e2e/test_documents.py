"""What the documents show is so."""

from __future__ import annotations

import re
from pathlib import Path

from project import Project

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_about_clients_runs_from_top_to_bottom(project: Project) -> None:
    flow, *rest = re.findall(r"```python\n(.*?)```", (DOCS / "client.md").read_text(), re.DOTALL)
    project.write("scores.py", flow)
    project.write("page.py", "\n".join(rest))
    shown = project.call("page.py").text
    assert "Option --folds must be a whole number, not 'many'." in shown
    assert "folds: 4 -> 3 (-1)" in shown
    assert "folds: 4 -> 3 (-1)" in project.call("instep", "diff", "Scores/1", "Scores/2").text
