/**
 * The messages of proto/instep/v1, read from the .proto files when the program starts. A message is a plain object whose
 * fields have their names there; enums are texts (a number when we do not know it), int64 are numbers, bytes are Buffers.
 */

import { join } from "node:path";
import { Root, type Type } from "protobufjs";

const PROTO = join(__dirname, "../../../proto");
const FILES = ["host", "worker_service", "log_service", "store_service", "value", "error"];

let root: Root | undefined;
const types = new Map<string, Type>();

function typeOf(name: string): Type {
  if (root === undefined) {
    root = new Root();
    root.resolvePath = (_origin, target) => join(PROTO, target);
    root.loadSync(
      FILES.map((file) => `instep/v1/${file}.proto`),
      { keepCase: true },
    );
  }
  const found = types.get(name) ?? root.lookupType(`instep.v1.${name}`);
  types.set(name, found);
  return found;
}

/** Serializes a message. Fields that are left out, or undefined, are unset. */
export function encode(name: string, message: object): Buffer {
  const type = typeOf(name);
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

/** Parses a message. Fields that are unset have their default; those of a oneof, and optional ones, are missing. */
export function decode<Message>(name: string, bytes: Uint8Array): Message {
  const type = typeOf(name);
  return type.toObject(type.decode(bytes), { longs: Number, enums: String, defaults: true }) as Message;
}

/** Puts the length before a message, as on the pipes between launcher, host and worker. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(message.length);
  return Buffer.concat([length, message]);
}

export interface Digest {
  hash: string;
  size: number;
}

export interface KeyValue {
  key: string;
  value: string;
}

export interface WorkerBootstrap {
  endpoint: string;
  token: Buffer;
  worker_id: string;
  store_probe_file: string;
  env: KeyValue[];
  reuse: boolean;
  call_ms: number;
}

export interface Input {
  name: string;
  artifact: Digest;
  manifest: Buffer;
  kind: "INPUT_KIND_ARTIFACT" | "INPUT_KIND_PARAMETER" | "INPUT_KIND_CONSTANT" | "INPUT_KIND_CONFIG" | number;
}

export interface JoinInput {
  step: string;
  task_id: string;
  artifacts: Input[];
}

export interface Failure {
  kind: string;
  language: string;
  classes: string[];
  message: string;
  traceback: string;
  frames?: Frame[];
  cause?: Failure | null;
  details?: KeyValue[];
  truncated?: boolean;
}

export interface Frame {
  function: string;
  file: string;
  line: number;
  source_line: string;
  user_code: boolean;
}

export interface Task {
  lease: { lease_token: Buffer; heartbeat_ms: number; ttl_ms: number };
  flow: string;
  run_id: string;
  task_id: string;
  step: string;
  attempt: number;
  max_attempts: number;
  entry_point: { file: string; function: string };
  transition: {
    kind: string;
    foreach: string;
    condition: string;
    cases: { key: Buffer; target: string }[];
  };
  is_join: boolean;
  inputs: Input[];
  joins: JoinInput[];
  joins_next?: number;
  foreach: { variable: string; items: Input; index: number; count: number }[];
  attempt_timeout_ms: number;
  env: KeyValue[];
  previous_failure: Failure | null;
  on_loss: string;
  catch: { var: string; print_exception: boolean; only_handle: boolean } | null;
}

export interface Output {
  name: string;
  artifact: Digest;
  manifest: Buffer;
  portable: boolean;
  summary: string;
  blobs: Digest[];
  type: string;
}

/** How an attempt ended: one arm of the outcome of CompleteTaskRequest. */
export interface Outcome {
  success?: {
    outputs: Output[];
    foreach_count?: number;
    switch_case?: number;
    forwarded: Input[];
    reads: string[];
    deleted: string[];
    caught?: Failure;
  };
  failure?: Failure;
  cancelled?: { reason: string };
}

/** The answer to a lease: one arm is set, or none that we know. */
export interface Leased {
  task?: Task;
  none?: { retry_after_ms: number };
  drain?: { reason: string };
}
