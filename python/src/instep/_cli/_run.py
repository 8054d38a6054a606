"""The commands `run` and `resume`."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from instep._cli._graph import exit_code_of, show_problems, summary
from instep._cli._options import run_options
from instep._cli._parameters import ParameterOption, encoded
from instep._cli._program import CONTEXT, FAILURE, SUCCESS
from instep._run_view import RUN_CANCELLED, RUN_SUCCEEDED
from instep._user import user_name, user_namespace
from instep._version import version
from instep.errors import DecoratorInvalidError, OriginUnknownError, TagInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from instep_proto.v1.control_service_pb2 import LoadFlowResponse, Reuse
    from instep_proto.v1.graph_pb2 import Graph
    from instep_proto.v1.run_pb2 import Run

    from instep._cli._session import Session
    from instep._cli._signals import Signals
    from instep._progress import Progress

BYTES_PER_MB = 1_000_000


class RunCommand(click.Command):
    """The command `run` of one flow, with an option for each of its parameters.

    Args:
        session: The command's session.
        signals: The command's signals.
    """

    def __init__(self, session: Session, signals: Signals) -> None:
        loaded = session.loaded
        self._parameters = [ParameterOption(spec) for spec in loaded.graph.parameters]
        self._session = session
        self._signals = signals
        # Without a graph no parameter is known: what matters then are the graph's problems, not the options.
        lenient = {"ignore_unknown_options": True, "allow_extra_args": True} if loaded.problems else {}
        reuse = click.Option(
            ["--reuse"],
            is_flag=True,
            help="Take over what earlier runs did with the same code and the same inputs, and run the rest.",
        )
        super().__init__(
            "run",
            context_settings={**CONTEXT, **lenient},
            callback=self._run,
            params=[*self._parameters, *run_options(), reuse],
            help=f"Run the flow {session.flow_name}.",
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the parameters of the flow apart from our own options.

        Args:
            ctx: The command's context.
            formatter: What takes the text.
        """
        sections: dict[str, list[tuple[str, str]]] = {"Parameters of the flow": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                own = "Options" if parameter not in self._parameters else "Parameters of the flow"
                sections[own].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def _run(self, **given: Any) -> int:
        return _start(self._session, self._signals, given)


class ResumeCommand(click.Command):
    """The command `resume` of one flow.

    Args:
        session: The command's session.
        signals: The command's signals.
    """

    def __init__(self, session: Session, signals: Signals) -> None:
        self._session = session
        self._signals = signals
        super().__init__(
            "resume",
            context_settings=CONTEXT,
            callback=self._resume,
            params=[
                click.Argument(["step"], required=False),
                click.Option(
                    ["--origin-run-id"],
                    metavar="ID",
                    help="The run to go on from.  [default: the latest one that `run` has started]",
                ),
                click.Option(
                    ["--changed"],
                    is_flag=True,
                    help="Run again what has other code or other inputs now, too, and say why.",
                ),
                *run_options(),
            ],
            help="Go on from an earlier run: what it has done well is taken over, and the rest is run. With STEP, that "
            "step and all after it run again. Parameters keep their values.",
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments.

        Args:
            ctx: The command's context.
            args: What was typed after the command.

        Raises:
            click.UsageError: They are not as they must be.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as err:
            name = err.option_name.lstrip("-")
            if name not in {spec.name for spec in self._session.loaded.graph.parameters}:
                raise
            raise click.UsageError(
                f"--{name} is a parameter of the flow. A resumed run keeps the values of its origin, so that resume "
                "takes no parameters.",
                ctx,
            ) from err

    def _resume(self, step: str | None, origin_run_id: str | None, *, changed: bool, **given: Any) -> int:
        from instep_proto.v1.control_service_pb2 import Reuse

        origin = _origin(self._session, origin_run_id)
        reuse = Reuse(origin_run_id=origin, step=step or "", unchanged_only=changed)
        return _start(self._session, self._signals, given, reuse)


def _origin(session: Session, run_id: str | None) -> str:
    """Finds the run to resume, and has the flow loaded with its configs.

    Raises:
        InstepError: There is no such run.
    """
    from instep._archive import Archive

    archive, flow = Archive(session.connection), session.flow_name
    if run_id is None:
        run = next((run for run in archive.runs(flow) if not run.origin_run_id), None)
        if run is None:
            raise OriginUnknownError(
                f"There is no run of flow {flow!r} to resume. To start one: {session.flow.program} run"
            )
        run_id = run.run_id
    configs = archive.run(flow, run_id).graph.configs
    session.configure({spec.name: spec.text for spec in configs if spec.HasField("text")})
    return run_id


def _start(session: Session, signals: Signals, given: Mapping[str, Any], reuse: Reuse | None = None) -> int:
    """Checks the graph, submits a run and follows it to its end.

    Args:
        session: The command's session.
        signals: The command's signals.
        given: The values of all options by name, those of parameters included.
        reuse: What is resumed. None: nothing is.

    Returns:
        The exit code.
    """
    quiet: bool = click.get_current_context().find_root().params.get("quiet", False)
    loaded = session.loaded
    if not quiet:
        what = f"resumes run {reuse.origin_run_id} of" if reuse else "runs"
        name = session.flow_name  # not known of a file that can't be loaded
        click.echo(
            f"Instep {version()} {what} {f'flow {name}' if name else 'a flow'} for user {user_name()}."
        )
        click.echo("Validating the graph...")
    if loaded.problems:
        show_problems(session.flow_name, loaded.problems)
        return exit_code_of(loaded.problems)
    if not quiet:
        click.echo(f"    {summary(loaded.graph)}")
    _tell_losses(loaded.graph, given["on_loss"])
    return execute_run(session, signals, given, reuse, quiet=quiet)


def execute_run(
    session: Session,
    signals: Signals,
    given: Mapping[str, Any],
    reuse: Reuse | None = None,
    *,
    quiet: bool,
) -> int:
    """Submits a run and follows it to its end.

    Args:
        session: The command's session.
        signals: The command's signals.
        given: The values of all options by name, those of parameters included.
        reuse: What is resumed. None: nothing is.
        quiet: True to show no progress.

    Returns:
        The exit code.
    """
    from instep._cli._watch import Item, watch

    queue: SimpleQueue[Item] = SimpleQueue()
    with signals.into(queue):  # from before the run exists, so that a signal always cancels it in good order
        run = _submit(session, given, reuse)
        progress = _progress(quiet=quiet)
        if session.driver:
            progress = session.driver.told(progress, session.home)
        progress.begin(run, session.loaded.graph)
        watched = watch(session, run, progress, queue)
    if watched.run.state == RUN_SUCCEEDED:
        return SUCCESS
    if watched.run.state == RUN_CANCELLED:
        if quiet:
            click.echo(f"Run {run.flow}/{run.run_id} was cancelled.", err=True)
        return FAILURE if watched.signum is None else 128 + watched.signum
    from instep._cli._report import report_failure

    report_failure(session, watched.run, session.loaded.graph)
    return FAILURE


def _tell_losses(graph: Graph, on_loss: str | None) -> None:
    """Tells on stderr what the flow's constants lose, if losses are to be told.

    Args:
        graph: The flow's graph.
        on_loss: What the run says about losses. None: what the flow says.
    """
    from instep_proto.v1.graph_pb2 import LOSS_POLICY_WARN

    if on_loss == "warn" or (on_loss is None and graph.on_loss == LOSS_POLICY_WARN):
        for spec in graph.constants:
            for loss in spec.losses:
                click.echo(
                    f"Loss {loss.rule} in constant {spec.name!r} at {loss.path}: {loss.message}", err=True
                )


def _submit(session: Session, given: Mapping[str, Any], reuse: Reuse | None) -> Run:
    from instep_proto.v1 import control_service_pb2 as pb
    from instep_proto.v1.graph_pb2 import Decorator

    loaded: LoadFlowResponse = session.loaded
    if given.get("reuse"):
        reuse = pb.Reuse(unchanged_only=True)
    run_id_file: Path | None = given["run_id_file"]
    request = pb.SubmitRunRequest(
        client_request_id=uuid.uuid4().hex,
        load_id=loaded.load_id,
        parameters=() if reuse and reuse.origin_run_id else _parameters(session, given),
        max_workers=given["max_workers"] or 0,
        max_num_splits=given["max_num_splits"] or 0,
        max_log_bytes=(given["max_log_size"] or 0) * BYTES_PER_MB,
        tags=given["tag"],
        user=user_name(),
        working_directory=str(Path.cwd()),
        namespace=user_namespace() if given["namespace"] is None else given["namespace"],
        held=run_id_file is not None,
        on_loss=f"LOSS_POLICY_{(given['on_loss'] or 'unspecified').upper()}",
        decorators=[Decorator(name=one.name, arguments=one.arguments) for one in given["decorators"]],
        reuse=reuse,
        branch=_project_option(loaded, "branch") or "",
        production=_project_option(loaded, "production") or False,
    )
    try:
        run = session.connection.call("ControlService/SubmitRun", request, pb.SubmitRunResponse).run
    except (DecoratorInvalidError, TagInvalidError) as err:
        raise click.UsageError(err.message, click.get_current_context()) from err
    if run_id_file is not None:
        _write_run_id(run_id_file, run.run_id)
        start = pb.StartRunRequest(flow=run.flow, run_id=run.run_id)
        session.connection.call("ControlService/StartRun", start, pb.StartRunResponse)
    return run


def _project_option(loaded: LoadFlowResponse, name: str) -> Any:
    """Reads an option about the project. From the environment it is meant for flows that belong to one."""
    root = click.get_current_context().find_root()
    is_general = root.get_parameter_source(name) is ParameterSource.ENVIRONMENT
    if is_general and not any(decorator.name == "project" for decorator in loaded.graph.decorators):
        return None
    return root.params.get(name)


def _parameters(session: Session, given: Mapping[str, Any]) -> Iterator[Any]:
    return encoded(session.loaded.graph.parameters, given, session.home / "objects")


def _write_run_id(file: Path, run_id: str) -> None:
    try:
        file.write_text(run_id)
    except OSError as err:
        raise click.ClickException(f"Can't write the run id to {str(file)!r}: {err.strerror}.") from err


def _progress(*, quiet: bool) -> Progress:
    if quiet:
        from instep._progress import QuietProgress

        return QuietProgress()
    if sys.stdout.isatty():
        from instep._live import LiveProgress  # imports rich

        return LiveProgress()
    from instep._progress import LineProgress

    return LineProgress()
