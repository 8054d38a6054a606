"""The environment variables by which hosts and workers learn the values of configs.

A config is resolved while its file is loaded, so its value must be known before that: hosts read it from two
variables, each a JSON object by name of the config, one with texts and one with files. What was asked for when a
flow was loaded goes over what the variables say already. Once the flow is loaded, the texts that were found are
*pinned*, so that each process that loads the flow for a run later gets the same, whatever became of the files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from instep_proto.v1 import control_service_pb2, host_pb2

from instep_server.errors import Reason, RequestError

VALUES = "INSTEP_FLOW_CONFIG_VALUE"
"""The variable with texts."""
FILES = "INSTEP_FLOW_CONFIG"
"""The variable with paths."""

Variables = tuple[tuple[str, str], ...]
"""Environment variables beside those of this process, sorted by name."""


def asked_for(configs: Iterable[control_service_pb2.ConfigValue]) -> Variables:
    """Makes the variables for hosts that load a flow.

    Args:
        configs: The values that were asked for.

    Returns:
        The variables. Empty when nothing was asked for.

    Raises:
        RequestError: MALFORMED, a variable of this process is no JSON object.
    """
    wanted = list(configs)
    if not wanted:
        return ()
    texts, files = _read(VALUES), _read(FILES)
    for config in wanted:
        texts.pop(config.name, None)
        files.pop(config.name, None)
        if config.WhichOneof("source") == "file":
            files[config.name] = config.file
        else:
            texts[config.name] = config.text
    return _variables(texts, files)


def pinned(loaded: Iterable[host_pb2.HostLoaded]) -> Variables:
    """Makes the variables for processes that load the same flow again.

    Args:
        loaded: What the flow's hosts have loaded.

    Returns:
        The variables. Empty when the flow has no configs.
    """
    texts = {
        config.name: config.text
        for one in loaded
        for config in one.fragment.configs
        if config.HasField("text")
    }
    return _variables(texts, {}) if texts else ()


def holds(loaded: host_pb2.HostLoaded, configs: Iterable[control_service_pb2.ConfigValue]) -> bool:
    """Tells whether a host has loaded its file with the values that are asked for.

    Args:
        loaded: What it has loaded.
        configs: The values.
    """
    wanted = {config.name: _text(config) for config in configs}
    if wanted and loaded.HasField("problem"):
        return False
    return all(
        config.HasField("text") and config.text == wanted[config.name]
        for config in loaded.fragment.configs
        if config.name in wanted
    )


def _text(config: control_service_pb2.ConfigValue) -> str | None:
    """Finds the text of a config. None: its file can't be read, which its host will tell."""
    if config.WhichOneof("source") != "file":
        return config.text
    try:
        return Path(config.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _read(name: str) -> dict[str, object]:
    text = os.environ.get(name, "")
    try:
        value = json.loads(text) if text else {}
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise RequestError(
            Reason.MALFORMED, f"The environment variable {name} must hold a JSON object by config name."
        )
    return value


def _variables(texts: Mapping[str, object], files: Mapping[str, object]) -> Variables:
    return (
        (FILES, json.dumps(files, sort_keys=True, ensure_ascii=False)),
        (VALUES, json.dumps(texts, sort_keys=True, ensure_ascii=False)),
    )
