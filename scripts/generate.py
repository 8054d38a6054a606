"""Generates what is derived from `proto/`: the Python messages and the R package's copy of the contract.

`python scripts/generate.py` writes; `python scripts/generate.py --check` only compares, and fails with the
names of files that are out of date.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
PYTHON = PROTO / "python" / "src" / "instep_proto" / "v1"
R_COPY = ROOT / "r" / "inst" / "proto" / "instep" / "v1"


def generate_python(target: Path) -> None:
    """Writes messages, their type stubs and the service stubs of all proto files to `target`."""
    sources = sorted(str(path.relative_to(PROTO)) for path in (PROTO / "instep").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [f"--python_out={scratch}", f"--pyi_out={scratch}", f"--grpc_python_out={scratch}"]
        if protoc.main(["protoc", f"-I{PROTO}", *arguments, *sources]) != 0:
            raise SystemExit("protoc failed.")
        for path in sorted((Path(scratch) / "instep" / "v1").iterdir()):
            if path.name.endswith("_pb2_grpc.py") and "_service_" not in path.name:
                continue  # a file without services has no stubs
            # protoc imports by proto path, which would be the SDK's own package; ours is instep_proto.
            text = re.sub(r"from instep\.v1 import", "from instep_proto.v1 import", path.read_text())
            (target / path.name).write_text(text)
    (target / "__init__.py").write_text('"""Messages of the package instep.v1."""\n')


def copy_protos(target: Path) -> None:
    """Copies the contract to where the R package reads it."""
    for path in sorted((PROTO / "instep" / "v1").glob("*.proto")):
        shutil.copyfile(path, target / path.name)


def differences(fresh: Path, stored: Path) -> list[str]:
    """Names the files that differ between two flat directories."""
    names = {p.name for d in (fresh, stored) if d.exists() for p in d.iterdir() if p.is_file()}
    return sorted(
        str((stored / name).relative_to(ROOT))
        for name in names
        if not (fresh / name).exists()
        or not (stored / name).exists()
        or not filecmp.cmp(fresh / name, stored / name, shallow=False)
    )


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 when something is stale")
    check = parser.parse_args().check
    stale: list[str] = []
    for stored, write in ((PYTHON, generate_python), (R_COPY, copy_protos)):
        with tempfile.TemporaryDirectory() as scratch:
            fresh = Path(scratch)
            write(fresh)
            if check:
                stale += differences(fresh, stored)
            else:
                shutil.rmtree(stored, ignore_errors=True)
                shutil.copytree(fresh, stored)
    for name in stale:
        print(f"{name} is out of date; run `make gen`.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
