/** What a step's function gets: `self`, and in a join `inputs`. */

import type { Artifacts } from "./artifacts";
import type { JoinInput, Task } from "./messages";

/** The artifacts of a running task, as attributes. Reading one reads it from the store; what is assigned is stored. */
export type Self<Names extends object = Record<string, any>> = Names & {
  /** Item of the innermost foreach that this task works on. Null outside of a foreach. */
  readonly input: any;
  /** Position of this item, counted from 0. Null outside of a foreach. */
  readonly index: number | null;
};

/** The inputs of a join in the order of the split. An input is also found by the name of its last step. */
export type Inputs<Names extends object = Record<string, any>> = readonly Readonly<Names>[] &
  Record<string, Readonly<Names>>;

const artifactsOf = new WeakMap<object, Artifacts>();
const joinOf = new WeakMap<object, JoinInput>();

/** Makes the `self` of a task. */
export function selfOf(task: Task, artifacts: Artifacts): Self {
  const self = new Proxy({} as Self, {
    get: (_, name) => {
      if (typeof name === "symbol" || (name === "then" && !artifacts.knows(name))) return undefined;
      if (name === "input") return itemOf(task, artifacts);
      if (name === "index") return task.foreach.at(-1)?.index ?? null;
      return artifacts.get(name);
    },
    set: (_, name, value) => {
      artifacts.set(String(name), value);
      return true;
    },
    has: (_, name) => artifacts.has(String(name)),
    deleteProperty: (_, name) => {
      artifacts.delete(String(name));
      return true;
    },
    ownKeys: () => artifacts.names(),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  });
  artifactsOf.set(self, artifacts);
  return self;
}

/** Makes the `inputs` of a join. */
export function inputsOf(joins: readonly JoinInput[], shared: JoinInput["artifacts"], artifacts: Artifacts): Inputs {
  const inputs = joins.map((join) => {
    const known = new Map([...shared, ...join.artifacts].map((input) => [input.name, input]));
    const values = new Map<string, unknown>();
    const input = new Proxy({} as Record<string, unknown>, {
      get: (_, name) => {
        if (typeof name === "symbol") return undefined;
        artifacts.reads.add(name);
        const stored = known.get(name);
        if (stored === undefined) {
          if (name === "then") return undefined;
          throw new Error(`Input '${join.step}' of the join (task ${join.task_id}) has no attribute '${name}'.`);
        }
        if (!values.has(name)) values.set(name, artifacts.decode(stored));
        return values.get(name);
      },
      has: (_, name) => {
        artifacts.reads.add(String(name));
        return known.has(String(name));
      },
    });
    joinOf.set(input, join);
    return input;
  });
  const byStep = Object.fromEntries(joins.map((join, position) => [join.step, inputs[position]]).reverse());
  return Object.assign(inputs, { ...byStep }) as unknown as Inputs;
}

/** Sets the artifacts of a join on which all its inputs agree.
 *
 * @throws Error when inputs differ in an artifact that is neither set before nor named in `exclude`.
 */
export function mergeArtifacts(self: object, inputs: readonly object[], exclude: readonly string[] = []): void {
  const joins = [...inputs].map((input) => joinOf.get(input));
  const artifacts = artifactsOf.get(self);
  if (artifacts === undefined || !joins.every((join) => join !== undefined)) {
    throw new TypeError("mergeArtifacts() merges members of `inputs` into `self`.");
  }
  artifacts.merge(joins, exclude);
}

/** Counts what a foreach spreads over tasks. */
export function itemsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float64Array);
  throw new TypeError("it is no array. Store an array of its items");
}

function itemOf(task: Task, artifacts: Artifacts): unknown {
  const level = task.foreach.at(-1);
  if (level === undefined) return null;
  const items = artifacts.decode(level.items);
  // A list with names is spread by R.
  return (Array.isArray(items) ? items : Object.values(items as object))[level.index];
}
