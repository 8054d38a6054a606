"""The main job: the same graph and equal results from either language with a table and a chart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from project import Project

PRICING = Path(__file__).resolve().parents[2] / "examples" / "pricing"
CUTS = ["Fair", "Good", "Very Good", "Premium", "Ideal"]
PNG = b"\x89PNG\r\n"


def copy_to(project: Project) -> None:
    shutil.copytree(
        PRICING, project.folder, ignore=shutil.ignore_patterns(".instep", "output"), dirs_exist_ok=True
    )


@pytest.mark.timeout(300)
def test_pricing_from_either_language_gives_the_same_graph_and_equal_results(project: Project) -> None:
    copy_to(project)
    graphs, tables, results = [], [], []
    for file in ("pricing.py", "pricing.R"):
        graphs.append(project.call(file, "show").stdout)
        project.call(file, "run")
        tables.append((project.folder / "output" / "scores.csv").read_text())
        assert (project.folder / "output" / "prices.png").read_bytes().startswith(PNG)
        results.append(
            project.read(
                "[Flow('Pricing').latest_run.successful,"
                " sorted(step.id for step in Flow('Pricing').latest_run),"
                " Flow('Pricing').latest_run.data.scores.to_dict('list'),"
                " [len(list(step)) for step in sorted(Flow('Pricing').latest_run, key=lambda s: s.id)]]"
            )
        )
    assert graphs[0] == graphs[1]
    assert tables[0] == tables[1]
    assert results[0] == results[1]
    assert results[0][0] is True
    assert results[0][2]["cut"] == CUTS
    for model in ("gam_rmse", "trees_rmse"):
        assert all(100 < error < 1500 for error in results[0][2][model])

    shown = project.call("show.py").stdout + project.call("show.R").stdout
    assert len(shown.splitlines()) == 4
    assert "53,940 diamonds" in shown
    assert "Fair GAM, Good GAM, Very Good trees, Premium trees, Ideal trees" in shown

    kinds = project.read(
        "{cut: type(model).__name__ for cut, model in Flow('Pricing').latest_run.data.models.items()}"
    )
    assert kinds["Fair"] == "ForeignObject"
    assert kinds["Ideal"] == "HistGradientBoostingRegressor"
    classes = project.r('cat(class(flow_client("Pricing")$latest_run$data$models$Fair)[[1]])')
    assert classes == "bam"
