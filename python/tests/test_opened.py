"""Objects of R, opened from Python. The opener is a real R process."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from instep.errors import BlobMissingError, OpaqueForeignError, OpenerFailedError, RemoteError
from instep.values import ForeignObject, LossWarning, ObjectStore, decode, encode

_WRITE = """
store <- commandArgs(TRUE)[[1]]
model <- lm(dist ~ speed, cars)
encoded <- instep:::encode_value(model, "model")
for (blob in encoded$blobs) instep:::object_put(store, blob)
writeBin(encoded$manifest, file.path(store, "manifest"))
"""

pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None
    or subprocess.run(["Rscript", "-e", "loadNamespace('instep')"], capture_output=True).returncode != 0,
    reason="R or its package instep is not installed",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a linear model of R."""
    folder = tmp_path_factory.mktemp("store")
    subprocess.run(["Rscript", "-e", _WRITE, str(folder)], check=True)
    return folder


@pytest.fixture
def handle(store: Path) -> Iterator[Any]:
    found = decode((store / "manifest").read_bytes(), ObjectStore(store).open)
    assert isinstance(found, ForeignObject)
    with found:
        yield found


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_function_of_r_is_called_on_a_model_of_r(handle: Any) -> None:
    predicted = handle.call("predict", newdata=pd.DataFrame({"speed": [10.0, 20.0]}))
    assert predicted.to_series().round(2).to_dict() == {"1": 21.74, "2": 61.07}


def test_positional_arguments_follow_the_object_and_a_package_can_be_named(handle: Any) -> None:
    wide, narrow = (handle.call("stats::confint", "speed", level=level) for level in (0.99, 0.5))
    assert wide[0, 0] < narrow[0, 0] < narrow[0, 1] < wide[0, 1]


def test_process_is_used_again_until_it_is_closed(handle: Any) -> None:
    with handle.open() as model:
        assert model.call("nobs") == handle.call("nobs") == 50
        assert handle.open() is model
        directory = model._process.directory
        assert model.interpreter.endswith("Rscript")
        assert not is_gone(model.pid)
    assert model.is_closed
    assert is_gone(model.pid)
    assert not os.path.exists(directory)
    with pytest.raises(OpenerFailedError, match="was closed"):
        model.call("nobs")
    assert handle.call("nobs") == 50


def test_first_start_tells_what_runs(handle: Any, capfd: pytest.CaptureFixture[str]) -> None:
    handle.call("nobs")
    handle.call("nobs")
    told = capfd.readouterr().err
    assert told.count("opens a lm in process") == 1
    assert "instep: R " in told
    assert "Rscript, package instep" in told


def test_error_of_r_is_raised_as_what_it_is_there(handle: Any) -> None:
    with pytest.raises(
        RemoteError, match=r"predict\(\) failed in R with simpleError: object 'speed'"
    ) as caught:
        handle.call("predict", newdata=pd.DataFrame({"other": [1.0]}))
    error = caught.value
    assert (error.language, error.remote_message) == ("r", "object 'speed' not found")
    assert error.classes == ("simpleError", "error", "condition")
    assert error.call == "eval(predvars, data, env)"
    assert "predict.lm(object, newdata = newdata)" in error.traceback
    assert any("predict.lm" in note for note in error.__notes__)
    assert handle.call("nobs") == 50


def test_function_that_does_not_exist_is_an_error_of_r(handle: Any) -> None:
    with pytest.raises(RemoteError, match="no_such_function") as caught:
        handle.call("no_such_function")
    assert "instep_error_function" in caught.value.classes


def test_large_data_go_both_ways_and_leave_no_file(handle: Any) -> None:
    frame = pd.DataFrame({"speed": range(200_000)}, dtype="float64")
    model = handle.open()
    predicted = model.call("predict", newdata=frame)
    assert len(predicted) == 200_000
    assert not list(Path(model._process.directory).glob("call-*"))
    predicted[0] = 1.0


def test_result_that_only_r_can_open_is_a_handle_that_outlives_the_process(
    handle: Any, tmp_path: Path
) -> None:
    with handle.open() as model:
        summary = model.call("summary")
    assert isinstance(summary, ForeignObject)
    encoded = encode(summary)
    for blob in encoded.blobs:
        ObjectStore(tmp_path).put(blob)
    again: Any = decode(encoded.manifest, ObjectStore(tmp_path).open)
    with again:
        assert again.call("getElement", "r.squared") == pytest.approx(0.6511, abs=1e-4)


