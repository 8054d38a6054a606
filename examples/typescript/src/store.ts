/** Where a worker reads and writes the bytes of artifacts: the store's own directory, or through the orchestrator. */

import * as fs from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { decode, type Digest, type Input } from "./messages";
import { CallError, type Session } from "./session";
import { type Blob, digestOf } from "./values/encode";
import type { Manifest } from "./values/manifest";

const CHUNK_BYTES = 1 << 20;
const BATCH = 1000;
const UPLOAD_ROUNDS = 3;

/** A blob that is gone or damaged (INPUT_MISSING), or cannot be stored (INTERNAL). */
export class StoreError extends Error {
  override name = "StoreError";

  constructor(
    message: string,
    readonly kind: "FAILURE_KIND_INPUT_MISSING" | "FAILURE_KIND_INTERNAL",
    /** The blob. */
    readonly digest: string,
  ) {
    super(message);
  }
}

/** The blobs of one task. What user code reads is read at once, so what is not in the directory is fetched before. */
export class Store {
  private readonly fetched = new Map<string, Uint8Array>();

  constructor(
    private readonly session: Session,
    /** The store's directory. Empty: it is not shared. */
    private readonly root: string,
    private readonly leaseToken: Buffer,
  ) {}

  /** Makes sure that inputs can be read: fetches what is not in the directory. */
  async prepare(inputs: Iterable<Input>): Promise<void> {
    for (const { artifact, manifest } of inputs) {
      if (manifest.length === 0 && !this.has(artifact)) await this.resolve(artifact);
      if (this.root === "") await this.prepareParts(manifest.length > 0 ? manifest : this.fetch(artifact));
    }
  }

  /** Gives the manifest of an input. */
  manifest(input: Input): Uint8Array {
    return input.manifest.length > 0 ? input.manifest : this.fetch(input.artifact);
  }

  /** Gives the bytes of a blob.
   *
   * @throws StoreError when it is not there, or damaged.
   */
  readonly fetch = (digest: Digest): Uint8Array => {
    let bytes = this.fetched.get(digest.hash);
    if (bytes === undefined) {
      try {
        bytes = fs.readFileSync(this.file(digest));
      } catch {
        throw missing(digest, "is not in the store");
      }
      if (digestOf(bytes).hash !== digest.hash) throw missing(digest, "has other bytes than were stored");
      this.fetched.set(digest.hash, bytes);
    }
    if (bytes.length !== digest.size) throw missing(digest, `has ${bytes.length} bytes, not ${digest.size}`);
    return bytes;
  };

  /** Stores blobs. They are on disk when this returns. */
  async put(blobs: readonly Blob[]): Promise<void> {
    if (this.root !== "") blobs.forEach((blob) => this.putFile(blob));
    else
      for (let start = 0; start < blobs.length; start += BATCH) await this.putBatch(blobs.slice(start, start + BATCH));
  }

  private async prepareParts(bytes: Uint8Array): Promise<void> {
    const { nodes, parts } = decode<Manifest>("Manifest", bytes);
    for (const { blob } of parts) if (blob) await this.download(blob);
    for (const { shared } of nodes) {
      if (shared) {
        await this.resolve(shared);
        await this.prepareParts(this.fetch(shared));
      }
    }
  }

  /** Gets a manifest. Small ones are no blobs: the orchestrator keeps them itself. */
  private async resolve(digest: Digest): Promise<void> {
    const request = { lease_token: this.leaseToken, digests: [digest] };
    const { blobs } = await this.session.call<{ blobs: { inline?: Buffer }[] }>("StoreService/ResolveBlobs", request);
    const inline = blobs[0]?.inline;
    if (inline !== undefined) this.fetched.set(digest.hash, inline);
    else await this.download(digest);
  }

