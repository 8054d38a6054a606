"""Writes a graph's steps in Python as a flow file."""

from __future__ import annotations

from graphs.graph import DEFAULT_P, ITEMS, PRIME, Graph, Merge, Step
from graphs.reference import UNIT

HEAD = f"""\
import os
import signal

from instep import FlowSpec, Parameter, catch, current, retry, step
from instep.errors import MergeArtifactsException, MissingInMergeArtifactsException


def weighted(numbers):
    return sum(place * int(number) for place, number in enumerate(numbers, 1)) % {PRIME}


def begin(self, name, number, inputs=None, suffix=""):
    levels = self.foreach_stack()
    self.key = name + "@" + ".".join(str(index) for index, _, _ in levels) + suffix
    if os.environ.get("FAIL") == self.key:
        raise RuntimeError("It fails, as it should.")
    self.at = "/".join(f"{{i}}:{{total}}:{{'-' if item is None else int(item)}}" for i, total, item in levels)
    if inputs is None:
        before, trace = 31 * getattr(self, "n", 0), getattr(self, "trace", "")
    else:
        before, trace = weighted([one.n for one in inputs]), "(" + "|".join(one.trace for one in inputs) + ")"
    self.n = int(before + number + self.p + 7 * (self.index or 0) + int(self.input or 0)) % {PRIME}
    self.trace = trace + name + ";"


def merge(self, inputs, **names):
    try:
        self.merge_artifacts(inputs, **names)
    except MergeArtifactsException as error:
        self.problem = "conflict:" + ",".join(sorted(error.artifact_names))
    except MissingInMergeArtifactsException as error:
        self.problem = "missing:" + ",".join(sorted(error.artifact_names))


def change_box(self, number):
    if hasattr(self, "box"):
        self.box["x"] = int(self.box["x"]) + number
    else:
        self.box = {{"x": number}}


def start_attempt(self, fails, dies):
    if current.retry_count < fails:
        self.lost = current.retry_count
        raise KeyError("once more")
    if dies and current.retry_count == 0:
        self.lost = 0
        os.kill(os.getpid(), signal.SIGKILL)
    self.tries = current.retry_count

"""


def python_file(graph: Graph) -> str:
    """Gives the text of the file."""
    lines = [HEAD, f"class {graph.name}(FlowSpec):"]
    if included := graph.included("python"):
        lines.append(f"    include = {included!r}")
    if graph.main == "python":
        lines += [f'    p = Parameter("p", default={DEFAULT_P})', f"    unit = {UNIT!r}"]
    for step in graph.of("python"):
        lines += ["", *("    " + line for line in _step(graph, step))]
    return "\n".join([*lines, "", "", 'if __name__ == "__main__":', f"    {graph.name}()", ""])


def _step(graph: Graph, step: Step) -> list[str]:
    is_join = step.kind == "join"
    lines = []
    if step.catches:
        lines.append(f'@catch(var="error_{step.name}")')
    if step.retries:
        lines.append(f"@retry(times={step.retries})")
    lines += ["@step", f"def {step.name}(self{', inputs' if is_join else ''}):"]
    body = _body(step, is_join)
    if step.targets:
        body.append(_transition(graph, step))
    return [*lines, *("    " + line for line in body)]


def _body(step: Step, is_join: bool) -> list[str]:
    name = step.name
    lines = []
    if step.kind == "recursion":
        lines.append(f'self.round_{name} = int(getattr(self, "round_{name}", 0)) + 1')
    suffix = f', suffix=f"#{{self.round_{name}}}"' if step.kind == "recursion" else ""
    lines.append(f'begin(self, "{name}", {step.number}{", inputs" if is_join else ""}{suffix})')
    lines += [f"self.{one} = self.n % {modulus}" for one, modulus in step.sets]
    if step.by_name:
        lines.append(f"self.named = weighted([{', '.join(f'inputs.{one}.n' for one in step.by_name)}])")
    if step.merge is not None:
        lines.append(_merge(step.merge))
    if step.changes_box:
        lines.append(f"change_box(self, {step.number})")
    if step.looks_for:
        lines.append(
            f'self.found = "{step.looks_for}:" + ("yes" if hasattr(self, "{step.looks_for}") else "no")'
        )
    if step.kind == "foreach":
        lines.append(
            f"self.items_{name} = [(self.n + i * {step.number}) % {ITEMS} for i in range(1 + self.n % {step.most})]"
        )
    elif step.kind == "switch":
        lines.append(f"self.go_{name} = {list(step.cases)!r}[self.n % {len(step.cases)}]")
    elif step.kind == "recursion":
        is_over = f"self.round_{name} > ({step.number} + (self.index or 0)) % {step.most}"
        lines.append(f"self.go_{name} = {list(step.cases)!r}[{is_over}]")
    if step.retries:
        lines.append(f"start_attempt(self, {step.fails}, {step.dies})")
    if step.catches:
        lines += ["if self.n % 2:", '    raise ValueError(f"no {self.n}")']
    return lines


def _merge(merge: Merge) -> str:
    named = [f"include={list(merge.include)!r}"] if merge.include else []
    named += [f"exclude={list(merge.exclude)!r}"] if merge.exclude else []
    return f"merge({', '.join(['self', 'inputs', *named])})"


def _transition(graph: Graph, step: Step) -> str:
    # Steps of the other file are named by text.
    targets = [
        f"self.{name}" if graph.steps[name].language == "python" else f'"{name}"' for name in step.targets
    ]
    if step.kind == "foreach":
        return f'self.next({targets[0]}, foreach="items_{step.name}")'
    if step.cases:
        cases = ", ".join(f"{key!r}: {target}" for key, target in zip(step.cases, targets, strict=True))
        return f'self.next({{{cases}}}, condition="go_{step.name}")'
    return f"self.next({', '.join(targets)})"