def test_handle_can_be_an_argument(handle: Any) -> None:
    assert handle.call("all.equal", handle) is True
    assert handle.call("is.element", [{"inside": handle}]) is not None


def test_losses_of_arguments_are_warnings_outside_of_tasks(handle: Any) -> None:
    with pytest.warns(
        LossWarning, match=r"BYTES in argument 'current' of all.equal\(\) at current: a bytearray"
    ):
        handle.call("all.equal", current=bytearray(b"a"))


def test_opening_must_be_allowed(store: Path, handle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: Any = decode((store / "manifest").read_bytes(), ObjectStore(store).open, allow_opaque=False)
    with pytest.raises(OpaqueForeignError, match="'lm' of R, which can run code, is not allowed"):
        closed.call("nobs")
    with pytest.raises(OpaqueForeignError):
        pickle.loads(pickle.dumps(closed)).open()
    monkeypatch.setenv("INSTEP_ALLOW_OPAQUE", "false")
    with pytest.raises(OpaqueForeignError, match="INSTEP_ALLOW_OPAQUE=true"):
        handle.open()


def test_handle_from_another_process_without_its_bytes_says_so(handle: Any) -> None:
    with pytest.raises(BlobMissingError):
        pickle.loads(pickle.dumps(handle)).open()


def test_interpreter_that_does_not_start_is_told(
    handle: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INSTEP_RSCRIPT", str(tmp_path / "Rscript"))
    with pytest.raises(OpenerFailedError, match=r"Can't start .*INSTEP_RSCRIPT"):
        handle.open()
    monkeypatch.setenv("INSTEP_RSCRIPT", "false")
    with pytest.raises(OpenerFailedError, match=r"did not start.*package instep"):
        handle.open()


def test_process_that_was_killed_is_told_and_the_next_call_starts_another(handle: Any) -> None:
    model = handle.open()
    os.kill(model.pid, signal.SIGKILL)
    with pytest.raises(OpenerFailedError, match="is gone"):
        model.call("nobs")
    assert model.is_closed
    assert handle.call("nobs") == 50


def test_interrupted_call_ends_the_process(handle: Any, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    os.mkfifo(waiting)
    model = handle.open()

    def interrupt() -> None:
        with waiting.open("w"):  # returns when R reads from it
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            done.wait()

    done = threading.Event()
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.call("lapply", FUN="readLines", con=str(waiting))
    finally:
        done.set()
        thread.join(10)
    assert model.is_closed
    assert is_gone(model.pid)


def test_forked_child_starts_a_process_of_its_own(handle: Any) -> None:
    model = handle.open()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            own = handle.open()
            works = own is not model and own.pid != model.pid and handle.call("nobs") == 50
            handle.close()
            os._exit(0 if works else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert not model.is_closed
    assert model.call("nobs") == 50


def test_process_goes_with_the_program_that_opened_it(store: Path) -> None:
    program = (
        "import sys; from instep.values import ObjectStore, decode\n"
        "store = sys.argv[1]; root = ObjectStore(store)\n"
        "handle = decode(open(store + '/manifest', 'rb').read(), root.open)\n"
        "print(handle.open().pid, flush=True)\n"
        "handle.call('nobs')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(store)], capture_output=True, text=True, check=True
    )
    assert is_gone(int(done.stdout))


def test_process_dies_in_the_middle_of_a_call_when_its_client_is_killed(store: Path, tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    os.mkfifo(waiting)
    program = (
        "import sys; from instep.values import ObjectStore, decode\n"
        "store, waiting = sys.argv[1:]; root = ObjectStore(store)\n"
        "handle = decode(open(store + '/manifest', 'rb').read(), root.open)\n"
        "handle.call('lapply', FUN='readLines', con=waiting)\n"
    )
    client = subprocess.Popen(
        [sys.executable, "-c", program, str(store), str(waiting)], stdout=subprocess.PIPE
    )
    with waiting.open("w"):  # returns when R reads from it, which it will do until it is ended
        client.kill()
        client.wait()
        assert client.stdout is not None
        assert client.stdout.read() == b""  # which the opener holds open for as long as it lives
        client.stdout.close()
