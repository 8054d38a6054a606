/**
 * The calls of a worker. A call that failed on its way tells nothing: it is made again with the same ids, after a growing
 * pause, until its budget is used up. A verdict of the orchestrator is final, but for the few that ask for patience.
 */

import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";
import { decode, encode } from "./messages";

const CALL_MS = 10_000;
const ORPHAN_MS = 120_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
// Without a verdict, a method that is not there, or a message that is too large, is so each time.
const LASTING = new Set([status.UNIMPLEMENTED, status.RESOURCE_EXHAUSTED]);
const PATIENT = new Set(["CONCURRENT_POLL", "OVERLOADED", "WRITE_CONFLICT"]);
const OPTIONS = {
  "grpc.enable_http_proxy": 0, // proxies of the environment must not see local calls
  "grpc.enable_retries": 0, // only we know which calls may be repeated
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
};

/** A call that failed: by a verdict of the orchestrator, which has a reason, or on its way. */
export class CallError extends Error {
  override name = "CallError";

  constructor(
    message: string,
    readonly code: status,
    /** The verdict, such as `LEASE_LOST`. Empty: there is none, the call was lost on its way. */
    readonly reason = "",
    readonly metadata: ReadonlyMap<string, string> = new Map(),
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }

  /** Whether the same call may succeed later. */
  get isPassing(): boolean {
    return this.reason === "" ? !LASTING.has(this.code) : PATIENT.has(this.reason);
  }

  /** Whether the attempt is over: its results are not wanted any more. */
  get isLeaseLost(): boolean {
    return this.reason === "LEASE_LOST" || this.reason === "LEASE_CLOSED";
  }
}

export interface CallOptions {
  /** How long the orchestrator may wait before it answers. */
  waitMs?: number;
  /** For how long it is tried. 0: once. */
  budgetMs?: number;
}

/** A connection to the orchestrator, and the token to show there. */
export class Session {
  private readonly client: Client;

  /**
   * @param endpoint - Where the orchestrator listens, as a gRPC target.
   * @param token - What to show it.
   * @param callMs - How long one try of a call may take.
   * @param orphanMs - How long a worker goes on without an answer.
   */
  constructor(
    readonly endpoint: string,
    public token: Buffer,
    readonly callMs = CALL_MS,
    public orphanMs = ORPHAN_MS,
  ) {
    this.client = new Client(endpoint, credentials.createInsecure(), OPTIONS);
  }

  /** Makes a call, such as `WorkerService/Heartbeat`, and again as long as it may help. */
  async call<Answer>(method: string, request: object, options: CallOptions = {}): Promise<Answer> {
    const { waitMs = 0, budgetMs = this.orphanMs } = options;
    return await this.persistently(() => this.once<Answer>(method, request, this.callMs + waitMs), budgetMs);
  }

  /** Reads a blob through the orchestrator. When the stream breaks off, the rest is read again. */
  async readBlob(lease_token: Buffer, digest: { hash: string; size: number }): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let offset = 0;
    await this.persistently(async () => {
      for await (const data of this.pieces({ lease_token, digest, offset })) {
        pieces.push(data);
        offset += data.length;
      }
    }, this.orphanMs);
    return Buffer.concat(pieces);
  }

  private async persistently<Answer>(call: () => Promise<Answer>, budgetMs: number): Promise<Answer> {
    const giveUp = performance.now() + budgetMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await call();
      } catch (error) {
        const wait = (error instanceof CallError && error.retryAfterMs) || pause * (0.8 + 0.4 * Math.random());
        if (!(error instanceof CallError && error.isPassing) || performance.now() + wait > giveUp) throw error;
        await sleep(wait);
      }
    }
  }

  private async *pieces(request: object): AsyncGenerator<Buffer> {
    const call = this.client.makeServerStreamRequest(
      "/instep.v1.StoreService/ReadBlob",
      (message: object) => encode("ReadBlobRequest", message),
      (bytes: Buffer) => decode<{ data: Buffer }>("ReadBlobResponse", bytes),
      request,
      this.metadata(),
    );
    try {
      for await (const piece of call) yield (piece as { data: Buffer }).data;
    } catch (error) {
      throw translate("StoreService/ReadBlob", error as ServiceError);
    }
  }

  private once<Answer>(method: string, request: object, timeoutMs: number): Promise<Answer> {
    const name = method.slice(method.indexOf("/") + 1);
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        `/instep.v1.${method}`,
        (message: object) => encode(`${name}Request`, message),
        (bytes: Buffer) => decode<Answer>(`${name}Response`, bytes),
        request,
        this.metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, answer) => (error ? reject(translate(method, error)) : resolve(answer as Answer)),
      );
    });
  }

  private metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${this.token.toString("hex")}`);
    return metadata;
  }
}

function translate(method: string, error: ServiceError): CallError {
  const trailer = error.metadata?.get("instep-error-bin")[0];
  if (!Buffer.isBuffer(trailer)) {
    const text = `Call ${method} of the orchestrator failed with ${status[error.code]}: ${error.details}`;
    return new CallError(text, error.code);
  }
  const verdict = decode<{
    reason: string | number;
    retry_after_ms?: number;
    metadata: { key: string; value: string }[];
  }>("ErrorDetail", trailer);
  const facts = new Map(verdict.metadata.map((entry) => [entry.key, entry.value]));
  const reason = String(verdict.reason).replace("ERROR_REASON_", "");
  return new CallError(error.details, error.code, reason, facts, verdict.retry_after_ms ?? 0);
}
