"""Reads values and stores them again: the service of instep_conformance/value_service.py in Python."""

import importlib.metadata
import struct
import sys
import warnings

from instep.values import decode, encode


def answer(kind, body):
    if kind == b"I":
        return f"python\ninstep-python {importlib.metadata.version('instep')}".encode()
    return encode(decode(body, fetch), inline=True).manifest


def fetch(hash, size):
    raise ValueError(f"Blob {hash} should be in the manifest.")


def main():
    warnings.simplefilter("ignore")  # losses
    while kind := sys.stdin.buffer.read(1):
        body = sys.stdin.buffer.read(struct.unpack("<i", sys.stdin.buffer.read(4))[0])
        try:
            failed, result = b"0", answer(kind, body)
        except Exception as err:  # noqa: BLE001 - it is the answer
            failed, result = b"1", str(err).encode()
        sys.stdout.buffer.write(failed + struct.pack("<i", len(result)) + result)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
