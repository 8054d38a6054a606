/** Reads stored values. */

import { DataType, Table, Timestamp, Vector } from "apache-arrow";
import { decode as parse, type Digest, type KeyValue } from "../messages";
import { StoreError } from "../store";
import { canonical, columnOf, fits, read, STORED_AS, stored } from "./arrow";
import {
  type Column,
  Foreign,
  type Loss,
  type Manifest,
  type Node,
  step,
  ValueError,
  type VectorNode,
} from "./manifest";

/** Gives the bytes of a blob. */
export type Fetch = (digest: Digest) => Uint8Array;

const MAX_DEPTH = 256;
const MAX_NODES = 1_000_000;

/** Reads the value of a manifest.
 *
 * @param name - The artifact, for messages.
 * @param bytes - The manifest.
 * @param fetch - Gives its blobs.
 * @param losses - Takes what JavaScript has no place for.
 * @throws ValueError when it is damaged, or holds what this library does not read.
 */
export function decodeValue(name: string, bytes: Uint8Array, fetch: Fetch, losses: Loss[] = []): unknown {
  return new Decoder(name, `self${step(name)}`, bytes, fetch, losses, { nodes: 0 }).node(0, -1, 0);
}

class Decoder {
  private readonly manifest: Manifest;
  private readonly streams = new Map<number, { table: Table; taken: number }>();

  constructor(
    private readonly name: string,
    private path: string,
    bytes: Uint8Array,
    private readonly fetch: Fetch,
    private readonly losses: Loss[],
    private readonly count: { nodes: number },
  ) {
    try {
      this.manifest = parse<Manifest>("Manifest", bytes);
    } catch {
      this.refuse(`${bytes.length} bytes are not a manifest`);
    }
    if (this.manifest.format !== 1) this.refuse(`it has format ${this.manifest.format}, and only format 1 is known`);
  }

  node(index: number, parent: number, depth: number): unknown {
    const node = this.manifest.nodes[index];
    if (node === undefined || index <= parent) this.refuse(`node ${parent} names node ${index}, which cannot be`);
    if (depth >= MAX_DEPTH || ++this.count.nodes > MAX_NODES) this.refuse("it is too large or nested too deep");
    if (node.origin === "r") this.note(node.attrs);
    const child = (key: string | number, at: number) => this.at(key, () => this.node(at, index, depth + 1));
    if (node.null) return null;
    if (node.vector) return this.vector(node.vector);
    if (node.table) return this.table(node.table, index);
    if (node.seq) return node.seq.values.map((at, position) => child(position, at));
    if (node.record) return this.record(node.record, child);
    if (node.pairs) return this.pairs(node.pairs, child);
    if (node.opaque) return this.foreign(node.opaque);
    if (node.shared) {
      const inner = new Decoder(this.name, this.path, this.fetch(node.shared), this.fetch, this.losses, this.count);
      return inner.node(0, -1, depth);
    }
    return this.refuse(
      `it is ${
        node.array ? "an array with dimensions" : node.sparse ? "a sparse matrix" : "of a kind"
      } that TypeScript does not read. Store a data frame, a list or a vector instead`,
    );
  }

  private record(record: NonNullable<Node["record"]>, child: (key: string, at: number) => unknown): object {
    const result: Record<string, unknown> = {};
    record.names.forEach(({ text }, position) => {
      if (text === undefined || Object.hasOwn(result, text)) {
        this.refuse(
          `it has a name that is ${text === undefined ? "missing" : `doubled, '${text}'`}, which an object cannot have`,
        );
      }
      const value = child(text, record.values[position]!);
      Object.defineProperty(result, text, { value, enumerable: true, writable: true, configurable: true });
    });
    return result;
  }

  private pairs(pairs: NonNullable<Node["pairs"]>, child: (key: number, at: number) => unknown): Map<unknown, unknown> {
    return new Map(pairs.keys.map((at, position) => [child(position, at), child(position, pairs.values[position]!)]));
  }

  private foreign(node: NonNullable<Node["opaque"]>): Foreign {
    const parts = [node.body, ...node.buffers].map(
      (part) => this.manifest.parts[part] ?? this.refuse("a part is missing"),
    );
    return new Foreign(node.language, node.classes, node.preview, node, parts);
  }

  private vector(vector: VectorNode): unknown {
    if (vector.names !== undefined) {
      this.refuse(
        "it has names, which a vector in TypeScript has not. Store it as a list with names instead: in R as.list(x)",
      );
    }
    const column = this.column(vector);
    const values = this.values(column, vector);
    if (vector.shape === "SHAPE_VECTOR") return values;
    if (values.length !== 1) this.refuse(`it is a scalar of ${values.length} values`);
    if (values[0] === null) this.lose("NA_SCALAR", `a missing ${vector.logical} is read as null, which has no type.`);
    return values[0];
  }

  /** Gives the rows of a vector, and takes them: rows are not shared. */
  private column(vector: VectorNode): Vector {
    const column = this.stream(vector.part, vector.count).getChildAt(0);
    if (column === null || vector.start < 0 || vector.start + vector.count > column.length) {
      this.refuse(`part ${vector.part} does not have its rows`);
    }
    return column.slice(vector.start, vector.start + vector.count);
  }