  private async download(digest: Digest): Promise<void> {
    if (this.fetched.has(digest.hash)) return;
    try {
      const bytes = await this.session.readBlob(this.leaseToken, digest);
      if (digestOf(bytes).hash !== digest.hash) throw missing(digest, "arrived with other bytes");
      this.fetched.set(digest.hash, bytes);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.reason === "ARTIFACT_UNKNOWN") throw missing(digest, "is not in the store");
      throw error.reason === "BLOB_CORRUPT" ? missing(digest, "is damaged in the store") : error;
    }
  }

  private has(digest: Digest): boolean {
    return this.fetched.has(digest.hash) || (this.root !== "" && fs.existsSync(this.file(digest)));
  }

  private file(digest: Digest): string {
    const hex = /^b3:([0-9a-f]{2})([0-9a-f]{62})$/.exec(digest.hash);
    if (hex === null || this.root === "") throw missing(digest, "is not in the store");
    return join(this.root, "b3", hex[1]!, hex[2]!);
  }

  private putFile({ digest, bytes }: Blob): void {
    const path = this.file(digest);
    if (bytes === undefined || fs.existsSync(path)) return;
    try {
      fs.mkdirSync(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `.${randomBytes(8).toString("hex")}.tmp`);
      try {
        fs.writeFileSync(temporary, bytes, { flag: "wx", mode: 0o444 });
        sync(temporary);
        fs.linkSync(temporary, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // somebody stored the same bytes meanwhile
      } finally {
        fs.rmSync(temporary, { force: true });
      }
      sync(dirname(path));
    } catch (error) {
      throw refused(digest, (error as Error).message);
    }
  }

  private async putBatch(blobs: readonly Blob[]): Promise<void> {
    for (let round = 1; ; round++) {
      const forgotten = await this.upload(blobs);
      if (forgotten === undefined) return;
      if (round === UPLOAD_ROUNDS) throw refused(forgotten, "the store forgets its upload each time");
    }
  }

  /** Sends the blobs that the store does not have. Gives one whose upload the store has forgotten since. */
  private async upload(blobs: readonly Blob[]): Promise<Digest | undefined> {
    const lease_token = this.leaseToken;
    const request = { lease_token, digests: blobs.map((blob) => blob.digest) };
    const { uploads } = await this.session.call<{ uploads: { present: boolean; upload_id: string }[] }>(
      "StoreService/PrepareUploads",
      request,
    );
    const finished: { upload_id: string; digest: Digest }[] = [];
    for (const [position, { present, upload_id }] of uploads.entries()) {
      const { digest, bytes } = blobs[position]!;
      if (present || bytes === undefined) continue;
      if (!(await this.send(upload_id, bytes))) return digest;
      finished.push({ upload_id, digest });
    }
    if (finished.length === 0) return undefined;
    const commit = { lease_token, uploads: finished };
    const answer = await this.session.call<{ uploads: { ok: boolean; reason: string }[] }>(
      "StoreService/CommitUploads",
      commit,
    );
    for (const [position, { ok, reason }] of answer.uploads.entries()) {
      const { digest } = finished[position]!;
      if (!ok && reason === "UPLOAD_UNKNOWN") return digest;
      if (!ok) throw refused(digest, `the store says ${reason}`);
    }
    return undefined;
  }

  /** Sends a blob, and goes on where the store says. False: the store does not know the upload. */
  private async send(upload_id: string, bytes: Uint8Array): Promise<boolean> {
    for (let offset = 0, last = false; !last;) {
      const data = bytes.subarray(offset, offset + CHUNK_BYTES);
      last = offset + data.length === bytes.length;
      try {
        await this.session.call("StoreService/WriteBlob", {
          lease_token: this.leaseToken,
          upload_id,
          offset,
          data,
          last,
        });
        offset += data.length;
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        if (error.reason === "UPLOAD_UNKNOWN") return false;
        if (error.reason !== "UPLOAD_OFFSET") throw error;
        offset = Number(error.metadata.get("expected"));
        last = false;
      }
    }
    return true;
  }
}

function missing({ hash }: Digest, how: string): StoreError {
  return new StoreError(`Blob ${hash} ${how}.`, "FAILURE_KIND_INPUT_MISSING", hash);
}

function refused({ hash, size }: Digest, why: string): StoreError {
  return new StoreError(`Can't store a blob of ${size} bytes: ${why}.`, "FAILURE_KIND_INTERNAL", hash);
}

/** Makes a file, or the names in a directory, durable. */
function sync(path: string): void {
  const file = fs.openSync(path, "r");
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}
