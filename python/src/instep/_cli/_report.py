"""What a person is told when a run has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from instep_proto.v1 import control_service_pb2 as pb

from instep import _interpreters
from instep._format import counted, language_mark
from instep._progress import failure_text
from instep._run_view import TASK_FAILED
from instep.errors import InstepError

if TYPE_CHECKING:
    from instep_proto.v1.graph_pb2 import Graph
    from instep_proto.v1.run_pb2 import Run, TaskRecord

    from instep._cli._session import Session

FOREACH, SWITCH = 4, 5  # numbers of TransitionKind
ITEM_WIDTH = 60


def report_failure(session: Session, run: Run, graph: Graph) -> None:
    """Writes why a run failed to stderr: the user's own traceback first, then what it is about.

    Args:
        session: The command's session.
        run: The run, which has failed.
        graph: Its graph.
    """
    click.echo(err=True)
    text = run.failure.traceback.strip() or run.failure.message.strip()
    if text:
        click.echo(f"{text}\n", err=True)
    task = _task(session, run) if run.failed_task_id else None
    place = _place(run, graph, task)
    click.echo(
        f"{click.style('Error:', fg='red', bold=True)} Run {run.flow}/{run.run_id} failed{place}.", err=True
    )
    if run.failure.traceback and (what := failure_text(run.failure)):
        click.echo(f"  What:  {what}", err=True)
    if task is not None:
        _report_task(session, run, graph, task)


def _report_task(session: Session, run: Run, graph: Graph, task: TaskRecord) -> None:
    if task.foreach_path:
        click.echo(f"  Item:  {_item(session, run, graph, task)}", err=True)
    others = _other_failures(session, run, task)
    if others:
        click.echo(f"  Also:  {counted(others, 'other task')} failed.", err=True)
    log = session.home / "logs" / run.flow / run.run_id / f"{task.task_id}.{len(task.attempts) - 1}.stderr"
    if log.exists():
        click.echo(f"  Log:   {log}", err=True)
    path = f"{run.run_id}/{task.step}/{task.task_id}"
    program = session.flow.program
    if program:
        _hint("To see what the task wrote:", f"{program} logs {path}")
        look = "debug" if _language(graph, task.step) in _interpreters.PROMPTS else "rerun"
        _hint("To look into it:", f"{program} {look} {path}")
        # Without a name, resume goes on from the last run that was itself no resumed one.
        origin = f" --origin-run-id {run.run_id}" if run.origin_run_id else ""
        _hint("To go on from here:", f"{program} resume{origin}")
    else:  # a flow that was typed at R's prompt has no file that a person could name, so no program
        _hint("To see what the task wrote:", f'cat(task_client("{run.flow}/{path}")$stderr)')


def _hint(what: str, command: str) -> None:
    click.echo(f"  {what:<28} {click.style(command, bold=True)}", err=True)


def _place(run: Run, graph: Graph, task: TaskRecord | None) -> str:
    step = task.step if task is not None else run.failed_step
    if not step:
        return ""
    language = _language(graph, step)
    name = f" ({language_mark(language)[0]})" if language else ""
    return f" in step {step!r}{name}" + (f", task {task.task_id}" if task is not None else "")


def _language(graph: Graph, step: str) -> str:
    return next((entry.entry_point.language for entry in graph.steps if entry.name == step), "")


def _task(session: Session, run: Run) -> TaskRecord | None:
    request = pb.ListTasksRequest(flow=run.flow, run_id=run.run_id, task_id=run.failed_task_id)
    response = session.connection.call("ControlService/ListTasks", request, pb.ListTasksResponse)
    return response.tasks[0] if response.tasks else None


def _other_failures(session: Session, run: Run, task: TaskRecord) -> int:
    request = pb.ListStepsRequest(flow=run.flow, run_id=run.run_id)
    response = session.connection.call("ControlService/ListSteps", request, pb.ListStepsResponse)
    failed = sum(step.failed for step in response.steps)
    return failed - (task.state == TASK_FAILED)


def _item(session: Session, run: Run, graph: Graph, task: TaskRecord) -> str:
    position = f"index {'/'.join(str(index) for index in task.foreach_path)}"
    variable = innermost_foreach(graph, task.step)
    value = _item_value(session, run, task, variable) if variable else None
    return position if value is None else f"{value} ({position} of {variable})"


def _item_value(session: Session, run: Run, task: TaskRecord, variable: str) -> str | None:
    """Reads the item from what the task before was given. None: it was not carried along, or does not load."""
    if not task.parent_task_ids:
        return None
    from instep._reader import ArtifactReader

    reader = ArtifactReader(session.connection)
    try:
        artifact = reader.get(run.flow, run.run_id, task.parent_task_ids[0], variable)
        value: Any = reader.item(artifact, task.index)
    except InstepError:
        return None
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()  # a number of R is one of NumPy here, which is not what a person has written
    text = repr(value).replace("\n", " ")
    return text if len(text) <= ITEM_WIDTH else f"{text[: ITEM_WIDTH - 1]}…"


def innermost_foreach(graph: Graph, step: str) -> str:
    """Finds the artifact whose items the tasks of a step are about.

    Args:
        graph: The graph.
        step: Name of the step, which lies in a foreach.

    Returns:
        Name of the artifact. Empty: the graph does not say.
    """
    by_name = {entry.name: entry for entry in graph.steps}
    depth: dict[str, tuple[str, ...]] = {graph.start: ()}
    order = [graph.start]
    for name in order:
        transition = by_name[name].transition
        stack = depth[name]
        if transition.kind == FOREACH:
            stack = (*stack, transition.foreach)
        elif len(transition.targets) > 1 and transition.kind != SWITCH:
            stack = (*stack, "")
        for target in transition.targets:
            if target in by_name and target not in depth:
                depth[target] = stack[:-1] if by_name[target].takes_inputs else stack
                order.append(target)
    return next((variable for variable in reversed(depth.get(step, ())) if variable), "")
