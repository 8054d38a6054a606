/** A host: tells the orchestrator which functions the program has. Node cannot fork, so workers are started fresh. */

import { readFileSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { sep } from "node:path";
import { programFile, type Steps } from "./attempt";
import { LANGUAGE } from "./failure";
import { encode, frame } from "./messages";
import { digestOf } from "./values/encode";

/** Says what was loaded, and serves until the pipe is closed.
 *
 * @param fd - The pipe to the orchestrator.
 * @param steps - The functions that can be steps.
 */
export function serve(fd: number, steps: Steps): void {
  const functions = Object.keys(steps).sort();
  const code = codeDigest();
  const loaded = {
    language: LANGUAGE,
    file: programFile(),
    pid: process.pid,
    functions,
    runtime: process.versions.node,
    can_fork: false,
    function_codes: functions.map((name) => `${name} ${code}`),
  };
  writeSync(fd, frame(encode("HostEvent", { loaded })));
  const pipe = new Socket({ fd, readable: true });
  pipe
    .on("close", () => process.exit(0))
    .on("error", () => process.exit(0))
    .resume();
}

/** Digests all files that the program has loaded and that are neither ours nor a package's. */
function codeDigest(): string {
  const own = Object.keys(require.cache).filter((file) => {
    return !file.includes(`${sep}node_modules${sep}`) && !file.startsWith(__dirname + sep);
  });
  return digestOf(Buffer.concat(own.sort().map((file) => readFileSync(file)))).hash;
}
