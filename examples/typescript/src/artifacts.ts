/** The artifacts, parameters and constants of a running task: read when touched, stored when the attempt ends. */

import type { Input, JoinInput, Output, Task } from "./messages";
import type { Store } from "./store";
import { decodeValue } from "./values/decode";
import { type Blob, type Encoded, encodeValue } from "./values/encode";
import { type Loss, ValueError } from "./values/manifest";

const INLINE_BYTES = 64 * 1024;
const ALL_INLINE_BYTES = 512 * 1024;
const RESERVED = new Set(["foreach_stack", "index", "input", "merge_artifacts", "next"]);
const FIXED = new Map<unknown, string>([
  ["INPUT_KIND_PARAMETER", "a parameter of the flow"],
  ["INPUT_KIND_CONSTANT", "a constant of the flow"],
  ["INPUT_KIND_CONFIG", "a config of the flow"],
]);

/** What a running task can read, and what it leaves behind. */
export class Artifacts {
  readonly reads = new Set<string>();
  readonly deleted = new Set<string>();
  readonly forwarded = new Map<string, Input>();
  private readonly inputs: Map<string, Input>;
  private readonly values = new Map<string, unknown>();
  private readonly assigned = new Set<string>();
  private readonly told = new Set<string>();
  private blobs: Blob[] = [];

  constructor(
    private readonly task: Task,
    private readonly store: Store,
  ) {
    this.inputs = new Map(task.inputs.map((input) => [input.name, input]));
  }

  has(name: string): boolean {
    this.reads.add(name);
    return this.knows(name);
  }

  /** Says whether a name can be read, without taking note that user code looked. */
  knows(name: string): boolean {
    return this.values.has(name) || this.inputs.has(name);
  }

  names(): string[] {
    this.reads.add("*");
    return [...new Set([...this.values.keys(), ...this.inputs.keys()])];
  }

  get(name: string): unknown {
    if (!this.has(name)) {
      const why = this.task.is_join
        ? "in a join, take it from inputs"
        : `no step before '${this.task.step}' has set it`;
      throw new Error(`Flow '${this.task.flow}' has no attribute '${name}': ${why}.`);
    }
    if (!this.values.has(name)) this.values.set(name, this.decode(this.inputs.get(name)!));
    return this.values.get(name);
  }

  set(name: string, value: unknown): void {
    this.refuseFixed(name);
    this.values.set(name, value);
    this.assigned.add(name);
    this.forwarded.delete(name);
    this.deleted.delete(name);
  }

  delete(name: string): void {
    this.refuseFixed(name);
    this.values.delete(name);
    this.assigned.delete(name);
    if (this.inputs.delete(name) && !this.forwarded.delete(name)) this.deleted.add(name);
  }

  /** Takes over what all inputs of a join have, when it is the same in all of them.
   *
   * @throws Error when inputs differ in what the join has not set itself.
   */
  merge(joins: readonly JoinInput[], exclude: readonly string[]): void {
    this.reads.add("*");
    const taken = new Map<string, Input>();
    for (const input of joins.flatMap((join) => join.artifacts)) {
      const isSet = this.assigned.has(input.name) || exclude.includes(input.name);
      if (FIXED.has(input.kind) || input.name.startsWith("_") || isSet) continue;
      if ((taken.get(input.name) ?? input).artifact.hash !== input.artifact.hash) {
        throw new Error(
          `Step '${this.task.step}' can't merge '${input.name}': the inputs differ in it. Assign it before.`,
        );
      }
      taken.set(input.name, input);
    }
    for (const [name, input] of taken) {
      this.inputs.set(name, input);
      this.forwarded.set(name, input);
    }
  }

  /** Reads a stored value anew. */
  decode(input: Input): unknown {
    const losses: Loss[] = [];
    const value = decodeValue(input.name, this.store.manifest(input), this.store.fetch, losses);
    this.heed(input.name, losses);
    return FIXED.has(input.kind) ? frozen(value) : value;
  }

  /** Stores all that was assigned or changed. Nothing is written before all of it is known to be storable. */
  async outputs(): Promise<Output[]> {
    const changed = [...this.values.keys()].filter((name) => this.assigned.has(name) || this.hasChanged(name));
    const encoded = changed.map((name): [string, Encoded] => [name, encodeValue(name, this.values.get(name))]);
    return await this.put(encoded);
  }

  /** Stores what was assigned and can be stored, for an attempt that failed. */
  async partialOutputs(): Promise<Output[]> {
    const encoded: [string, Encoded][] = [];
    for (const name of this.assigned) {
      try {
        encoded.push([name, encodeValue(name, this.values.get(name))]);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error; // the attempt has failed already, for a better reason
      }
    }
    return await this.put(encoded);
  }

  /** Writes all outputs once more, for a store that has lost them since. */
  async storeAgain(): Promise<void> {
    await this.store.put(this.blobs);
  }

  /** Whether a value that was read is not as it was stored: user code may have changed it in place. */
  private hasChanged(name: string): boolean {
    const input = this.inputs.get(name);
    const value = this.values.get(name);
    if (input === undefined || FIXED.has(input.kind) || typeof value !== "object" || value === null) return false;
    const fresh = decodeValue(name, this.store.manifest(input), this.store.fetch);
    const isChanged = encodeValue(name, value).digest.hash !== encodeValue(name, fresh).digest.hash;
    if (isChanged) this.forwarded.delete(name);
    return isChanged;
  }

  private async put(encoded: readonly [string, Encoded][]): Promise<Output[]> {
    let room = ALL_INLINE_BYTES;
    const outputs = encoded.map(([name, { manifest, digest, blobs, portable, summary, type }]): Output => {
      const isInline = manifest.length <= Math.min(INLINE_BYTES, room);
      if (isInline) room -= manifest.length;
      else this.blobs.push({ digest, bytes: manifest });
      this.blobs.push(...blobs);
      const named = blobs.map((blob) => blob.digest);
      return {
        name,
        artifact: digest,
        manifest: isInline ? manifest : Buffer.alloc(0),
        portable,
        summary,
        blobs: named,
        type,
      };
    });
    await this.store.put(this.blobs);
    return outputs;
  }

  private heed(name: string, losses: readonly Loss[]): void {
    if (losses.length > 0 && this.task.on_loss === "LOSS_POLICY_ERROR") {
      const reasons = losses.map(({ rule, path, message }) => `${rule} at ${path}: ${message}`).join(" ");
      const message = `Can't read the artifact '${name}' without loss, as on_loss demands. ${reasons}`;
      throw new ValueError(message, "FAILURE_KIND_INPUT_DECODE", name);
    }
    for (const { rule, path, message } of this.task.on_loss === "LOSS_POLICY_IGNORE" ? [] : losses) {
      const line = `Loss ${rule} in artifact '${name}' at ${path}: ${message}\n`;
      if (!this.told.has(line)) process.stderr.write(line);
      this.told.add(line);
    }
  }

  private refuseFixed(name: string): void {
    const what = RESERVED.has(name) ? "Instep's own" : FIXED.get(this.inputs.get(name)?.kind);
    if (what !== undefined) {
      throw new Error(`Step '${this.task.step}' can't modify self.${name}: it is ${what}. Use another name.`);
    }
  }
}

/** Makes a value that steps may only read. */
function frozen(value: unknown): unknown {
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (isPlain) Object.values(value as object).forEach(frozen);
  return isPlain ? Object.freeze(value) : value;
}
