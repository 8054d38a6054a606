/** Reads values and stores them again: the service of docs/workers.md, section 9, in TypeScript. */

import { readSync, writeSync } from "node:fs";
import { decode, encode } from "../build/messages";
import { decodeValue } from "../build/values/decode";
import { encodeValue } from "../build/values/encode";
import type { Manifest } from "../build/values/manifest";

function answer(kind: string, body: Buffer): Buffer {
  if (kind === "I") return Buffer.from("typescript\ninstep-typescript 0.1.0");
  const value = decodeValue("value", body, ({ hash }) => {
    throw new Error(`Blob ${hash} should be in the manifest.`);
  });
  const { manifest, blobs } = encodeValue("value", value);
  const bytes = new Map(blobs.map((blob) => [blob.digest.hash, blob.bytes]));
  const whole = decode<Manifest>("Manifest", manifest);
  for (const part of whole.parts) {
    if (!part.blob) continue;
    part.inline = Buffer.from(bytes.get(part.blob.hash)!.subarray(part.offset, part.offset + part.length));
    part.offset = 0;
    delete part.blob;
  }
  return encode("Manifest", whole);
}

/** Reads from stdin. Undefined: it has ended. */
function read(size: number): Buffer | undefined {
  const data = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const count = readSync(0, data, at, size - at, null);
    if (count === 0) return undefined;
    at += count;
  }
  return data;
}

function write(failed: boolean, body: Buffer): void {
  const head = Buffer.alloc(5, failed ? "1" : "0");
  head.writeInt32LE(body.length, 1);
  const data = Buffer.concat([head, body]);
  for (let at = 0; at < data.length; ) at += writeSync(1, data, at);
}

for (let kind = read(1); kind !== undefined; kind = read(1)) {
  const body = read(read(4)!.readInt32LE(0))!;
  try {
    write(false, answer(kind.toString(), body));
  } catch (error) {
    write(true, Buffer.from((error as Error).message));
  }
}
