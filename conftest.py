"""What all tests of the repository have in common."""

from __future__ import annotations

import signal

# A runner that was started in the background or by nohup ignores these, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
