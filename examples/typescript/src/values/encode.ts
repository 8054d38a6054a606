/** Writes values in the form in which they are stored. */

import { DataType, makeVector, Table, Timestamp, type Vector } from "apache-arrow";
import { blake3 } from "@noble/hashes/blake3";
import { type Digest, encode, type KeyValue } from "../messages";
import { canonical, columnOf, logicalOf, raw, STORED_AS, write } from "./arrow";
import { Foreign, type Part, step, TaskException, ValueError } from "./manifest";

export interface Blob {
  digest: Digest;
  /** Undefined: the store has it. */
  bytes?: Uint8Array;
}

export interface Encoded {
  manifest: Buffer;
  digest: Digest;
  blobs: Blob[];
  portable: boolean;
  summary: string;
  type: string;
}

const INLINE_BYTES = 4096;
const POOLED_ROWS = 1024;
const MAX_DEPTH = 256;
const PRODUCER = `instep-typescript 0.1.0 (node ${process.versions.node})`;

type Logical = keyof typeof STORED_AS;
interface Pool {
  logical: Logical;
  rows: unknown[];
}
type Source = Pool | { bytes: Uint8Array } | { stored: Part };

export function digestOf(bytes: Uint8Array): Digest {
  return { hash: `b3:${Buffer.from(blake3(bytes)).toString("hex")}`, size: bytes.length };
}

/** Encodes a value.
 *
 * @param name - The artifact, for messages.
 * @throws ValueError when it holds what cannot be stored; the message names the path.
 */
export function encodeValue(name: string, value: unknown): Encoded {
  return new Encoder(name).finish(value);
}

class Encoder {
  private readonly nodes: Record<string, unknown>[] = [];
  private readonly sources: Source[] = [];
  private readonly pools = new Map<Logical, number>();
  private readonly open = new Set<object>();
  private readonly path: (string | number)[] = [];
  private portable = true;

  constructor(private readonly name: string) {}

  finish(value: unknown): Encoded {
    this.value(value);
    const blobs = new Map<string, Blob>();
    const parts = this.sources.map((source) => {
      if ("stored" in source) {
        if (source.stored.blob) blobs.set(source.stored.blob.hash, { digest: source.stored.blob });
        return source.stored;
      }
      const bytes = "bytes" in source ? source.bytes : write([{ name: "v", column: pooled(source) }]);
      if (bytes.length <= INLINE_BYTES) return { inline: bytes, length: bytes.length };
      const digest = digestOf(bytes);
      blobs.set(digest.hash, { digest, bytes });
      return { blob: digest, length: bytes.length };
    });
    const fields = { format: 1, nodes: this.nodes, parts, portable: this.portable || undefined, producer: PRODUCER };
    const manifest = encode("Manifest", fields);
    const [type, summary] = describe(value);
    return { manifest, digest: digestOf(manifest), blobs: [...blobs.values()], portable: this.portable, summary, type };
  }

  private value(value: unknown): number {
    if (value === null) return this.node({ null: {} });
    if (Array.isArray(value)) return this.inside(value, () => this.array(value));
    if (value instanceof Map) return this.inside(value, () => this.map(value));
    if (value instanceof Table) return this.table(value);
    if (value instanceof Foreign) return this.foreign(value);
    if (value instanceof TaskException) return this.record(Object.entries(value), "instep.exception");
    if (ArrayBuffer.isView(value) && !(value instanceof Uint8Array) && !(value instanceof DataView))
      return this.typed(value);
    if (typeof value === "object" && isPlain(value))
      return this.inside(value, () => this.record(Object.entries(value)));
    const logical = this.logical(value);
    if (logical === undefined)
      return this.refuse(`is ${nameOf(value)}, which cannot be stored. Store plain values instead`);
    return this.vector(logical, "SHAPE_SCALAR", [value]);
  }

  private array(values: readonly unknown[]): number {
    const logical = this.common(values);
    if (logical !== undefined) return this.vector(logical, "SHAPE_VECTOR", values, [{ key: "family", value: "list" }]);
    const seq = { values: [] as number[] };
    const index = this.node({ seq });
    values.forEach((value, position) => seq.values.push(this.at(position, value)));
    return index;
  }

  private record(entries: readonly [string, unknown][], registered_type?: string): number {
    const record = { names: entries.map(([text]) => ({ text })), values: [] as number[] };
    const index = this.node({ record, registered_type });
    for (const [key, value] of entries) record.values.push(this.at(key, value));
    return index;
  }

  private map(map: ReadonlyMap<unknown, unknown>): number {
    const entries = [...map];
    if (entries.every(([key]) => typeof key === "string")) return this.record(entries as [string, unknown][]);
    const pairs = { keys: [] as number[], values: [] as number[] };
    const index = this.node({ pairs });
    entries.forEach(([key, value], position) => {
      pairs.keys.push(this.at(position, key));
      pairs.values.push(this.at(position, value));
    });
    return index;
  }

  private typed(values: ArrayBufferView): number {
    const column = makeVector(values as Float64Array) as Vector;
    const logical = logicalOf(column.type);
    if (logical === undefined) this.refuse(`is ${nameOf(values)}, which cannot be stored`);
    const part = this.sources.push({ bytes: write([{ name: "v", column }]) }) - 1;
    return this.node({ vector: { logical, shape: "SHAPE_VECTOR", part, count: column.length } });
  }

