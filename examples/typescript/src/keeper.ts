/** The main thread's side of the thread that keeps a lease. */

import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Task } from "./messages";
import type { Session } from "./session";

/** What the thread has to know. */
export interface KeeperData {
  endpoint: string;
  sessionToken: Uint8Array;
  leaseToken: Uint8Array;
  heartbeatMs: number;
  callMs: number;
  orphanMs: number;
  stdoutFile: string;
  stderrFile: string;
  /** Whether the orchestrator does not see the files, so that it must be sent all that is in them. */
  sendsAllLogs: boolean;
}

/** What the thread is told. */
export interface Order {
  phase?: string;
  ask?: boolean;
  end?: boolean;
}

/** What the thread tells. */
export interface Tiding {
  cancel?: string;
  lost?: boolean;
  done?: boolean;
}

/** Keeps the lease of one task until it is ended. */
export class Keeper {
  private readonly thread: Worker;
  private readonly done: Promise<void>;

  constructor(
    session: Session,
    task: Task,
    private readonly sendsAllLogs: boolean,
    on: { cancel: (reason: string) => void; lost: () => void },
  ) {
    const workerData: KeeperData = {
      endpoint: session.endpoint,
      sessionToken: session.token,
      leaseToken: task.lease.lease_token,
      heartbeatMs: task.lease.heartbeat_ms,
      callMs: session.callMs,
      orphanMs: session.orphanMs,
      stdoutFile: process.env.INSTEP_STDOUT_FILE ?? "",
      stderrFile: process.env.INSTEP_STDERR_FILE ?? "",
      sendsAllLogs,
    };
    this.thread = new Worker(join(__dirname, "keeper_thread.js"), { workerData, execArgv: [] });
    this.done = new Promise((resolve) => {
      this.thread.on("exit", () => resolve());
      this.thread.on("message", ({ cancel, lost, done }: Tiding) => {
        if (cancel !== undefined) on.cancel(cancel);
        if (lost) on.lost();
        if (done) resolve();
      });
    });
  }

  /** Says what the attempt is busy with: STARTED, RUNNING or STORING. */
  set phase(phase: string) {
    this.tell({ phase });
  }

  /** Has the orchestrator asked now what to do. */
  ask(): void {
    this.tell({ ask: true });
  }

  /** Goes on with heartbeats, but heeds no verdict any more. Sends the rest of the logs, if that is ours to do. */
  async end(): Promise<void> {
    this.tell({ end: true });
    if (this.sendsAllLogs) await this.done;
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    await this.thread.terminate();
  }

  private tell(order: Order): void {
    this.thread.postMessage(order);
  }
}
