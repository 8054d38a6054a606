"""Says what happened when a worker's process ended without a report."""

from __future__ import annotations

from instep_server.core.failure import Failure, FailureKind

_SIGNAL_NAMES = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    5: "SIGTRAP",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
    31: "SIGSYS",
}
_SIGNAL_WORDS = {
    4: "an illegal instruction",
    6: "a call of abort",
    7: "a bus error",
    8: "an arithmetic error",
    11: "a segmentation fault",
}
_NO_INTERPRETER = 127
NO_R_PACKAGE = 69
"""Exit code of an R that we have started and that has no package instep."""
_SET_UP = "`make setup` in Instep's folder installs it"
_EXIT_WORDS = {
    NO_R_PACKAGE: f"its R has no package instep; {_SET_UP}",
    70: "Instep itself failed in it, and its log says how",
    74: "it lost the orchestrator, or the orchestrator had given it up",
    75: "it could not show the orchestrator who it is",
    76: "its version of Instep does not fit that of the orchestrator",
}
_CALLS = {"python": "sys.exit()", "r": "quit() or q()"}
_ENDS = {
    "python": "A step ends by returning, with self.next() as its last statement.",
    "r": "A step ends when its function returns.",
}


def signal_name(number: int) -> str:
    """Names a signal, such as `SIGKILL`."""
    return _SIGNAL_NAMES.get(number, f"signal {number}")


def lost(
    step: str,
    task_id: int,
    language: str,
    *,
    exit_code: int | None = None,
    signal: int | None = None,
    out_of_memory: bool = False,
) -> Failure:
    """Makes the failure of a task whose process ended without a report.

    Args:
        step: Name of the step.
        task_id: The task.
        language: Language of the step.
        exit_code: Exit code of the process. None: it did not end by itself.
        signal: Signal that ended it. None: none did.
        out_of_memory: True when the kernel killed it for want of memory.

    Returns:
        The failure. Its message names step, task and what happened.
    """
    if out_of_memory:
        return Failure(
            kind=FailureKind.OUT_OF_MEMORY,
            message=f"Task {step}/{task_id} was killed (SIGKILL): the machine ran out of memory.",
            signal=signal,
        )
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=_message(f"Task {step}/{task_id}", language, exit_code, signal),
        exit_code=exit_code,
        signal=signal,
    )


def lease_expired(step: str, task_id: int, seconds: float) -> Failure:
    """Makes the failure of a task whose worker was not heard of.

    Args:
        step: Name of the step.
        task_id: The task.
        seconds: For how long.
    """
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"Task {step}/{task_id} was given up: its process was not heard of for {seconds:.0f} s.",
    )


def asked_too_often(step: str, task_id: int) -> Failure:
    """Makes the failure of a task whose worker had begun it, and asked for a task again and again.

    Args:
        step: Name of the step.
        task_id: The task.
    """
    return Failure(
        kind=FailureKind.WORKER_LOST,
        message=f"Task {step}/{task_id} was given up: its process had begun it, and asked for it again and again.",
    )


def too_large(step: str, task_id: int, used_mb: int, declared_mb: int) -> Failure:
    """Makes the failure of a task that took more memory than its step declares.

    Args:
        step: Name of the step.
        task_id: The task.
        used_mb: What it took.
        declared_mb: What its step declares.
    """
    return Failure(
        kind=FailureKind.OUT_OF_MEMORY,
        message=f"Task {step}/{task_id} was killed (SIGKILL): it took {used_mb:,} MB of memory, and its step declares"
        f" memory={declared_mb}.",
        signal=9,
    )


def overran(step: str, task_id: int, timeout_ms: int) -> Failure:
    """Makes the failure of a task whose attempt went on after its limit.

    Args:
        step: Name of the step.
        task_id: The task.
        timeout_ms: Its limit.
    """
    return Failure(
        kind=FailureKind.ATTEMPT_TIMEOUT,
        classes=("TimeoutException",),
        message=f"Task {step}/{task_id} was ended: it took longer than {timeout_ms / 1000:g} s, the limit of its step.",
    )


def stopped(step: str, task_id: int, reason: str, signal: int | None) -> Failure:
    """Makes the failure of a task whose process was ended because the run was.

    Args:
        step: Name of the step.
        task_id: The task.
        reason: Why the run was ended, for people.
        signal: Signal that ended the process. None: none did.
    """
    how = f" ({signal_name(signal)})" if signal is not None else ""
    return Failure(
        kind=FailureKind.CANCELLED, message=f"Task {step}/{task_id} was ended{how}: {reason}", signal=signal
    )


def host_lost(name: str, *, exit_code: int | None = None, signal: int | None = None) -> str:
    """Says why a host could not load its file. What it wrote went to the terminal.

    Args:
        name: What to call its file.
        exit_code: Exit code of its process. None: it is not known, or the process did not end by itself.
        signal: Signal that ended it. None: none is known.

    Returns:
        One or two sentences.
    """
    if exit_code == NO_R_PACKAGE:
        return f"{name} can't be loaded, because R has no package instep; {_SET_UP}."
    if exit_code == _NO_INTERPRETER:  # what `env` of a first line such as `#!/usr/bin/env node` ends with
        return f"{name} can't be loaded, because the interpreter that its first line names is not installed."
    how = signal_name(signal) if signal is not None else f"exit code {exit_code}"
    why = "" if signal is None and exit_code is None else f" ({how})"
    return f"The interpreter for {name} ended before it had loaded it{why}."


def no_host(name: str) -> str:
    """Says that a program is no host.

    Args:
        name: Its file.
    """
    return (
        f"{name} can't be loaded: it wrote to its pipe what is no message of a host. A program writes there only as"
        " proto/instep/v1/host.proto says."
    )


def _message(task: str, language: str, exit_code: int | None, signal: int | None) -> str:
    if signal is not None:
        name = signal_name(signal)
        if words := _SIGNAL_WORDS.get(signal):
            return f"{task} crashed: its process ended by {words} ({name})."
        return f"{task} was killed ({name})."
    if why := _EXIT_WORDS.get(exit_code or 0):
        return f"{task} could not run: {why} (exit code {exit_code})."
    call = _CALLS.get(language, "exit()")
    return (
        f"{task} ended without completing: its process exited with code {exit_code}, as by a call of {call}."
        f" {_ENDS.get(language, _ENDS['r'])}"
    )
