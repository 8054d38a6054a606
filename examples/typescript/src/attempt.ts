/** One attempt of a task: runs the user's code and finds out how it ended. */

import { realpathSync, statSync } from "node:fs";
import { extname } from "node:path";
import { Artifacts } from "./artifacts";
import { describe, exceptionOf } from "./failure";
import { Keeper } from "./keeper";
import type { Failure, JoinInput, Outcome, Task } from "./messages";
import { inputsOf, itemsOf, selfOf } from "./self";
import type { Session } from "./session";
import { Store, StoreError } from "./store";
import { decodeValue } from "./values/decode";
import { ValueError } from "./values/manifest";

/** Exit code of a worker that lost its lease, or its orchestrator. */
export const EXIT_LOST = 74;

/** The functions of a program that can be steps. They take `self`, and in a join `inputs`. */
export interface Steps {
  [name: string]: (self: any, inputs: any) => unknown;
}

/** The running task, for user code. */
export interface Current {
  flow: string;
  runId: string;
  step: string;
  taskId: string;
  /** Number of this attempt, counted from 0. */
  attempt: number;
  /** Is aborted when the task is cancelled or its time is over: give it to what waits, such as fetch(). */
  signal: AbortSignal;
}

let running: Current | undefined;

/** Gives the running task.
 *
 * @throws Error outside of a task.
 */
export function current(): Current {
  if (running === undefined) throw new Error("current() tells about the running task, and no task is running.");
  return running;
}

class Cancelled extends Error {}

class TimeoutException extends Error {
  override name = "TimeoutException";
}

class TransitionError extends Error {
  override name = "TransitionError";
}

/** One attempt of a task, from its lease to its report. */
export class Attempt {
  /** Whether user code may still run: then this process must not take another task. */
  isAbandoned = false;
  private readonly store: Store;
  private readonly artifacts: Artifacts;
  private readonly keeper: Keeper;
  private readonly controller = new AbortController();
  private isInUserCode = false;
  private isLeaseNeeded = true;
  private interruption?: { error: unknown };
  private onInterrupted = () => {};
  private runMs = 0;

  constructor(
    private readonly session: Session,
    objectRoot: string,
    private readonly task: Task,
    private readonly steps: Steps,
  ) {
    this.store = new Store(session, objectRoot, task.lease.lease_token);
    this.artifacts = new Artifacts(task, this.store);
    this.keeper = new Keeper(session, task, objectRoot === "", {
      cancel: (reason) => this.interrupt(new Cancelled(reason)),
      lost: () => this.isLeaseNeeded && process.exit(EXIT_LOST),
    });
  }

  /** Runs the task. Whatever the user's code does becomes part of the report: a CompleteTaskRequest without ids. */
  async run(): Promise<object> {
    const outcome = await this.outcome();
    if (outcome.failure) process.stderr.write(outcome.failure.traceback);
    const caught = outcome.success?.caught;
    if (caught && this.task.catch?.print_exception) process.stderr.write(caught.traceback || `${caught.message}\n`);
    if (outcome.cancelled) process.stderr.write(`The task was cancelled: ${outcome.cancelled.reason}\n`);
    const partial_outputs = outcome.failure && this.isInUserCode ? await this.partialOutputs() : [];
    return this.report({ ...outcome, partial_outputs });
  }

  /** Adds to an outcome what else is worth knowing. All output must have been written. */
  async report(outcome: object): Promise<object> {
    this.isLeaseNeeded = false;
    await this.keeper.end();
    const timings = [{ phase: "run", duration_ms: Math.round(this.runMs) }];
    const max_rss_bytes = process.resourceUsage().maxRSS * 1024;
    return { ...outcome, timings, max_rss_bytes, stdout_end: sizeOf("STDOUT"), stderr_end: sizeOf("STDERR") };
  }

  /** Writes all outputs once more, for a store that has lost them since. */
  async storeAgain(): Promise<void> {
    await this.artifacts.storeAgain();
  }

