"""What the launcher knows of processes by looking at them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from instep_server.processes import is_at_work


def test_a_process_is_at_work_unless_it_is_stopped_or_has_ended() -> None:
    """I6: what counts is that it could go on by itself."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert is_at_work(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        assert not is_at_work(process.pid)
        process.send_signal(signal.SIGCONT)
        os.waitpid(process.pid, os.WCONTINUED)
        assert is_at_work(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_at_work(process.pid)
    assert not is_at_work(process.pid)
