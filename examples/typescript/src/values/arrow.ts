/** Columns as Arrow IPC streams of the profile that proto/instep/v1/value.proto describes. */

import {
  Bool,
  type Data,
  type DataType,
  DataType as Types,
  DateUnit,
  Dictionary,
  Field,
  Float64,
  Int64,
  LargeBinary,
  makeBuilder,
  makeData,
  Precision,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  TimeUnit,
  TimestampMicrosecond,
  Utf8,
  Vector,
} from "apache-arrow";

const FLOATS = { [Precision.HALF]: "float16", [Precision.SINGLE]: "float32", [Precision.DOUBLE]: "float64" };

/** The Arrow type in which a scalar of a logical type is written. */
export const STORED_AS = {
  bool: new Bool(),
  int64: new Int64(),
  float64: new Float64(),
  string: new Utf8(),
  bytes: new LargeBinary(),
  instant: new TimestampMicrosecond("UTC"),
  bigint: new Utf8(),
} satisfies Record<string, DataType>;

/** Gives the logical type that an Arrow type stores by itself. Undefined: none that we know. */
export function logicalOf(type: DataType): string | undefined {
  if (Types.isInt(type)) return `${type.isSigned ? "" : "u"}int${type.bitWidth}`;
  if (Types.isFloat(type)) return FLOATS[type.precision];
  if (Types.isBool(type)) return "bool";
  if (Types.isUtf8(type) || Types.isLargeUtf8(type)) return "string";
  if (Types.isBinary(type) || Types.isLargeBinary(type)) return "bytes";
  if (Types.isDate(type) && type.unit === DateUnit.DAY) return "date";
  if (Types.isTimestamp(type) && type.unit >= TimeUnit.MICROSECOND) return type.timezone ? "instant" : "naive";
  if (Types.isDuration(type) && type.unit === TimeUnit.MICROSECOND) return "duration";
  if (Types.isTime(type) && type.unit === TimeUnit.MICROSECOND) return "time";
  return undefined;
}

/** Says whether a column of an Arrow type can be one of a logical type. */
export function fits(logical: string, type: DataType): boolean {
  const own = logicalOf(type);
  if (logical === "factor") return own === "int32";
  return own === logical || (own === "string" && ["bigint", "decimal", "json"].includes(logical));
}

/** Makes a column of values. Null is a missing one. */
export function columnOf(values: Iterable<unknown>, type: DataType): Vector {
  const builder = makeBuilder({ type, nullValues: [null] });
  for (const value of values) builder.append(value);
  return new Vector([builder.finish().flush()]);
}

/** Brings a column to one chunk of a type that may be written, with zero bytes under what is missing. */
export function canonical(column: Vector, type: DataType = column.type): Vector {
  if (Types.isDictionary(type)) return columnOf(column, (type as Dictionary).dictionary);
  if (Types.isTimestamp(type) && type.unit < TimeUnit.MICROSECOND) {
    // What Arrow makes of Dates has no zone, but a Date is a point in time.
    const factor = type.unit === TimeUnit.SECOND ? 1_000_000n : 1000n;
    const micros = Array.from(stored(column), (time) => (time === null ? null : BigInt(time) * factor));
    return raw(micros, new TimestampMicrosecond(type.timezone ?? "UTC"));
  }
  if (logicalOf(type) === undefined) return column;
  if (Types.isBool(type) || ["string", "bytes"].includes(logicalOf(type) ?? "")) return columnOf(column, type);
  return column.nullCount === 0 ? joined(column, type) : raw(stored(column), type);
}

/** Copies the chunks of a column of fixed width, in which nothing is missing, into one. */
function joined(column: Vector, type: DataType): Vector {
  const data = new type.ArrayType(column.length) as Float64Array;
  let row = 0;
  for (const chunk of column.data) {
    data.set(chunk.values.subarray(0, chunk.length) as Float64Array, row);
    row += chunk.length;
  }
  return new Vector([makeData({ type, length: row, nullCount: 0, data } as never) as Data]);
}

/** Yields the rows of a column of fixed width as they are stored. */
export function* stored(column: Vector): Generator<number | bigint | null> {
  for (const chunk of column.data) {
    const part = new Vector([chunk]);
    for (let row = 0; row < chunk.length; row++) yield part.isValid(row) ? (chunk.values[row] as number) : null;
  }
}

/** Makes a column of fixed width of rows as they are stored. */
export function raw(rows: Iterable<number | bigint | null>, type: DataType): Vector {
  const all = [...rows];
  const values = new type.ArrayType(all.length) as { [row: number]: unknown };
  const nullBitmap = new Uint8Array(Math.ceil(all.length / 8));
  let nullCount = 0;
  all.forEach((value, row) => {
    if (value === null) nullCount++;
    else {
      values[row] = value;
      nullBitmap[row >> 3]! |= 1 << (row & 7);
    }
  });
  const data = { type, length: all.length, nullCount, data: values, ...(nullCount && { nullBitmap }) };
  return new Vector([makeData(data as never) as Data]);
}

/** Writes columns, each of one chunk, as a stream. */
export function write(columns: readonly { name: string; column: Vector }[]): Uint8Array {
  const fields = columns.map(({ name, column }) => new Field(name, column.type, true));
  const schema = new Schema(fields);
  const length = columns[0]?.column.length ?? 0;
  const children = columns.map(({ column }) => column.data[0]!);
  const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }));
  return tableToIPC(new Table(schema, length > 0 ? [batch] : []), "stream");
}

/** Reads the columns of a stream. */
export function read(bytes: Uint8Array): Table {
  return tableFromIPC(bytes);
}