  private values(column: Vector, { logical, levels, params }: VectorNode): unknown[] {
    if (!fits(logical, column.type)) this.refuse(`it is of type ${logical}, stored as ${column.type}`);
    switch (logical) {
      case "int64":
      case "uint64": {
        const whole = [...stored(column)] as (bigint | null)[];
        const isSafe = whole.every((value) => value === null || Number.isSafeInteger(Number(value)));
        return isSafe ? whole.map((value) => (value === null ? null : Number(value))) : whole;
      }
      case "bigint":
        return Array.from(column as Iterable<string | null>, (digits) => (digits === null ? null : BigInt(digits)));
      case "instant":
        if (param(params, "tz")) this.lose("ZONE", "a Date has no time zone.");
        return Array.from(column as Iterable<number | null>, (ms) => this.date(ms));
      case "factor":
        return this.factor(column, levels);
      case "date":
      case "naive":
      case "duration":
      case "time":
      case "decimal":
      case "json":
        return this.refuse(`it is of type ${logical}, which TypeScript has not. Store text or an instant instead`);
      default:
        return [...column];
    }
  }

  private date(ms: number | null): Date | null {
    if (ms !== null && !Number.isInteger(ms)) this.lose("MICROSECONDS", "a time is cut to milliseconds.");
    return ms === null ? null : new Date(Math.floor(ms));
  }

  private factor(column: Vector, levels: number | undefined): (string | null)[] {
    this.lose("FACTOR", "a factor is read as text, without its levels.");
    const node = levels === undefined ? undefined : this.manifest.nodes[levels]?.vector;
    const names = node?.logical === "string" ? [...this.column(node)] : this.refuse("its levels are not text");
    return Array.from(stored(column), (code) =>
      code === null ? null : (names[Number(code)] ?? this.refuse("a code has no level")),
    );
  }

  private table(table: NonNullable<Node["table"]>, parent: number): Table {
    const found = this.stream(table.part, table.rows);
    if (found.numCols !== table.columns.length) this.refuse("its columns are not those of its part");
    const columns: Record<string, Vector> = {};
    table.columns.forEach((column, position) => {
      if (column.index) return this.lose("INDEX", "the names of rows are not read.");
      const label = column.label ?? this.refuse("a column has no label");
      if (Object.hasOwn(columns, label)) this.refuse(`two columns are labelled '${label}'`);
      columns[label] = this.at(label, () => this.tableColumn(found.getChildAt(position)!, column, parent));
    });
    return new Table(columns);
  }

  private tableColumn(stored: Vector, column: Column, parent: number): Vector {
    this.note(column.attrs);
    if (!fits(column.logical, stored.type)) {
      this.refuse(
        `it is a column of type ${column.logical}, which TypeScript does not read. Leave it out, or make it text`,
      );
    }
    if (column.logical === "factor") {
      if ((column.levels ?? 0) <= parent) this.refuse("its levels are missing");
      return columnOf(this.factor(stored, column.levels), STORED_AS.string);
    }
    if (DataType.isTimestamp(stored.type) && stored.type.timezone) {
      return canonical(stored, new Timestamp(stored.type.unit, param(column.params, "tz") ?? "UTC"));
    }
    return canonical(stored);
  }

  private stream(part: number, rows: number): Table {
    let known = this.streams.get(part);
    if (known === undefined) {
      try {
        known = { table: read(this.bytes(part)), taken: 0 };
      } catch (error) {
        if (error instanceof ValueError || error instanceof StoreError) throw error;
        this.refuse(`part ${part} is not an Arrow stream: ${(error as Error).message}`);
      }
      this.streams.set(part, known);
    }
    known.taken += rows;
    if (rows < 0 || (known.table.numCols > 0 && known.taken > known.table.numRows))
      this.refuse(`part ${part} does not have its rows`);
    return known.table;
  }

  private bytes(index: number): Uint8Array {
    const part = this.manifest.parts[index] ?? this.refuse(`part ${index} does not exist`);
    const whole = part.blob ? this.fetch(part.blob) : (part.inline ?? this.refuse(`part ${index} has no bytes`));
    if (part.offset < 0 || part.length < 0 || part.offset + part.length > whole.length)
      this.refuse(`part ${index} is not inside of its blob`);
    return whole.subarray(part.offset, part.offset + part.length);
  }

  private at<Result>(key: string | number, inside: () => Result): Result {
    const before = this.path;
    this.path += step(key);
    const result = inside();
    this.path = before;
    return result;
  }

  private note(attrs: readonly { name: string }[]): void {
    const lost = attrs
      .map(({ name }) => name)
      .filter((name) => !/^(r|python|numpy|pandas|polars|pyarrow)\./.test(name));
    if (lost.length > 0)
      this.lose("R_ATTRIBUTES", `TypeScript has no place for the attributes ${lost.sort().join(", ")}.`);
  }

  private lose(rule: string, message: string): void {
    if (!this.losses.some((loss) => loss.rule === rule)) this.losses.push({ rule, path: this.path, message });
  }

  private refuse(problem: string): never {
    const message = `Can't read the artifact '${this.name}': at ${this.path}, ${problem}.`;
    throw new ValueError(message, "FAILURE_KIND_INPUT_DECODE", this.name);
  }
}

function param(params: readonly KeyValue[], key: string): string | undefined {
  return params.find((entry) => entry.key === key)?.value;
}
