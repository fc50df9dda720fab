import type { CustomTypesConfig, QueryArrayConfig, QueryConfig } from 'pg';
import { getMetadataArgsStorage } from 'typeorm';
import { CopyBuffer, DoesNotFit } from './copy-buffer';
import type { CopyIn } from './copy-in';

/**
 * Moves rows of an entity in and out of its table by the hundred: one statement, one array per column (`unnest`).
 * Columns and their types are those of the TypeORM entity. Statements are prepared once per connection.
 */
export class BulkTable<Row extends object> {
  private readonly columns: readonly BulkColumn[];
  private readonly keys: readonly BulkColumn[];
  private readonly table: string;
  private readonly insertText: string;

  constructor(
    private readonly entity: new () => Row,
    schema: string,
  ) {
    const storage = getMetadataArgsStorage();
    this.table = `${schema}.${storage.filterTables(entity)[0]?.name ?? entity.name}`;
    this.columns = storage.filterColumns(entity).map(({ propertyName, options }) => ({
      property: propertyName,
      name: options.name ?? propertyName,
      key: options.primary === true,
      fixed: options.update === false,
      ...kindOf(options.type),
    }));
    this.keys = this.columns.filter(({ key }) => key);
    const names = this.columns.map(({ name }) => name).join(', ');
    const stored = this.columns.map(({ name, stored }) => stored(name)).join(', ');
    const arrays = this.columns.map(({ sent }, index) => `$${String(index + 1)}::${sent}[]`).join(', ');
    this.insertText = `insert into ${this.table} (${names}) select ${stored} from unnest(${arrays}) as row (${names})`;
  }

  /** Stores rows; one that is there already stays as it is. */
  insert(rows: readonly Row[]): QueryConfig {
    return this.write('insert', `${this.insertText} on conflict do nothing`, rows);
  }

  /**
   * Stores rows that are not there yet, at less than half of what `insert` costs. One that is there fails them all.
   * @throws DoesNotFit
   */
  copy(rows: readonly Row[]): CopyIn {
    const buffer = new CopyBuffer();
    for (const row of rows) {
      buffer.row(this.columns.length);
      for (const { property, copy } of this.columns) {
        const value: unknown = Reflect.get(row, property);
        if (value === null || value === undefined) buffer.null();
        else copy(buffer, value);
      }
    }
    const names = this.columns.map(({ name }) => name).join(', ');
    return { text: `copy ${this.table} (${names}) from stdin (format binary)`, data: buffer.end() };
  }

  /** Stores rows in place of those with the same key. A key may occur once. */
  upsert(rows: readonly Row[]): QueryConfig {
    const changed = this.columns
      .filter(({ key, fixed }) => !key && !fixed)
      .map(({ name }) => `${name} = excluded.${name}`);
    const key = this.keys.map(({ name }) => name).join(', ');
    return this.write('upsert', `${this.insertText} on conflict (${key}) do update set ${changed.join(', ')}`, rows);
  }

  /** Removes the rows with these keys. */
  delete(keys: readonly Partial<Row>[]): QueryConfig {
    const names = this.keys.map(({ name }) => name).join(', ');
    const arrays = this.keys.map(({ sent }, index) => `$${String(index + 1)}::${sent}[]`).join(', ');
    return {
      name: `${this.table} delete`,
      text: `delete from ${this.table} where (${names}) in (select * from unnest(${arrays}))`,
      values: this.keys.map((column) => column.encode(valuesOf(keys, column))),
    };
  }

  /** Rows by the value of one column; read the answer's rows with `row`. */
  select(property: keyof Row & string, values: readonly (string | number)[]): QueryArrayConfig {
    const column = this.columns.find((known) => known.property === property);
    if (column === undefined) throw new Error(`${this.table} has no column for ${property}`);
    const loaded = this.columns.map(({ name, loaded }) => loaded(name)).join(', ');
    return {
      name: `${this.table} by ${column.name}`,
      text: `select ${loaded} from ${this.table} where ${column.name} = any($1::${column.sent}[])`,
      values: [column.encode(values)],
      rowMode: 'array',
      types: RAW_TEXT,
    };
  }

  /** Rows by their whole key, whatever it is made of; read the answer's rows with `row`. */
  selectByKey(keys: readonly Partial<Row>[]): QueryArrayConfig {
    const loaded = this.columns.map(({ name, loaded }) => loaded(name)).join(', ');
    const names = this.keys.map(({ name }) => name).join(', ');
    const arrays = this.keys.map(({ sent }, index) => `$${String(index + 1)}::${sent}[]`).join(', ');
    return {
      name: `${this.table} by key`,
      text: `select ${loaded} from ${this.table} where (${names}) in (select * from unnest(${arrays}))`,
      values: this.keys.map((column) => column.encode(valuesOf(keys, column))),
      rowMode: 'array',
      types: RAW_TEXT,
    };
  }

  row(values: readonly unknown[]): Row {
    const fields: Record<string, unknown> = {};
    this.columns.forEach(({ property, decode }, index) => {
      const value = values[index];
      fields[property] = typeof value === 'string' ? decode(value) : null;
    });
    return Object.assign(new this.entity(), fields);
  }

  private write(verb: string, text: string, rows: readonly Row[]): QueryConfig {
    return {
      name: `${this.table} ${verb}`,
      text,
      values: this.columns.map((column) => column.encode(valuesOf(rows, column))),
    };
  }
}

interface BulkColumn extends Kind {
  readonly property: string;
  readonly name: string;
  readonly key: boolean;
  /** Of a row that is there already it stays as it is. */
  readonly fixed: boolean;
}

