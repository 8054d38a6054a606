/**
 * Steps of Instep flows in TypeScript. A program offers functions with `host()`, a flow in Python or R names one with
 * `program_function()`, and the orchestrator runs the program: see README.md.
 */

import type { Steps } from "./attempt";

export { Table, tableFromArrays, vectorFromArray } from "apache-arrow";
export { type Current, current, type Steps } from "./attempt";
export { type Inputs, mergeArtifacts, type Self } from "./self";
export { Foreign, ValueError } from "./values/manifest";

const EXIT_USAGE = 64;

/** Offers functions as steps. Call it once, when everything is loaded.
 *
 * @param steps - The functions by name. Each takes `self`, and in a join `inputs`; it may be async.
 */
export function host(steps: Steps): void {
  const { INSTEP_HOST_FD: hostFd, INSTEP_BOOTSTRAP_FD: workerFd } = process.env;
  delete process.env.INSTEP_HOST_FD; // they are for this process, not for those that it starts
  delete process.env.INSTEP_BOOTSTRAP_FD;
  if (hostFd !== undefined) {
    import("./host").then(({ serve }) => serve(Number(hostFd), steps));
  } else if (workerFd !== undefined) {
    import("./worker").then(({ work }) => work(Number(workerFd), steps));
  } else {
    const names = Object.keys(steps).join(", ");
    process.stderr.write(
      `This program holds steps of flows: ${names}. Instep runs it for a flow that names one of them:\n`,
    );
    process.stderr.write(
      `  program_function(${JSON.stringify(process.argv[1])}, ${JSON.stringify(Object.keys(steps)[0])})\n`,
    );
    process.exitCode = EXIT_USAGE;
  }
}
