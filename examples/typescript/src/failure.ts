/** Errors as failures: data that travels, and text that a person reads in the log. */

import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Failure, Frame } from "./messages";
import { TaskException } from "./values/manifest";

export const LANGUAGE = "typescript";

const MESSAGE_BYTES = 16 * 1024;
const TRACEBACK_BYTES = 48 * 1024; // with message, frames and causes it stays below 256 KiB
const CAUSES = 8;
const FRAMES = 50;
// This library, whether or not a source map tells its places, and Node itself.
const OWN = new RegExp(`${dirname(__dirname).replace(/[^\w/]/g, "\\$&")}/(src|build|node_modules)/|node:internal`);
const FRAME = /^\s+at (?:(?:async )?(.*?) \()?((?:file:\/\/)?\/.*?|node:.*?):(\d+):\d+\)?$/;

/** Turns what was thrown into a failure.
 *
 * @param kind - What kind of thing went wrong. For INTERNAL the frames of this library stay.
 */
export function describe(error: unknown, kind: string, details: Record<string, string> = {}): Failure {
  const own = kind === "FAILURE_KIND_INTERNAL";
  const failure = level(error, kind, own);
  const traceback = chain(error)
    .map((one, depth) => `${depth ? "Caused by: " : ""}${render(one, own)}\n`)
    .join("");
  failure.traceback = cut(traceback, TRACEBACK_BYTES);
  failure.truncated = failure.traceback.length < traceback.length;
  failure.details = Object.entries(details).map(([key, value]) => ({ key, value }));
  let last = failure;
  for (const cause of chain(error).slice(1)) last = last.cause = level(cause, kind, own);
  return failure;
}

/** Makes what `catch` stores of a failure. */
export function exceptionOf(failure: Failure): TaskException {
  const type = failure.classes[0] ?? failure.kind.replace("FAILURE_KIND_", "");
  const cause = failure.cause ? exceptionOf(failure.cause) : null;
  return new TaskException(failure.message, type, failure.traceback, failure.language, cause);
}

function chain(error: unknown): unknown[] {
  const levels = [error];
  for (let next = error; next instanceof Error && next.cause !== undefined && levels.length <= CAUSES;) {
    next = next.cause;
    if (levels.includes(next)) break;
    levels.push(next);
  }
  return levels;
}

function level(error: unknown, kind: string, own: boolean): Failure {
  const message = cut(error instanceof Error ? error.message : String(error), MESSAGE_BYTES);
  return { kind, language: LANGUAGE, classes: classes(error), message, traceback: "", frames: frames(error, own) };
}

/** Names a class and its bases, most specific first. */
function classes(error: unknown): string[] {
  if (!(error instanceof Error)) return [typeof error];
  const names = [error.name];
  for (let one: unknown = error; one !== Object.prototype && one !== null; one = Object.getPrototypeOf(one)) {
    names.push((one as object).constructor.name);
  }
  return [...new Set(names)];
}

function lines(error: unknown, own: boolean): string[] {
  const stack = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => FRAME.test(line)) : [];
  return own ? stack : stack.filter((line) => !OWN.test(line));
}

function render(error: unknown, own: boolean): string {
  const head = error instanceof Error ? `${error.name}: ${error.message}` : `Thrown: ${String(error)}`;
  return [head, ...lines(error, own)].join("\n");
}

/** Gives the call stack, outermost call first, with places in TypeScript where a source map tells them. */
function frames(error: unknown, own: boolean): Frame[] {
  const found = lines(error, own)
    .slice(0, FRAMES)
    .map((text): Frame => {
      const [, name = "", place = "", line = "0"] = FRAME.exec(text) ?? [];
      const file = place.startsWith("file://") ? fileURLToPath(place) : place;
      const user_code = file.startsWith("/") && !file.includes("/node_modules/") && !OWN.test(file);
      return {
        function: name,
        file,
        line: Number(line),
        source_line: user_code ? sourceLine(file, Number(line)) : "",
        user_code,
      };
    });
  return found.reverse();
}

function sourceLine(file: string, line: number): string {
  try {
    return cut(readFileSync(file, "utf8").split("\n")[line - 1]?.trim() ?? "", 400);
  } catch {
    return ""; // the source is not on this machine
  }
}

/** Cuts the middle out of a text that is too long. */
function cut(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return bytes.toString();
  const keep = limit / 2 - 40;
  const note = `\n... [${bytes.length - 2 * keep} bytes cut here] ...\n`;
  return bytes.toString("utf8", 0, keep) + note + bytes.toString("utf8", bytes.length - keep);
}