/** How the values of a column travel. */
interface Kind {
  /** Element type of the array that is sent. */
  readonly sent: string;
  /** SQL that makes the column's value of what was sent, and back. */
  readonly stored: (name: string) => string;
  readonly loaded: (name: string) => string;
  readonly encode: (values: readonly unknown[]) => string | Buffer;
  readonly copy: (buffer: CopyBuffer, value: unknown) => void;
  readonly decode: (text: string) => unknown;
}

/** Every column as the server's text: what it means is decided here. */
const RAW_TEXT: CustomTypesConfig = { getTypeParser: () => (text: unknown) => text };

const valuesOf = (rows: readonly object[], { property }: BulkColumn): unknown[] =>
  rows.map((row) => Reflect.get(row, property) as unknown);

/** An array as text, for values that need no quoting: numbers, booleans, UUIDs. */
const plainArray = (values: readonly unknown[]): string => {
  let text = '{';
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (index > 0) text += ',';
    text +=
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'NULL';
  }
  return `${text}}`;
};

const TEXT_OID = 25;
const NULL_LENGTH = -1;

/**
 * An array of text in Postgres' binary form: dimensions, null flag, element type, length, lower bound, then each
 * element behind its size in bytes. Nothing is quoted on this side and unquoted on the other, which for JSON text would
 * cost more than the insert, and no text can be mistaken for anything else. Never empty: that has another header.
 */
const textArray = (values: readonly unknown[]): Buffer => {
  let bytes = 20;
  for (const value of values) bytes += 4 + (typeof value === 'string' ? Buffer.byteLength(value) : 0);
  const buffer = Buffer.allocUnsafe(bytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(TEXT_OID, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  let at = 20;
  for (const value of values) {
    const size = typeof value === 'string' ? buffer.write(value, at + 4) : NULL_LENGTH;
    buffer.writeInt32BE(size, at);
    at += 4 + Math.max(0, size);
  }
  return buffer;
};

const asIs = (name: string): string => name;
const text = (text: string): string => text;

type Copy = Kind['copy'];

const misfit = (value: unknown): DoesNotFit => new DoesNotFit(`a ${typeof value} does not belong into this column`);

const copyString =
  (write: (buffer: CopyBuffer, value: string) => void): Copy =>
  (buffer, value) => {
    if (typeof value !== 'string') throw misfit(value);
    write(buffer, value);
  };

const copyNumber =
  (write: (buffer: CopyBuffer, value: number) => void): Copy =>
  (buffer, value) => {
    if (typeof value !== 'number') throw misfit(value);
    write(buffer, value);
  };

const copyBoolean: Copy = (buffer, value) => {
  if (typeof value !== 'boolean') throw misfit(value);
  buffer.boolean(value);
};

const copyText = copyString((buffer, value) => {
  buffer.text(value);
});

const KINDS: Readonly<Record<string, Kind>> = {
  uuid: {
    sent: 'uuid',
    stored: asIs,
    loaded: asIs,
    encode: plainArray,
    decode: text,
    copy: copyString((buffer, value) => {
      buffer.uuid(value);
    }),
  },
  text: { sent: 'text', stored: asIs, loaded: asIs, encode: textArray, decode: text, copy: copyText },
  json: {
    sent: 'text',
    stored: (name) => `${name}::json`,
    loaded: asIs,
    encode: textArray,
    decode: text,
    copy: copyText,
  },
  integer: {
    sent: 'bigint',
    stored: asIs,
    loaded: asIs,
    encode: plainArray,
    decode: Number,
    copy: copyNumber((buffer, value) => {
      buffer.int4(value);
    }),
  },
  bigint: {
    sent: 'bigint',
    stored: asIs,
    loaded: asIs,
    encode: plainArray,
    decode: Number,
    copy: copyNumber((buffer, value) => {
      buffer.int8(value);
    }),
  },
  boolean: {
    sent: 'boolean',
    stored: asIs,
    loaded: asIs,
    encode: plainArray,
    decode: (text) => text === 't',
    copy: copyBoolean,
  },
  // An integer of 1/10,000 rupee. Multiplied, not divided: exact, at scale 4, and cheaper.
  numeric: {
    sent: 'bigint',
    stored: (name) => `${name} * 0.0001`,
    loaded: (name) => `(${name} * 10000)::bigint`,
    encode: plainArray,
    decode: Number,
    copy: copyNumber((buffer, value) => {
      buffer.numericE4(value);
    }),
  },
  // `YYYY-MM-DD`, whatever style the session writes dates in.
  date: {
    sent: 'text',
    stored: (name) => `${name}::date`,
    loaded: (name) => `to_char(${name}, 'YYYY-MM-DD')`,
    encode: textArray,
    decode: text,
    copy: copyString((buffer, value) => {
      buffer.date(value);
    }),
  },
  // Epoch milliseconds. Seconds and the rest apart: their quotient as a double would not be exact for far dates.
  timestamptz: {
    sent: 'bigint',
    stored: (name) => `to_timestamp(${name} / 1000) + ${name} % 1000 * interval '1 millisecond'`,
    loaded: (name) => `(extract(epoch from ${name}) * 1000)::bigint`,
    encode: plainArray,
    decode: Number,
    copy: copyNumber((buffer, value) => {
      buffer.instant(value);
    }),
  },
};

const kindOf = (type: unknown): Kind => {
  const kind = typeof type === 'string' && Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined) throw new Error(`columns of type ${String(type)} do not move in bulk`);
  return kind;
};
