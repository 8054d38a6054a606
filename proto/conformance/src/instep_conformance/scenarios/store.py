"""Values that are too large for messages: in a directory that the worker shares, and through the orchestrator."""

from __future__ import annotations

import stat

import grpc
from instep_proto.v1 import store_service_pb2 as pb
from instep_proto.v1 import value_pb2

from instep_conformance.faults import changed, lost_reply, lost_request, none_of_it, refused
from instep_conformance.kit import Kit
from instep_conformance.orchestrator import Usual
from instep_conformance.scenario import scenario
from instep_conformance.transcript import Status

Code = grpc.StatusCode
LOCAL = "instep.cap.local_objects.v1"
STORE = ("ResolveBlobs", "PrepareUploads", "CommitUploads", "ReadBlob", "WriteBlob")
COUNT = 400_000
"""Doubles that need four messages."""
BLOB_COUNT = 20_000
"""Doubles that are too large for a message about something else."""


@scenario("shared store", capability=LOCAL)
def objects_are_written(kit: Kit) -> None:
    """A worker that shares the directory writes 3 MB there: whole, read-only, under their digest, without a call."""
    _write(kit)
    for digest in kit.report().success.outputs[0].blobs:
        path = kit.orchestrator.objects.path(digest.hash)
        mode = stat.S_IMODE(path.stat().st_mode)
        kit.expect(mode == 0o444, f"objects have mode 0444, and not {mode:o}")
        left = [one.name for one in path.parent.iterdir() if one != path]
        kit.expect(not left, f"no temporary files are left: {left}")
    _expect_no_store_calls(kit)


@scenario("shared store", capability=LOCAL)
def objects_are_read(kit: Kit) -> None:
    """A worker that shares the directory reads 3 MB there without a call."""
    _read(kit)
    _expect_no_store_calls(kit)


@scenario("shared store", capability=LOCAL)
def object_is_damaged(kit: Kit) -> None:
    """A bit of an input is flipped in the directory: the failure is INPUT_MISSING and names the blob."""
    hash = _input_blob(kit)
    kit.orchestrator.objects.damage(hash)
    _expect_missing(kit, hash)


@scenario("shared store", capability=LOCAL)
def object_is_gone(kit: Kit) -> None:
    """A blob of an input is gone from the directory: the failure is INPUT_MISSING and names it."""
    hash = _input_blob(kit)
    kit.orchestrator.objects.remove(hash)
    _expect_missing(kit, hash)


@scenario("values through the orchestrator")
def manifest_is_asked_for(kit: Kit) -> None:
    """A task does not carry the manifest of an input: the worker resolves its digest."""
    _ask_for_manifest(kit)


@scenario("values through the orchestrator", shares_store=False)
def manifest_is_asked_for_from_afar(kit: Kit) -> None:
    """The same for a worker that does not share the store; the first answer is lost."""
    kit.orchestrator.script("ResolveBlobs", lost_reply())
    _ask_for_manifest(kit)


@scenario("values through the orchestrator", shares_store=False)
def manifest_is_large(kit: Kit) -> None:
    """A manifest of more than 64 KiB is a blob like any other, for reading and for writing."""
    value = {f"name {index}": float(index) for index in range(5000)}
    kit.task("echo").inputs.append(kit.input("value", value, inline=False))
    kit.expect(kit.outputs(kit.run()) == {"copy": value}, "the copy is as the value")


@scenario("values through the orchestrator", shares_store=False)
def blob_is_uploaded(kit: Kit) -> None:
    """A worker that does not share the store announces 3 MB, sends them in pieces of at most 1 MiB, and commits them."""
    _write(kit)
    kit.expect(len(kit.calls("WriteBlob")) >= 4, "it takes four pieces")
    kit.expect(len(kit.calls("CommitUploads")) == 1, "one commit")


@scenario("values through the orchestrator", shares_store=False)
def blob_is_present(kit: Kit) -> None:
    """The store has what the worker wants to upload: nothing is sent."""
    _write(kit)
    first = kit.report().success.outputs[0]
    calls = len(kit.calls("WriteBlob"))
    again = Kit(kit.worker, shares_store=False)
    with again:
        for digest in first.blobs:
            again.orchestrator.objects.put(kit.orchestrator.objects.get(digest.hash, digest.size))
        again.task("big", {"count": COUNT})
        again.run()
        kit.expect(not again.calls("WriteBlob"), f"nothing is sent again, after {calls} pieces")