  /** Ends user code as far as it lets itself be ended, also when it has not begun: its error becomes the outcome. */
  interrupt(error: unknown): void {
    this.interruption ??= { error };
    this.onInterrupted();
    const isTooLate = this.runMs > 0 && !(error instanceof Cancelled);
    if (isTooLate) process.stderr.write(describe(error, "FAILURE_KIND_USER_ERROR").traceback);
  }

  /** Asks the orchestrator why it has sent a signal. */
  ask(): void {
    this.keeper.ask();
  }

  /** Ends what keeps the lease. The report was answered. */
  async close(): Promise<void> {
    await this.keeper.stop();
  }

  private async outcome(): Promise<Outcome> {
    try {
      return this.task.catch?.only_handle ? await this.success(this.lastFailure()) : await this.execute();
    } catch (error) {
      return await this.endedBy(error);
    }
  }

  private async execute(): Promise<Outcome> {
    const { task, artifacts } = this;
    const code = task.entry_point.function && this.steps[task.entry_point.function];
    if (!code || stem(task.entry_point.file) !== stem(programFile()))
      return { failure: describe(new Error(this.lacking()), "FAILURE_KIND_CODE_LOAD") };
    const joins = await this.joins();
    const inputs = [task.inputs, ...joins.map((join) => join.artifacts), task.foreach.map((level) => level.items)];
    await this.store.prepare(inputs.flat());
    running = {
      flow: task.flow,
      runId: task.run_id,
      step: task.step,
      taskId: task.task_id,
      attempt: task.attempt,
      signal: this.controller.signal,
    };
    const arguments_ = [
      selfOf(task, artifacts),
      task.is_join ? inputsOf(joins, task.inputs, artifacts) : undefined,
    ] as const;
    this.keeper.phase = "RUNNING";
    this.isInUserCode = true;
    const started = performance.now();
    await this.unlessInterrupted(async () => await code(...arguments_));
    this.runMs = performance.now() - started;
    const choice = this.choose();
    this.isInUserCode = false;
    return await this.success(undefined, choice);
  }

  /** Waits for user code, or for what ends it: a cancel, its limit, an error that nobody waits for. */
  private async unlessInterrupted(userCode: () => Promise<unknown>): Promise<void> {
    if (this.interruption) throw this.interruption.error;
    let timer: NodeJS.Timeout | undefined;
    const interrupted = new Promise<never>((_, reject) => {
      this.onInterrupted = () => {
        this.isAbandoned = true;
        this.controller.abort(this.interruption?.error);
        reject(this.interruption?.error);
      };
      const { attempt_timeout_ms: limit, step } = this.task;
      const overran = () =>
        this.interrupt(new TimeoutException(`Step '${step}' took longer than ${limit / 1000} s, its limit.`));
      if (limit > 0) timer = setTimeout(overran, limit);
    });
    try {
      await Promise.race([userCode(), interrupted]);
    } finally {
      this.onInterrupted = () => {};
      clearTimeout(timer);
    }
  }

  private async success(caught?: Failure, choice: object = {}): Promise<Outcome> {
    const { artifacts, task } = this;
    this.keeper.phase = "STORING";
    if (task.catch?.var) artifacts.set(task.catch.var, caught ? exceptionOf(caught) : null);
    const outputs = await artifacts.outputs();
    const deleted = [...artifacts.deleted].sort();
    const reads = [...artifacts.reads].sort();
    return {
      success: {
        ...choice,
        outputs,
        deleted,
        reads,
        forwarded: [...artifacts.forwarded.values()],
        ...(caught && { caught }),
      },
    };
  }

