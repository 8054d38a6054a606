/** The manifest of a stored value, as proto/instep/v1/value.proto describes it, and errors of values. */

import type { Digest, KeyValue } from "../messages";

export interface Part {
  inline?: Buffer;
  blob?: Digest;
  offset: number;
  length: number;
}

export interface VectorNode {
  logical: string;
  shape: string;
  part: number;
  start: number;
  count: number;
  names?: number;
  levels?: number;
  params: KeyValue[];
}

export interface Column {
  label?: string;
  logical: string;
  levels?: number;
  params: KeyValue[];
  index: boolean;
  attrs: Attr[];
}

export interface Attr {
  name: string;
  value: number;
}

export interface OpaqueNode {
  language: string;
  classes: string[];
  preview: string;
  body: number;
  buffers: number[];
}

/** One node. Exactly one of its kinds is set. */
export interface Node {
  null?: object;
  vector?: VectorNode;
  array?: object;
  table?: { part: number; rows: number; columns: Column[]; family: string };
  seq?: { values: number[]; family: string };
  record?: { names: { text?: string }[]; values: number[] };
  pairs?: { keys: number[]; values: number[] };
  sparse?: object;
  opaque?: OpaqueNode;
  shared?: Digest;
  origin: string;
  attrs: Attr[];
}

export interface Manifest {
  format: number;
  nodes: Node[];
  parts: Part[];
  portable: boolean;
}

/** A detail of a value that does not come back as it was. */
export interface Loss {
  rule: string;
  path: string;
  message: string;
}

/** A value that only another language can open: a fitted model, for one. It can be stored again, unchanged. */
export class Foreign {
  constructor(
    /** The language that can open it. */
    readonly language: string,
    /** Its classes there, most specific first. */
    readonly classes: readonly string[],
    /** What a person sees of it. */
    readonly preview: string,
    /** How it is stored, for storing it again. */
    readonly node: OpaqueNode,
    readonly parts: readonly Part[],
  ) {}

  toString(): string {
    return `<${this.classes[0] ?? "object"}, which only ${this.language} can open>`;
  }
}

/** The error with which an attempt ended, as `catch` stores it. Python and R know it as a type of theirs. */
export class TaskException {
  constructor(
    readonly exception: string,
    readonly type: string,
    readonly stacktrace: string,
    readonly language: string,
    readonly cause: TaskException | null,
  ) {}
}

/** A value that cannot be stored (OUTPUT_ENCODE) or read (INPUT_DECODE). Its message names artifact and path. */
export class ValueError extends Error {
  override name = "ValueError";

  constructor(
    message: string,
    readonly kind: "FAILURE_KIND_OUTPUT_ENCODE" | "FAILURE_KIND_INPUT_DECODE",
    readonly artifact: string,
  ) {
    super(message);
  }
}

/** One step of a path: `.name` where that can be written, else `["name"]` or `[3]`. */
export function step(key: string | number): string {
  return typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