@scenario("values through the orchestrator", shares_store=False)
def blob_is_read(kit: Kit) -> None:
    """A worker that does not share the store reads 3 MB with ReadBlob."""
    _read(kit)


@scenario("values through the orchestrator", shares_store=False)
def upload_replies_are_lost(kit: Kit) -> None:
    """One answer of each call of an upload is lost: the call is made again."""
    kit.orchestrator.script("PrepareUploads", lost_reply())
    kit.orchestrator.script("WriteBlob", none_of_it, lost_reply(), lost_request(Code.UNKNOWN))
    kit.orchestrator.script("CommitUploads", lost_reply())
    _write(kit)


@scenario("values through the orchestrator", shares_store=False)
def upload_is_forgotten(kit: Kit) -> None:
    """The orchestrator restarts in the middle of an upload, and does not know it: it is prepared again."""

    def forget(request: object, usual: Usual) -> object:
        kit.orchestrator.objects.uploads.clear()
        return usual()

    kit.orchestrator.script("WriteBlob", none_of_it, none_of_it, forget)
    _write(kit)


@scenario("values through the orchestrator", shares_store=False)
def upload_is_forgotten_at_the_end(kit: Kit) -> None:
    """The commit does not know the upload: it is prepared again."""

    def forget(request: object, usual: Usual) -> object:
        kit.orchestrator.objects.uploads.clear()
        return usual()

    kit.orchestrator.script("CommitUploads", forget)
    _write(kit)


@scenario("values through the orchestrator", shares_store=False)
def upload_goes_on_elsewhere(kit: Kit) -> None:
    """The orchestrator has lost the tail of an upload: the worker goes on where UPLOAD_OFFSET says."""

    def cut(request: pb.WriteBlobRequest, usual: Usual) -> object:
        _, data = kit.orchestrator.objects.uploads[request.upload_id]
        del data[100_000:]
        return usual()

    kit.orchestrator.script("WriteBlob", none_of_it, none_of_it, cut)
    _write(kit)


@scenario("values through the orchestrator", shares_store=False)
def upload_meets_an_overload(kit: Kit) -> None:
    """RESOURCE_EXHAUSTED (OVERLOADED) in the middle of an upload: the piece is sent again after the time that is asked."""
    kit.orchestrator.script(
        "WriteBlob", none_of_it, refused(Code.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after_ms=100)
    )
    _write(kit)


@scenario("values through the orchestrator", shares_store=False)
def small_blob_is_read(kit: Kit) -> None:
    """ResolveBlobs answers with the bytes of a blob that has at most 64 KiB: ReadBlob works for it as well."""
    kit.task("total", {"numbers": [float(number) for number in range(2000)]})
    kit.expect(kit.outputs(kit.run()) == {"total": 1_999_000}, "the sum is right")


@scenario("values through the orchestrator", shares_store=False)
def reading_breaks_off(kit: Kit) -> None:
    """A stream of a blob breaks off in the middle: the rest is read again."""

    def broken(request: object, usual: Usual) -> object:
        yield next(iter(usual()))
        raise Status(Code.UNAVAILABLE)

    kit.orchestrator.script("ReadBlob", broken, lost_request())
    _read(kit)


@scenario("values through the orchestrator", shares_store=False)
def blob_is_said_to_be_damaged(kit: Kit) -> None:
    """DATA_LOSS (BLOB_CORRUPT) for an input: the failure is INPUT_MISSING and names the blob."""
    hash = _input_blob(kit)
    kit.orchestrator.script("ReadBlob", refused(Code.DATA_LOSS, "BLOB_CORRUPT", digest=hash))
    _expect_missing(kit, hash)


