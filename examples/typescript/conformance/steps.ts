#!/usr/bin/env -S node --enable-source-maps
/** The conformance flow in TypeScript: see proto/conformance/src/instep_conformance/flow.py. */

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { current, host, type Inputs, type Self } from "..";

host({
  nothing() {},

  echo(self: Self) {
    self.copy = self.value;
  },

  add(self: Self<{ a: number; b: number; total: number }>) {
    self.total = self.a + self.b;
  },

  tell(self: Self<{ told: string[] }>) {
    const { flow, step, runId, taskId, attempt } = current();
    self.told = [flow, step, runId, taskId, String(attempt)];
  },

  big(self: Self<{ count: number; numbers: Float64Array }>) {
    self.numbers = Float64Array.from({ length: self.count }, (_, position) => position);
  },

  total(self: Self<{ numbers: number[]; total: number }>) {
    self.total = self.numbers.reduce((sum, number) => sum + number, 0);
  },

  fail(self: Self<{ message: string; times: number; before: number }>) {
    self.before = 1;
    throw new Error(self.message.repeat(self.times));
  },

  fail_deep(self: Self<{ depth: number }>) {
    let error: Error | undefined;
    for (let level = self.depth; level >= 0; level--) error = new Error(`level ${level}`, { cause: error });
    throw error;
  },

  write(self: Self<{ text: string; error: string; times: number }>) {
    for (let time = 0; time < self.times; time++) {
      process.stdout.write(self.text);
      process.stderr.write(self.error);
    }
  },

  async wait(self: Self<{ until: string; done: boolean }>) {
    console.log("waiting");
    while (!existsSync(self.until)) await sleep(20, undefined, { signal: current().signal });
    console.log("woke");
    self.done = true;
  },

  split(self: Self<{ items: number[] }>) {
    self.items = [10, 20, 30];
  },

  item(self: Self<{ seen: number }>) {
    self.seen = self.input;
  },

  choose(self: Self<{ value: string; way: string }>) {
    self.way = self.value;
  },

  join(self: Self<{ total: number }>, inputs: Inputs<{ x: number }>) {
    self.total = inputs.reduce((sum, input) => sum + input.x, 0);
  },

  overwrite(self: Self<{ value: number }>) {
    self.value = 2;
  },

  environment(self: Self<{ seen: string }>) {
    const variables = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    self.seen = [...variables, ...process.execArgv, ...process.argv].join("\n");
  },

  quit() {
    process.exit(3);
  },
});
