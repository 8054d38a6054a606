from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from instep.values import _user_code, decode, encode, register_user_module

FILE = Path(__file__).parent / "user_shapes.py"


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The user's file, loaded and registered as a worker does it."""
    spec = spec_from_file_location("user_shapes", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "user_shapes", module)
    monkeypatch.setattr(_user_code, "_names", set())
    spec.loader.exec_module(module)
    register_user_module("user_shapes")
    yield module
    import cloudpickle

    if "user_shapes" in cloudpickle.list_registry_pickle_by_value():
        cloudpickle.unregister_pickle_by_value(module)


def values(shapes: ModuleType) -> list[Any]:
    return [
        shapes.Point(1.5),
        shapes.Named(2.5),
        shapes.Color.RED,
        {"points": [shapes.Point(1.0)], "class": shapes.Point, "call": shapes.double},
    ]


def test_class_comes_back_as_the_loaded_one(shapes: ModuleType, round_trip: Any) -> None:
    for value in values(shapes):
        assert round_trip(value) == value
    assert type(round_trip(shapes.Named(1.0))) is shapes.Named
    assert round_trip(shapes.double) is shapes.double


def test_equal_values_have_equal_digests_in_all_processes(shapes: ModuleType, tmp_path: Path) -> None:
    """Both compile the file, as hosts do: code from a .pyc shares other strings, which pickles show."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import user_shapes as shapes\n"
        "from instep.values import encode, register_user_module\n"
        "register_user_module('user_shapes')\n"
        "print(encode([shapes.Point(1.5), shapes.Named(2.5)]).digest.hash)"
    )
    environment = {
        "PYTHONHASHSEED": "0",
        "PYTHONPYCACHEPREFIX": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(FILE.parent)],
            check=True, capture_output=True, text=True, timeout=60, env=environment,
        ).stdout
        for _ in range(2)
    }  # fmt: skip
    assert len(digests) == 1


def test_reader_without_the_file_builds_the_class(shapes: ModuleType, tmp_path: Path) -> None:
    """A client in a notebook has not loaded the user's file. Two artifacts share the class there, too."""
    for position, value in enumerate([shapes.Point(1.5), [shapes.Point(2.0), shapes.Named(1.5)]]):
        (tmp_path / f"{position}").write_bytes(encode(value, inline=True).manifest)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from instep.values import decode\n"
        "first, (second, third) = (decode(Path(sys.argv[1], name).read_bytes(), None) for name in '01')\n"
        "assert 'user_shapes' not in sys.modules\n"
        "assert first.twice().x == 3.0 and third.label == 'named'\n"
        "assert type(first) is type(second) and isinstance(third, type(first))\n"
        "assert first.color is second.color\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


def test_class_of_the_program_is_found_under_the_stem_of_its_file(tmp_path: Path) -> None:
    """What the flow file writes when it is run is read where it was imported, and the other way round."""
    source = (
        "from dataclasses import dataclass\n"
        "from pathlib import Path\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "if __name__ == '__main__':\n"
        "    from instep.values import decode, encode\n"
        "    data = encode(Point(1), inline=True).manifest\n"
        "    assert type(decode(data, None)) is Point\n"
        "    Path(__file__).with_suffix('.manifest').write_bytes(data)\n"
    )
    (tmp_path / "points.py").write_text(source)
    subprocess.run([sys.executable, str(tmp_path / "points.py")], check=True, timeout=60)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import points\n"
        "from pathlib import Path\n"
        "from instep.values import decode\n"
        "data = Path(sys.argv[1], 'points.manifest').read_bytes()\n"
        "assert decode(data, None) == points.Point(1)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


def test_class_inside_of_a_function_goes_by_value(shapes: ModuleType) -> None:
    class Local:
        x = 1

    found: Any = decode(encode(Local(), inline=True).manifest, lambda digest, size: b"")
    assert found.x == 1