@scenario("values through the orchestrator", shares_store=False)
def blob_arrives_damaged(kit: Kit) -> None:
    """A bit of an input flips on its way: it is not taken for the value, but the failure is INPUT_MISSING."""
    hash = _input_blob(kit)

    def flipped(request: object, usual: Usual) -> list[pb.ReadBlobResponse]:
        pieces = list(usual())
        data = bytearray(pieces[0].data)
        data[len(data) // 2] ^= 1
        pieces[0].data = bytes(data)
        return pieces

    kit.orchestrator.script("ReadBlob", *[flipped] * 5)
    _expect_missing(kit, hash)


@scenario("values through the orchestrator", shares_store=False)
def blob_is_gone(kit: Kit) -> None:
    """The store does not have a blob of an input: the failure is INPUT_MISSING and names it."""
    hash = _input_blob(kit)
    kit.orchestrator.objects.remove(hash)
    _expect_missing(kit, hash)


@scenario("values through the orchestrator", shares_store=False)
def locations_do_not_work(kit: Kit) -> None:
    """Before the orchestrator itself come locations that have expired, or that the worker does not know: it passes them by."""
    kit.orchestrator.script("ResolveBlobs", *[changed(_add_locations_to_blobs)] * 3)
    kit.orchestrator.script("PrepareUploads", *[changed(_add_locations_to_uploads)] * 3)
    value = {f"name {index}": float(index) for index in range(5000)}
    kit.task("echo").inputs.append(kit.input("value", value, inline=False))
    kit.expect(kit.outputs(kit.run()) == {"copy": value}, "the copy is as the value")


@scenario("values through the orchestrator")
def probe_is_of_another_store(kit: Kit) -> None:
    """The probe file is there, and proves nothing to this orchestrator: the worker goes through it."""
    kit.orchestrator.probe.write_bytes(b"of another store")
    kit.orchestrator.script("RegisterWorker", changed(lambda answer: answer.ClearField("object_root")))
    kit.task("big", {"count": 2000})
    kit.expect(kit.outputs(kit.run())["numbers"] == list(range(2000)), "the numbers are stored")
    kit.expect(len(kit.calls("CommitUploads")) == 1, "they are uploaded")


@scenario("values through the orchestrator")
def probe_is_absent(kit: Kit) -> None:
    """The probe file is not there: the worker registers without a proof, and goes through the orchestrator."""
    kit.orchestrator.probe.unlink()
    kit.orchestrator.shares_store = False
    kit.probe_file = kit.orchestrator.probe
    kit.task("nothing")
    kit.run()
    kit.expect(not kit.calls("RegisterWorker")[0].store_probe, "there is no proof")


def _write(kit: Kit) -> None:
    kit.task("big", {"count": COUNT})
    numbers = kit.outputs(kit.run())["numbers"]
    kit.expect(len(numbers) == COUNT and numbers == list(range(COUNT)), "the numbers are stored")


def _read(kit: Kit) -> None:
    kit.task("total", {"numbers": [float(number) for number in range(COUNT)]})
    total = kit.outputs(kit.run())["total"]
    kit.expect(total == COUNT * (COUNT - 1) / 2, f"the sum is right, and not {total}")


def _ask_for_manifest(kit: Kit) -> None:
    kit.task("add", {"a": 1}).inputs.append(kit.input("b", 2, inline=False))
    kit.expect(kit.outputs(kit.run()) == {"total": 3}, "the sum is 3")


def _input_blob(kit: Kit) -> str:
    """Queues a task with an input that has one blob, and gives its hash."""
    task = kit.task("total", {"numbers": [float(number) for number in range(BLOB_COUNT)]})
    manifest = value_pb2.Manifest.FromString(task.inputs[0].manifest)
    return manifest.parts[0].blob.hash


def _expect_missing(kit: Kit, hash: str) -> None:
    report = kit.run()
    kit.expect(report.HasField("failure"), f"the attempt fails, and is not {report.WhichOneof('outcome')}")
    kit.expect_kind(report.failure, "INPUT_MISSING")
    details = {detail.key: detail.value for detail in report.failure.details}
    kit.expect(details.get("digest") == hash, f"its details name the blob as `digest`: {details}")


def _expect_no_store_calls(kit: Kit) -> None:
    calls = [call.rpc for call in kit.orchestrator.transcript if call.rpc in STORE]
    kit.expect(not calls, f"no bytes go through the orchestrator: {calls}")


def _useless_locations() -> list[pb.Location]:
    unknown = pb.Location()
    unknown.MergeFromString(b"\xfa\x3f\x02\x08\x01")
    http = pb.HttpRequest(method="GET", url="http://127.0.0.1:9/expired")
    return [
        unknown,
        pb.Location(http=http, expires_unix_ms=1),
        pb.Location(path="/nonexistent/blob", encoding="lz99"),
        pb.Location(path="/nonexistent/blob"),
    ]


def _add_locations_to_blobs(answer: pb.ResolveBlobsResponse) -> None:
    for blob in answer.blobs:
        if blob.locations:
            _put_before(blob.locations)


def _add_locations_to_uploads(answer: pb.PrepareUploadsResponse) -> None:
    for upload in answer.uploads:
        _put_before(upload.locations)


def _put_before(locations: object) -> None:
    useful = list(locations)  # type: ignore[call-overload]
    del locations[:]  # type: ignore[attr-defined]
    locations.extend([*_useless_locations(), *useful])  # type: ignore[attr-defined]
