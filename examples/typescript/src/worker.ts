/** A worker: leases a task, runs it, reports, and ends. */

import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { status } from "@grpc/grpc-js";
import { Attempt, EXIT_LOST, type Steps } from "./attempt";
import { describe, LANGUAGE } from "./failure";
import { decode, type KeyValue, type Leased, type Task, type WorkerBootstrap } from "./messages";
import { CallError, Session } from "./session";

const PROTOCOL_VERSION = 1;
const REGISTER_MS = 30_000;
const WAITS_FOR_CALLS = 2; // how long the orchestrator may wait for a task, in units of how long a call may take
const EXIT_ACCESS = 75;
const EXIT_VERSION = 76;
const STORE_ROUNDS = 2;
const CAPABILITIES = [
  "instep.cap.attempt_timeout.v1",
  "instep.cap.catch.v1",
  "instep.cap.lazy_inputs.v1",
  "instep.cap.local_objects.v1",
  "instep.cap.piggyback_next.v1",
  "instep.cap.value.profile.p1",
];

/** Runs tasks until there are none for this worker, and ends the process.
 *
 * @param fd - The pipe with the bootstrap.
 * @param steps - The functions that can be steps.
 */
export async function work(fd: number, steps: Steps): Promise<never> {
  try {
    const bytes = readFileSync(fd);
    closeSync(fd);
    await runTasks(decode<WorkerBootstrap>("WorkerBootstrap", bytes.subarray(4)), steps);
  } catch (error) {
    process.stderr.write(`The worker ends: ${error instanceof CallError ? error.message : (error as Error).stack}\n`);
    process.exit(exitCode(error));
  }
  process.exit(0);
}

async function runTasks(bootstrap: WorkerBootstrap, steps: Steps): Promise<void> {
  set(bootstrap.env);
  const session = new Session(bootstrap.endpoint, bootstrap.token, bootstrap.call_ms || undefined);
  const answer = await session.call<{ session_token: Buffer; object_root: string; limits: KeyValue[]; lease: Leased }>(
    "WorkerService/RegisterWorker",
    {
      worker_id: bootstrap.worker_id,
      version_min: PROTOCOL_VERSION,
      version_max: PROTOCOL_VERSION,
      capabilities: CAPABILITIES,
      language: LANGUAGE,
      runtime_version: process.versions.node,
      sdk: "instep-typescript 0.1.0",
      host: hostname(),
      pid: process.pid,
      store_probe: probe(bootstrap.store_probe_file),
      lease: leaseRequest(0),
    },
    { budgetMs: REGISTER_MS },
  );
  session.token = answer.session_token;
  session.orphanMs = Number(answer.limits.find(({ key }) => key === "orphan_ms")?.value) || session.orphanMs;
  if (answer.object_root) process.env.INSTEP_HOME ??= dirname(answer.object_root); // for clients in user code
  let attempt: Attempt | undefined;
  process.on("SIGINT", () => attempt?.ask()); // the orchestrator has something to say
  process.on("uncaughtException", (error) => attempt?.interrupt(error)); // also of a promise that nobody waits for
  let task = await taskOf(session, answer.lease);
  const environment = { ...process.env };
  const directory = process.cwd();
  while (task !== undefined) {
    restore(environment, directory); // what an earlier task has changed
    set(task.env);
    attempt = new Attempt(session, answer.object_root, task, steps);
    const report = await attempt.run();
    const wantsNext = bootstrap.reuse && !attempt.isAbandoned;
    const next = await tell(session, attempt, task, {
      ...report,
      ...(wantsNext && { want_next: leaseRequest(waitMs(session)) }),
    });
    await attempt.close();
    if (next) for (const stream of [1, 2]) emptyLog(stream);
    task = next ? await taskOf(session, next) : undefined;
  }
}

/** Takes the answer to a lease, and asks again until there is a task or none will come. */
async function taskOf(session: Session, answer: Leased): Promise<Task | undefined> {
  let leased = answer;
  for (;;) {
    if (leased.task) return leased.task;
    if (leased.drain) return undefined;
    if (!leased.none) {
      await session.call("WorkerService/CloseWorker", { reason: "The worker does not know this answer to LeaseTask." });
      return undefined;
    }
    await new Promise((resolve) => setTimeout(resolve, leased.none?.retry_after_ms));
    leased = await session.call<Leased>("WorkerService/LeaseTask", leaseRequest(waitMs(session)), {
      waitMs: waitMs(session),
    });
  }
}

/** Reports how an attempt ended, and gets the next task. */
async function tell(session: Session, attempt: Attempt, task: Task, report: object): Promise<Leased | undefined> {
  const complete = async (completion_id: string, content: object) => {
    const request = { ...content, lease_token: task.lease.lease_token, completion_id };
    const options = { waitMs: "want_next" in content ? waitMs(session) : 0 };
    return (
      (await session.call<{ next?: Leased | null }>("WorkerService/CompleteTask", request, options)).next ?? undefined
    );
  };
  const id = newId();
  for (let round = 0; ; round++) {
    try {
      return await complete(id, report);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.reason === "BLOB_MISSING" && round < STORE_ROUNDS) await attempt.storeAgain();
      else if (error.code === status.INVALID_ARGUMENT || error.reason === "BLOB_MISSING") {
        // The report breaks a rule of the protocol: say so in one that does not.
        return await complete(newId(), await attempt.report({ failure: describe(error, "FAILURE_KIND_INTERNAL") }));
      } else throw error;
    }
  }
}

function exitCode(error: unknown): number {
  if (!(error instanceof CallError)) return 1;
  if ([status.UNAUTHENTICATED, status.PERMISSION_DENIED].includes(error.code) && error.reason) return EXIT_ACCESS;
  const isUnsupported = ["VERSION_UNSUPPORTED", "CAPABILITY_REQUIRED"].includes(error.reason);
  return isUnsupported || (error.code === status.UNIMPLEMENTED && !error.reason) ? EXIT_VERSION : EXIT_LOST;
}

function leaseRequest(wait_ms: number): object {
  return { request_id: newId(), wait_ms };
}

function waitMs(session: Session): number {
  return WAITS_FOR_CALLS * session.callMs;
}

function newId(): string {
  return randomBytes(16).toString("hex");
}

function probe(file: string): Buffer {
  try {
    return file ? readFileSync(file) : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0); // the worker does not share the store's file system
  }
}

function set(variables: readonly KeyValue[]): void {
  for (const { key, value } of variables) process.env[key] = value;
}

function restore(environment: NodeJS.ProcessEnv, directory: string): void {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  process.chdir(directory);
}

/** Empties a spool file, between two tasks of one worker. */
function emptyLog(stream: number): void {
  if (process.env[stream === 1 ? "INSTEP_STDOUT_FILE" : "INSTEP_STDERR_FILE"]) ftruncateSync(stream, 0);
}