  private table(table: Table): number {
    const columns = table.schema.fields.map((field, position) => ({
      name: field.name,
      column: canonical(table.getChildAt(position)!),
    }));
    const described = columns.map(({ name, column }) => {
      const logical = logicalOf(column.type);
      if (logical === undefined) this.refuse(`has the column '${name}' of type ${column.type}, which cannot be stored`);
      const zone = DataType.isTimestamp(column.type) ? column.type.timezone : undefined;
      return { label: name, logical, params: zone && zone !== "UTC" ? [{ key: "tz", value: zone }] : [] };
    });
    const bytes = write(columns.map(({ name, column }) => ({ name, column: inUtc(column) })));
    const part = this.sources.push({ bytes }) - 1;
    return this.node({ table: { part, rows: table.numRows, columns: described, family: "apache-arrow" } });
  }

  private foreign(value: Foreign): number {
    this.portable = false;
    const [body, ...buffers] = value.parts.map((stored) => this.sources.push({ stored }) - 1);
    return this.node({ opaque: { ...value.node, body, buffers } });
  }

  private vector(logical: Logical, shape: string, values: readonly unknown[], params: KeyValue[] = []): number {
    const rows = values.map((value) => row(logical, value));
    const isPooled = rows.length <= POOLED_ROWS;
    let part = isPooled ? this.pools.get(logical) : undefined;
    if (part === undefined) {
      part = this.sources.push({ logical, rows: [] }) - 1;
      if (isPooled) this.pools.set(logical, part);
    }
    const pool = this.sources[part] as Pool;
    const start = pool.rows.length;
    for (const one of rows) pool.rows.push(one);
    return this.node({
      vector: { logical, shape, part: part || undefined, start: start || undefined, count: rows.length, params },
    });
  }

  /** Gives the logical type of a scalar. Undefined: it is none. */
  private logical(value: unknown): Logical | undefined {
    switch (typeof value) {
      case "boolean":
        return "bool";
      case "number":
        return Number.isSafeInteger(value) && !Object.is(value, -0) ? "int64" : "float64";
      case "bigint":
        return BigInt.asIntN(64, value) === value ? "int64" : "bigint";
      case "string":
        if (/\p{Surrogate}/u.test(value)) this.refuse("holds half of a surrogate pair, which UTF-8 does not have");
        return "string";
      case "object":
        if (value instanceof Uint8Array) return "bytes";
        if (value instanceof Date) return Number.isNaN(value.getTime()) ? this.refuse("is an invalid Date") : "instant";
    }
    return undefined;
  }

  /** Gives the logical type that all members of an array have, but for those that are missing. Undefined: there is none. */
  private common(values: readonly unknown[]): Logical | undefined {
    const found = new Set<Logical | undefined>();
    for (const value of values) if (value !== null) found.add(this.logical(value));
    if (values.every((value) => value === null || typeof value === "number") && found.has("float64")) return "float64";
    if (values.every((value) => value === null || typeof value === "number" || typeof value === "bigint")) {
      if (found.has("bigint") && !found.has("float64")) return "bigint";
    }
    return found.size === 1 ? [...found][0] : undefined;
  }

  private node(node: Record<string, unknown>): number {
    return this.nodes.push(node) - 1;
  }

  private at(key: string | number, value: unknown): number {
    this.path.push(key);
    const index = this.value(value);
    this.path.pop();
    return index;
  }

  private inside(container: object, encode: () => number): number {
    if (this.open.has(container)) this.refuse("holds itself");
    if (this.open.size + 1 >= MAX_DEPTH) this.refuse(`is nested deeper than ${MAX_DEPTH} levels`);
    this.open.add(container);
    const index = encode();
    this.open.delete(container);
    return index;
  }

  private refuse(problem: string): never {
    const where = `self${step(this.name)}${this.path.map(step).join("")}`;
    const message = `Artifact '${this.name}' can't be stored: ${where} ${problem}.`;
    throw new ValueError(message, "FAILURE_KIND_OUTPUT_ENCODE", this.name);
  }
}

/** Gives what the column of a pool takes for a value. */
function row(logical: Logical, value: unknown): unknown {
  if (value === null) return null;
  if (logical === "int64") return BigInt(value as number | bigint);
  if (logical === "bigint") return String(value);
  if (logical === "instant") return BigInt((value as Date).getTime()) * 1000n;
  return value;
}

function pooled({ logical, rows }: Pool): Vector {
  const type = STORED_AS[logical];
  return logical === "instant" ? raw(rows as (bigint | null)[], type) : columnOf(rows, type);
}

/** Gives a column of times the zone in which they are stored. Their own zone is told beside the column. */
function inUtc(column: Vector): Vector {
  const { type } = column;
  return DataType.isTimestamp(type) && type.timezone ? canonical(column, new Timestamp(type.unit, "UTC")) : column;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function nameOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === undefined ? "undefined" : `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? "?"}`;
}

/** Names the class of a value, and says in a few words what it is. */
function describe(value: unknown): [type: string, summary: string] {
  const short = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
  if (value === null) return ["null", "null"];
  if (Array.isArray(value)) return ["Array", `array of ${value.length}`];
  if (value instanceof Table) return ["Table", `table ${value.numRows} x ${value.numCols}`];
  if (value instanceof Foreign)
    return [value.classes[0] ?? "object", `${value.classes[0] ?? "object"} (${value.language} only)`];
  if (value instanceof Map) return ["Map", `map of ${value.size}`];
  if (value instanceof Date) return ["Date", `Date ${value.toISOString()}`];
  if (ArrayBuffer.isView(value))
    return [value.constructor.name, `${value.constructor.name} of ${value.byteLength} bytes`];
  if (typeof value === "object") return ["Object", `object of ${Object.keys(value).length}`];
  return [typeof value, `${typeof value} ${short(typeof value === "string" ? JSON.stringify(value) : String(value))}`];
}
