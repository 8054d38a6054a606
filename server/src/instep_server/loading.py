"""Loads flows: has hosts read the files, and merges and checks what they say."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from instep_proto.v1 import control_service_pb2

from instep_server import configs
from instep_server._convert import source_from_proto
from instep_server.configs import Variables
from instep_server.core.graph import assemble, missing_files
from instep_server.core.graph_types import Graph, Location, Problem, Source
from instep_server.errors import HostError
from instep_server.host import Host
from instep_server.launcher import Launcher, Program
from instep_server.limits import HOST_LOAD_SECONDS
from instep_server.store import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A flow that was loaded."""

    id: str
    """Its id in this server."""
    file: str
    """The flow's file."""
    graph: Graph | None
    """Its graph. None when there are problems."""
    problems: tuple[Problem, ...]
    """Why it cannot run."""
    variables: Variables
    """Environment variables with which each process loads its files in the same way again."""


class Loader:
    """Loads flows.

    Args:
        launcher: Has the hosts.
        new_id: Makes ids.
        attached: The host that came with this server, if one did.
    """

    def __init__(self, launcher: Launcher, new_id: Callable[[], str], attached: Host | None) -> None:
        self._launcher = launcher
        self._new_id = new_id
        self._attached = attached
        self._loads: dict[str, Load] = {}

    def get(self, load_id: str) -> Load | None:
        """Finds a flow that was loaded."""
        return self._loads.get(load_id)

    async def load(
        self, file: str, language: str, wanted: Sequence[control_service_pb2.ConfigValue] = ()
    ) -> Load:
        """Loads a flow. Waits for all hosts.

        Args:
            file: Absolute path of its file.
            language: Language of the file.
            wanted: Values of configs.

        Returns:
            The flow, or its problems.

        Raises:
            RequestError: MALFORMED, see `configs.asked_for`.
        """
        program = Program(language, os.path.realpath(file), configs.asked_for(wanted))
        await self._wait_for_attached(program, wanted)
        main = await self._source(program)
        others: list[Source] = []
        while missing := missing_files(main, others):
            others += await asyncio.gather(
                *(self._source(Program(one.language, one.file, program.variables)) for one in missing)
            )
        found = assemble(main, others)
        load = Load(
            id=self._new_id(),
            file=program.file,
            graph=found.graph,
            problems=found.problems,
            variables=self._pin(program, [main, *others]),
        )
        self._loads[load.id] = load
        return load

    async def _wait_for_attached(
        self, program: Program, wanted: Sequence[control_service_pb2.ConfigValue]
    ) -> None:
        """Lets the host that came with us tell its file, so that no second one is started for it."""
        host = self._attached
        if host is None:
            return
        await asyncio.wait({host.loaded}, timeout=HOST_LOAD_SECONDS)
        if host.is_alive and host.loaded.done() and host.loaded.exception() is None:
            loaded = host.loaded.result()
            is_same = (loaded.language, loaded.file) == (program.language, program.file)
            if is_same and configs.holds(loaded, wanted):
                self._launcher.adopt(host, program)

    def _pin(self, program: Program, sources: Iterable[Source]) -> Variables:
        """Makes the hosts of a flow those of all processes that are to load it in the same way."""
        hosts = {
            Program(source.language, source.file): self._launcher.known(
                Program(source.language, source.file, program.variables)
            )
            for source in sources
        }
        variables = configs.pinned(
            host.loaded.result()
            for host in hosts.values()
            if host is not None and host.loaded.done() and host.loaded.exception() is None
        )
        for one, host in hosts.items():
            if host is not None:
                self._launcher.adopt(host, replace(one, variables=variables))
        return variables

    async def _source(self, program: Program) -> Source:
        language, file = program.language, program.file
        try:
            digest = digest_of(Path(file).read_bytes())
        except OSError as err:
            return _failed(language, file, f"{file} can't be read: {err.strerror}.")
        try:
            host = await self._launcher.host(program)
            loaded = await asyncio.wait_for(asyncio.shield(host.loaded), HOST_LOAD_SECONDS)
        except HostError as err:
            return _failed(language, file, str(err))
        except TimeoutError:
            return _failed(language, file, f"{file} was not loaded within {HOST_LOAD_SECONDS:.0f} s.")
        if loaded.file != file or language not in ("", loaded.language):
            # Files are known by their names: under another one, this file would be looked for forever.
            return _failed(
                language, file, f"The interpreter for {file} says that it has loaded {loaded.file}."
            )
        if not loaded.language:
            return _failed(language, file, f"The program {file} does not say its language.")
        self._launcher.adopt(host, replace(program, language=loaded.language))
        return source_from_proto(loaded, digest=digest)


def _failed(language: str, file: str, message: str) -> Source:
    problem = Problem(code="file-not-loaded", message=message, locations=(Location(file),))
    return Source(language=language, file=file, problem=problem)