  private async endedBy(error: unknown): Promise<Outcome> {
    if (error instanceof Cancelled) return { cancelled: { reason: error.message } };
    const own = error instanceof ValueError || error instanceof StoreError ? error.kind : undefined;
    const kind = error instanceof TimeoutException ? "FAILURE_KIND_ATTEMPT_TIMEOUT" : own;
    const failure = describe(
      error,
      kind ?? (this.isInUserCode ? "FAILURE_KIND_USER_ERROR" : "FAILURE_KIND_INTERNAL"),
      error instanceof ValueError
        ? { artifact: error.artifact }
        : error instanceof StoreError
          ? { digest: error.digest }
          : {},
    );
    const { task } = this;
    const isLast = task.catch !== null && task.attempt >= task.max_attempts - 1;
    if (!isLast || !this.isInUserCode || error instanceof TransitionError) return { failure };
    this.isInUserCode = false;
    try {
      return await this.success(failure);
    } catch (other) {
      return await this.endedBy(other); // what was assigned before cannot be stored
    }
  }

  /** Finds out how the step goes on, for a transition that its artifacts decide. */
  private choose(): { foreach_count?: number; switch_case?: number } {
    const { transition, step } = this.task;
    const named = (name: string) => {
      if (!this.artifacts.has(name))
        throw new TransitionError(`Step '${step}' goes on by self.${name}, but no step has set it.`);
      return this.artifacts.get(name);
    };
    if (transition.kind === "TRANSITION_KIND_FOREACH") {
      const name = transition.foreach;
      try {
        const foreach_count = itemsOf(named(name)).length;
        if (foreach_count > 0) return { foreach_count };
      } catch (error) {
        if (error instanceof TransitionError) throw error;
        throw new TransitionError(
          `Step '${step}' can't spread the items of self.${name}: ${(error as Error).message}.`,
        );
      }
      throw new TransitionError(
        `Step '${step}' spreads the items of self.${name}, which produced zero splits: it is empty.`,
      );
    }
    if (transition.kind === "TRANSITION_KIND_SWITCH") {
      const value = named(transition.condition);
      const keys = transition.cases.map(({ key }) => decodeValue("key", key, this.store.fetch));
      const switch_case = keys.lastIndexOf(value);
      if (switch_case >= 0) return { switch_case };
      const shown = JSON.stringify(value);
      throw new TransitionError(
        `Step '${step}' chooses by self.${transition.condition}, but that is ${shown}, which is none of its cases: ${keys.join(", ")}.`,
      );
    }
    return {};
  }

  private async joins(): Promise<JoinInput[]> {
    const joins = [...this.task.joins];
    for (let position = this.task.joins_next; position !== undefined;) {
      const request = { lease_token: this.task.lease.lease_token, position };
      const page = await this.session.call<{ joins: JoinInput[]; joins_next?: number }>(
        "WorkerService/ListJoinInputs",
        request,
      );
      joins.push(...page.joins);
      position = page.joins_next;
    }
    return joins;
  }

  private async partialOutputs(): Promise<object[]> {
    try {
      return await this.artifacts.partialOutputs();
    } catch {
      return []; // the attempt has failed already, for a better reason
    }
  }

  /** Gives the failure of the last attempt, which `catch` handles without user code. */
  private lastFailure(): Failure {
    const { step, attempt, previous_failure: last } = this.task;
    if (last && last.classes.length > 0) return last;
    const why = last?.message ?? "It is not known why.";
    const message = `Step '${step}' failed in ${attempt} attempts, the last one without raising an error. ${why}`;
    return {
      kind: "FAILURE_KIND_WORKER_LOST",
      language: "",
      classes: ["FailureHandledByCatch"],
      message,
      traceback: "",
      cause: last,
    };
  }

  private lacking(): string {
    const { file, function: name } = this.task.entry_point;
    return `Program ${programFile()} can't run step '${this.task.step}', which is function '${name}' of ${file}. It was changed since the run began.`;
  }
}

/** Gives the path of the file that the orchestrator has executed. */
export function programFile(): string {
  return realpathSync(process.argv[1]!);
}

/** Gives the path of a file without its ending: a program is known by the name of its source as well. */
function stem(file: string): string {
  return file.slice(0, file.length - extname(file).length);
}

function sizeOf(stream: string): number {
  const file = process.env[`INSTEP_${stream}_FILE`];
  return file ? statSync(file).size : 0;
}
