from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from instep.values import Blob, Digest
from instep.values._digest import hash_of


@pytest.mark.parametrize("size", [0, 1, 4096, 3 << 20])
def test_hash_is_that_of_all_bytes(size: int) -> None:
    data = np.random.default_rng(1).bytes(size)
    middle = size // 3
    assert hash_of([data[:middle], memoryview(data)[middle:]]) == "b3:" + blake3(data).hexdigest()


def test_blob_writes_its_pieces_in_order(tmp_path: Path) -> None:
    blob = Blob.of(b"ab", np.arange(2, dtype="int64").data, b"")
    assert blob.digest == Digest(blob.hash, 18)
    with (tmp_path / "f").open("wb") as file:
        blob.write(file.fileno())
    assert (tmp_path / "f").read_bytes() == b"ab" + np.arange(2, dtype="int64").tobytes()


def test_large_data_are_hashed_in_a_process_that_was_forked() -> None:
    """Workers are forked. A pool of threads that the parent had started would be dead in them."""
    data = bytes(4 << 20)
    expected = hash_of([data])
    child = os.fork()
    if child == 0:
        os._exit(0 if hash_of([data]) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
