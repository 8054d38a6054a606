#!/usr/bin/env -S node --enable-source-maps
/** Steps in TypeScript. `npm run build` in examples/typescript makes draw.js of it, which the flows name. */

import { host, type Self, type Table } from "../typescript";

interface Names {
  points: Table; // columns plant, day and height: Python's or R's data frame
  lines: Table; // columns plant, intercept and slope: R's data frame
  drawing: string;
  fastest: string;
}

interface Point {
  plant: string;
  day: number;
  height: number | null;
}

interface Line {
  plant: string;
  intercept: number;
  slope: number;
}

const COLORS = ["seagreen", "peru", "slateblue"];

function draw(self: Self<Names>): void {
  const lines = self.lines.toArray() as Line[];
  const points = (self.points.toArray() as Point[]).filter(({ height }) => height !== null);
  console.log(`TypeScript draws ${lines.length} lines through ${points.length} points`);

  const colors = new Map(lines.map(({ plant }, position) => [plant, COLORS[position % COLORS.length]]));
  const days = points.map(({ day }) => Number(day));
  const [first, last] = [Math.min(...days), Math.max(...days)];
  const x = (day: number | bigint) => 40 + 80 * (Number(day) - first);
  const y = (height: number) => 200 - 25 * height;
  const shapes = [
    ...lines.map(({ plant, intercept, slope }) => {
      const at = (day: number) => y(intercept + slope * day);
      return `<line x1="${x(first)}" y1="${at(first)}" x2="${x(last)}" y2="${at(last)}" stroke="${colors.get(plant)}"/>`;
    }),
    ...points.map(({ plant, day, height }) => {
      return `<circle cx="${x(day)}" cy="${y(height!)}" r="4" fill="${colors.get(plant)}"/>`;
    }),
  ];
  self.drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 220">\n${shapes.join("\n")}\n</svg>\n`;
  self.fastest = lines.reduce((best, line) => (line.slope > best.slope ? line : best)).plant;
}

host({ draw });
