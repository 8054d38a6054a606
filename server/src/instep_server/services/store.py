"""Blobs for callers that do not share the store's directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from instep_proto.v1 import digest_pb2, store_service_pb2_grpc
from instep_proto.v1 import store_service_pb2 as pb

from instep_server.errors import Reason, RequestError
from instep_server.limits import CHUNK_BYTES, INLINE_BYTES, INLINE_BYTES_PER_MESSAGE, MAX_DIGESTS
from instep_server.services.guard import Service, streaming, unary, waiting
from instep_server.services.leases import open_attempt_of, worker_of
from instep_server.store import BlobId
from instep_server.tokens import Grant, TokenKind


class StoreService(Service, store_service_pb2_grpc.StoreServiceServicer):
    """The service of the same name."""

    @unary(TokenKind.SESSION, TokenKind.CLIENT)
    def ResolveBlobs(self, request: pb.ResolveBlobsRequest, grant: Grant) -> pb.ResolveBlobsResponse:
        """Tells where blobs are."""
        self._check_reader(grant, request.lease_token)
        _check_number(request.digests)
        room = INLINE_BYTES_PER_MESSAGE
        shares = grant.kind is TokenKind.CLIENT or worker_of(self.orchestrator, grant).shares_store
        response = pb.ResolveBlobsResponse()
        for digest in request.digests:
            blob = BlobId(digest.hash, digest.size)
            found = self._resolve(blob, shares=shares, inline=blob.size <= room)
            room -= len(found.inline)
            response.blobs.append(found)
        return response

    @waiting(TokenKind.SESSION)
    async def PrepareUploads(
        self, request: pb.PrepareUploadsRequest, grant: Grant
    ) -> pb.PrepareUploadsResponse:
        """Tells which blobs are present and where to write the others."""
        attempt = open_attempt_of(self.orchestrator, grant, request.lease_token)
        _check_number(request.digests)
        store = self.orchestrator.store
        response = pb.PrepareUploadsResponse()
        for digest in request.digests:
            blob = BlobId(digest.hash, digest.size)
            if await asyncio.to_thread(store.is_whole, blob):
                response.uploads.add(present=True)
                continue
            upload_id, committed = store.prepare(blob, attempt.lease_id)
            response.uploads.add(
                upload_id=upload_id, locations=[pb.Location(server=True)], committed_bytes=committed
            )
        return response

    @unary(TokenKind.SESSION)
    def CommitUploads(self, request: pb.CommitUploadsRequest, grant: Grant) -> pb.CommitUploadsResponse:
        """Makes uploaded blobs visible."""
        attempt = open_attempt_of(self.orchestrator, grant, request.lease_token)
        _check_number(request.uploads)
        response = pb.CommitUploadsResponse()
        for upload in request.uploads:
            blob = BlobId(upload.digest.hash, upload.digest.size)
            reason = self.orchestrator.store.commit(upload.upload_id, attempt.lease_id, blob)
            response.uploads.add(ok=reason is None, reason=reason.name if reason is not None else "")
        return response

    @streaming(TokenKind.SESSION, TokenKind.CLIENT)
    async def ReadBlob(self, request: pb.ReadBlobRequest, grant: Grant) -> AsyncIterator[pb.ReadBlobResponse]:
        """Reads a blob, or a range of it."""
        self._check_reader(grant, request.lease_token)
        blob = BlobId(request.digest.hash, request.digest.size)
        manifest = self.orchestrator.manifests.small(blob)
        if manifest is not None:
            end = request.offset + request.length if request.length else len(manifest)
            yield pb.ReadBlobResponse(data=manifest[request.offset : end])
            return
        for piece in self.orchestrator.store.read(blob, request.offset, request.length):
            yield pb.ReadBlobResponse(data=piece)

    @unary(TokenKind.SESSION)
    def WriteBlob(self, request: pb.WriteBlobRequest, grant: Grant) -> pb.WriteBlobResponse:
        """Writes a range of an upload."""
        attempt = open_attempt_of(self.orchestrator, grant, request.lease_token)
        if len(request.data) > CHUNK_BYTES:
            raise RequestError(
                Reason.LIMIT_EXCEEDED,
                f"A piece has at most {CHUNK_BYTES:,} bytes, not {len(request.data):,}.",
            )
        committed = self.orchestrator.store.write(
            request.upload_id, attempt.lease_id, request.offset, request.data
        )
        return pb.WriteBlobResponse(committed_bytes=committed)

    def _check_reader(self, grant: Grant, lease_token: bytes) -> None:
        """Clients may read at any time, workers while they hold a lease."""
        if grant.kind is TokenKind.SESSION:
            open_attempt_of(self.orchestrator, grant, lease_token)

    def _resolve(self, blob: BlobId, *, shares: bool, inline: bool) -> pb.ResolvedBlob:
        manifest = self.orchestrator.manifests.small(blob)
        if manifest is not None:
            return pb.ResolvedBlob(
                inline=manifest if inline else None, locations=[] if inline else [pb.Location(server=True)]
            )
        store = self.orchestrator.store
        if not store.has(blob):
            return pb.ResolvedBlob(missing=True)
        locations = [pb.Location(server=True)]
        if shares:
            locations.insert(0, pb.Location(path=str(store.path(blob.hash))))
        small = inline and not shares and blob.size <= INLINE_BYTES
        return pb.ResolvedBlob(inline=store.get(blob) if small else None, locations=locations)


def _check_number(entries: Sequence[digest_pb2.Digest] | Sequence[pb.FinishedUpload]) -> None:
    if len(entries) > MAX_DIGESTS:
        raise RequestError(
            Reason.LIMIT_EXCEEDED, f"A call names at most {MAX_DIGESTS:,} blobs, not {len(entries):,}."
        )
