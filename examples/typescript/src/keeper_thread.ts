/** The thread that keeps a lease and sends logs, also while user code leaves the main thread no time. */

import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { KeeperData, Order, Tiding } from "./keeper";

const FIRST_MS = 500; // short tasks pay nothing but a sleeping thread
const AGAIN_MS = 1000;
const LOG_MS = 500;
const LOG_BYTES = 256 * 1024;
const EXIT_MS = 2000;

const data = workerData as KeeperData;
const port = parentPort!;
let phase = "STARTED";
let isEnding = false;
let wake = () => {};

const tell = (tiding: Tiding) => port.postMessage(tiding);

async function keep(): Promise<void> {
  let isAsked = await pause(Math.min(FIRST_MS, data.heartbeatMs));
  // Only now: loading gRPC takes longer than many a task.
  const { CallError, Session } = await import("./session");
  const session = new Session(data.endpoint, Buffer.from(data.sessionToken), data.callMs);
  const leaseToken = Buffer.from(data.leaseToken);
  const logs = [data.stdoutFile, data.stderrFile].map((file, at) => ({
    file,
    stream: at + 1,
    offset: 0,
    isClosed: file === "",
  }));
  let interval = data.heartbeatMs;
  let nextBeat = 0;
  let answered = performance.now();
  let isCancelled = false;
  let logMs = LOG_MS;
  for (let seq = 1; ;) {
    try {
      if (isAsked || performance.now() >= nextBeat) {
        const usage = {
          rss_bytes: process.memoryUsage.rss(),
          cpu_ms: Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1000),
        };
        const answer = await session.call<{ heartbeat_ms: number; directive: string | number; cancel_reason: string }>(
          "WorkerService/Heartbeat",
          { lease_token: leaseToken, seq: seq++, phase: `ATTEMPT_PHASE_${phase}`, ...usage },
          { budgetMs: 0 },
        );
        interval = answer.heartbeat_ms || interval;
        nextBeat = performance.now() + interval;
        if (answer.directive === "DIRECTIVE_CANCEL" && !isCancelled) tell({ cancel: answer.cancel_reason });
        isCancelled ||= answer.directive === "DIRECTIVE_CANCEL";
      }
      for (const log of logs) await sendLog(log);
      answered = performance.now();
    } catch (error) {
      nextBeat = performance.now() + Math.min(AGAIN_MS, interval);
      const isLost = error instanceof CallError && error.isLeaseLost;
      if (isLost || nextBeat - answered > data.orphanMs) return isEnding ? undefined : lose();
    }
    const isFlushing = isEnding && data.sendsAllLogs && logs.some((log) => !log.isClosed);
    if (isEnding && !isFlushing) tell({ done: true });
    isAsked = await pause(isFlushing ? 0 : Math.min(logMs, Math.max(nextBeat - performance.now(), 0)));
  }

  /** Sends what is new in a log. At the end: also that nothing follows. */
  async function sendLog(log: { file: string; stream: number; offset: number; isClosed: boolean }): Promise<void> {
    if (log.isClosed) return;
    const bytes = readFrom(log.file, log.offset);
    const end = isEnding && bytes.length === 0;
    if (bytes.length === 0 && !(end && data.sendsAllLogs)) return;
    try {
      const answer = await session.call<{ next_offset: number; min_interval_ms: number; closed: boolean }>(
        "LogService/AppendLogs",
        { lease_token: leaseToken, stream: log.stream, offset: log.offset, data: bytes, end },
        { budgetMs: 0 },
      );
      log.offset = answer.next_offset;
      logMs = Math.max(logMs, answer.min_interval_ms);
      log.isClosed = answer.closed || end;
    } catch (error) {
      if (!(error instanceof CallError && error.reason === "LOG_OFFSET")) throw error;
      log.offset = Number(error.metadata.get("expected"));
    }
  }
}

/** Ends the worker: by its main thread, or in spite of it. */
function lose(): void {
  tell({ lost: true });
  setTimeout(() => process.kill(process.pid, "SIGKILL"), EXIT_MS);
}

/** Waits. True: it was woken, to ask the orchestrator at once. */
function pause(ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    wake = () => {
      clearTimeout(timer);
      resolve(true);
    };
  });
}

/** Reads a piece of a log. Empty: nothing is there, or somebody has removed the file. */
function readFrom(file: string, offset: number): Buffer {
  const buffer = Buffer.alloc(LOG_BYTES);
  if (!existsSync(file)) return buffer.subarray(0, 0);
  const opened = openSync(file, "r");
  try {
    return buffer.subarray(0, readSync(opened, buffer, 0, LOG_BYTES, offset));
  } finally {
    closeSync(opened);
  }
}

port.on("message", (order: Order) => {
  if (order.phase !== undefined) phase = order.phase;
  isEnding ||= order.end === true;
  if (order.ask || (order.end && data.sendsAllLogs)) wake();
});

void keep().finally(() => tell({ done: true }));
