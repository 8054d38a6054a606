"""The command `run`."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from instep._cli._graph import show_problems, summary
from instep._cli._parameters import ParameterOption, encoded
from instep._cli._program import CONTEXT, FAILURE, SUCCESS
from instep._run_view import RUN_CANCELLED, RUN_SUCCEEDED
from instep._user import user_name
from instep._version import version

if TYPE_CHECKING:
    from instep_proto.v1.control_service_pb2 import LoadFlowResponse
    from instep_proto.v1.run_pb2 import Run

    from instep._cli._session import Session
    from instep._cli._signals import Signals
    from instep._progress import Progress

MAX_TAG_CHARACTERS = 500
MAX_TAGS = 50
BYTES_PER_MB = 1_000_000


class RunCommand(click.Command):
    """The command `run` of one flow, with an option for each of its parameters.

    Args:
        session: The command's session.
        signals: The command's signals.
    """

    def __init__(self, session: Session, signals: Signals) -> None:
        self._loaded = session.loaded
        self._parameters = [ParameterOption(spec) for spec in self._loaded.graph.parameters]
        self._session = session
        self._signals = signals
        # Without a graph no parameter is known: what matters then are the graph's problems, not the options.
        lenient = {"ignore_unknown_options": True, "allow_extra_args": True} if self._loaded.problems else {}
        super().__init__(
            "run",
            context_settings={**CONTEXT, **lenient},
            callback=self._run,
            params=[*self._parameters, *_options()],
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
        quiet: bool = click.get_current_context().find_root().params.get("quiet", False)
        loaded = self._loaded
        if not quiet:
            click.echo(f"Instep {version()} runs flow {self._session.flow_name} for user {user_name()}.")
            click.echo("Validating the graph...")
        if loaded.problems:
            show_problems(self._session.flow_name, loaded.problems)
            return FAILURE
        if not quiet:
            click.echo(f"    {summary(loaded.graph)}")
        return execute_run(self._session, self._signals, given, quiet=quiet)


def execute_run(session: Session, signals: Signals, given: Mapping[str, Any], *, quiet: bool) -> int:
    """Submits a run and follows it to its end.

    Args:
        session: The command's session.
        signals: The command's signals.
        given: The values of all options of `run` by name, those of parameters included.
        quiet: True to show no progress.

    Returns:
        The exit code.
    """
    from instep._cli._watch import Item, watch

    queue: SimpleQueue[Item] = SimpleQueue()
    with signals.into(queue):  # from before the run exists, so that a signal always cancels it in good order
        run = _submit(session, given)
        progress = _progress(quiet=quiet)
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


def _submit(session: Session, given: Mapping[str, Any]) -> Run:
    from instep_proto.v1 import control_service_pb2 as pb

    loaded: LoadFlowResponse = session.loaded
    run_id_file: Path | None = given["run_id_file"]
    request = pb.SubmitRunRequest(
        client_request_id=uuid.uuid4().hex,
        load_id=loaded.load_id,
        parameters=encoded(loaded.graph.parameters, given),
        max_workers=given["max_workers"] or 0,
        max_num_splits=given["max_num_splits"] or 0,
        max_log_bytes=(given["max_log_size"] or 0) * BYTES_PER_MB,
        tags=sorted(given["tag"]),
        user=user_name(),
        working_directory=str(Path.cwd()),
        namespace=given["namespace"] or f"user:{user_name()}",
        held=run_id_file is not None,
        on_loss=f"LOSS_POLICY_{(given['on_loss'] or 'unspecified').upper()}",
    )
    run = session.connection.call("ControlService/SubmitRun", request, pb.SubmitRunResponse).run
    if run_id_file is not None:
        _write_run_id(run_id_file, run.run_id)
        start = pb.StartRunRequest(flow=run.flow, run_id=run.run_id)
        session.connection.call("ControlService/StartRun", start, pb.StartRunResponse)
    return run


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


def _options() -> list[click.Option]:
    return [
        click.Option(
            ["--tag"],
            multiple=True,
            metavar="TEXT",
            callback=_checked_tags,
            help="Tag of the run. Repeatable.",
        ),
        click.Option(
            ["--max-workers"],
            type=click.IntRange(min=1),
            metavar="N",
            help="How many tasks may run at once.  [default: one per core]",
        ),
        click.Option(
            ["--max-num-splits"],
            type=click.IntRange(min=1),
            metavar="N",
            help="How many tasks one foreach may make.  [default: 10000]",
        ),
        click.Option(
            ["--max-log-size"],
            type=click.IntRange(min=1),
            metavar="N",
            help="How much of each log of a task is kept, in MB.  [default: 64]",
        ),
        click.Option(
            ["--run-id-file"],
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            help="File to write the run's id to, before its first task starts.",
        ),
        click.Option(
            ["--on-loss"],
            type=click.Choice(["warn", "error", "ignore"]),
            metavar="POLICY",
            help="What to do about losses: warn, error or ignore.  [default: as the flow says]",
        ),
        click.Option(["--namespace"], metavar="TEXT", help="Namespace of the run.  [default: user:NAME]"),
    ]


def _checked_tags(_ctx: click.Context, _option: click.Parameter, tags: Sequence[str]) -> frozenset[str]:
    for tag in tags:
        if not tag:
            raise click.BadParameter("a tag must not be empty.")
        if len(tag) > MAX_TAG_CHARACTERS:
            raise click.BadParameter(
                f"a tag must have at most {MAX_TAG_CHARACTERS} characters; one has {len(tag)}."
            )
        if any("\ud800" <= character <= "\udfff" for character in tag):
            raise click.BadParameter(f"a tag must be valid UTF-8, unlike {tag!a}.")
    distinct = frozenset(tags)
    if len(distinct) > MAX_TAGS:
        raise click.BadParameter(f"a run can have at most {MAX_TAGS} tags, not {len(distinct)}.")
    return distinct
