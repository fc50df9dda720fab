import { pipeline } from 'node:stream';

import { CsvError, parse, type Info } from 'csv-parse';

import { JsonArraySplitter } from './json-array';
import { isRefusal, type RawRow, type RowRefusal } from './row';
import { FileBytes, InstrumentFileError, LIMITS, type FileSource } from './source';

/**
 * Where a row stands in the unpacked file: its number from 1, the header not counted, its line (CSV only) and first
 * byte.
 */
export interface Place {
  readonly row: number;
  readonly line?: number;
  readonly byte: number;
}

/** How rows of one kind of file become what they mean. */
export interface JsonFormat<T> {
  readonly name: string;
  readonly parse: (row: RawRow) => T | RowRefusal;
}

export interface CsvFormat<T> extends JsonFormat<T> {
  readonly columns: readonly string[];
  /** What the first line of a file is if the file has this format: its header, or already data. */
  readonly recognise: (firstLine: readonly string[]) => 'header' | 'data' | undefined;
  /** Published without a line break after the last row: that a row has all of its columns must prove that it is whole. */
  readonly endsWithoutNewLine?: true;
}

export interface TableFormats<T> {
  readonly json?: JsonFormat<T>;
  readonly csv: readonly CsvFormat<T>[];
}

/** Rows that were left out for one reason: how many, and the first few. */
export interface RefusedRows {
  readonly reason: string;
  readonly count: number;
  readonly examples: readonly (Place & { readonly detail: string })[];
}

/** What became of a file's rows. `rows` = `loaded` + `refused`; `bytes` is the unpacked size. */
export interface TableSummary {
  readonly format: string;
  readonly bytes: number;
  readonly rows: number;
  readonly loaded: number;
  readonly refused: number;
  readonly refusals: readonly RefusedRows[];
}

/** A CSV format that is recognised by its exact header line. */
export const headedCsv = <T>(name: string, columns: readonly string[], parse: CsvFormat<T>['parse']): CsvFormat<T> => ({
  name,
  columns,
  parse,
  recognise: (first) =>
    first.length === columns.length && columns.every((column, i) => column === first[i]) ? 'header' : undefined,
});

/**
 * Reads a whole file row by row into `accept`, which may still refuse a row (a duplicate). A bad row is counted and
 * left out. @throws InstrumentFileError when the file as a whole cannot be trusted, see there; nothing must be kept
 * then.
 */
export const readTable = async <T extends object>(
  source: FileSource,
  formats: TableFormats<T>,
  accept: (item: T) => RowRefusal | undefined,
): Promise<TableSummary> => {
  const bytes = new FileBytes(source);
  const tally = new Tally();
  const take = ({ parse }: JsonFormat<T>, cells: RawRow | RowRefusal, place: Place): void => {
    const item = isRefusal(cells) ? cells : parse(cells);
    const refusal = isRefusal(item) ? item : accept(item);
    if (refusal === undefined) tally.loaded += 1;
    else tally.refuse(refusal, place);
  };
  let format: string;
  try {
    if (!(await bytes.startLikeJson())) format = await readCsv(bytes, formats.csv, take);
    else if (formats.json !== undefined) format = await readJson(bytes, formats.json, take);
    else throw new InstrumentFileError('JSON where CSV is expected', { byte: 0 });
  } finally {
    bytes.close();
  }
  const { loaded, refused } = tally;
  if (loaded + refused === 0) throw new InstrumentFileError('holds no rows', { byte: bytes.count });
  if (loaded === 0)
    throw new InstrumentFileError(`none of its ${String(refused)} rows can be used: ${tally.mostFrequent()}`);
  return { format, bytes: bytes.count, rows: loaded + refused, loaded, refused, refusals: tally.refusals() };
};

type Take<T> = (format: JsonFormat<T>, cells: RawRow | RowRefusal, place: Place) => void;

const readJson = async <T>(bytes: FileBytes, format: JsonFormat<T>, take: Take<T>): Promise<string> => {
  const splitter = new JsonArraySplitter();
  for await (const piece of bytes) {
    for (const { cells, row, byte } of splitter.push(piece)) take(format, cells, { row, byte });
  }
  splitter.end();
  return format.name;
};

const readCsv = async <T>(bytes: FileBytes, formats: readonly CsvFormat<T>[], take: Take<T>): Promise<string> => {
  const parser = parse({
    info: true,
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LIMITS.rowBytes,
  });
  // A failure on either side destroys the parser with it, and so reaches the loop below.
  pipeline(withoutEndlessLines(bytes), parser, () => undefined);
  let format: CsvFormat<T> | undefined;
  let row = 0;
  let byte = 0;
  let line = 0;
  let cells = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: readonly string[]; info: Info }>) {
      const place = { row: row + 1, line: info.lines, byte };
      byte = info.bytes;
      line = info.lines;
      cells = record.length;
      if (format === undefined) {
        const [found, firstIs] = recognise(record, formats);
        format = found;
        if (firstIs === 'header') continue;
      }
      row += 1;
      if (row > LIMITS.rows) throw new InstrumentFileError(`more than ${String(LIMITS.rows)} rows`, place);
      take(format, named(format.columns, record), place);
    }
  } catch (error) {
    throw error instanceof CsvError ? brokenCsv(error, byte) : error;
  }
  if (format === undefined) throw new InstrumentFileError('is empty', { byte: 0 });
  const mayEndHere = format.endsWithoutNewLine === true && cells === format.columns.length;
  if (!bytes.endWithNewLine() && !mayEndHere)
    throw new InstrumentFileError('the last line is cut off', { line, byte: bytes.count });
  return format.name;
};

/**
 * The parser limits the text of a record, but not the number of empty cells in it: a line of commas would grow for
 * ever.
 */
async function* withoutEndlessLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let line = 1;
  let lineAt = 0;
  let pieceAt = 0;
  for await (const piece of bytes) {
    for (let end = piece.indexOf(NEW_LINE); end !== -1; end = piece.indexOf(NEW_LINE, end + 1)) {
      if (pieceAt + end - lineAt > LIMITS.rowBytes) throw endless(line, lineAt);
      line += 1;
      lineAt = pieceAt + end + 1;
    }
    pieceAt += piece.length;
    if (pieceAt - lineAt > LIMITS.rowBytes) throw endless(line, lineAt);
    yield piece;
  }
}

const NEW_LINE = 0x0a;

const endless = (line: number, byte: number): InstrumentFileError =>
  new InstrumentFileError(`a row is longer than ${String(LIMITS.rowBytes)} bytes`, { line, byte });

const brokenCsv = (error: CsvError, byte: number): InstrumentFileError => {
  const line = error['lines'];
  const problem =
    error.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'the file is cut off inside a quoted field'
      : error.code === 'CSV_MAX_RECORD_SIZE'
        ? `a row is longer than ${String(LIMITS.rowBytes)} bytes`
        : `not CSV: ${error.message}`;
  return new InstrumentFileError(problem, { ...(typeof line === 'number' && { line }), byte }, { cause: error });
};

const recognise = <T>(
  first: readonly string[],
  formats: readonly CsvFormat<T>[],
): [CsvFormat<T>, 'header' | 'data'] => {
  for (const format of formats) {
    const firstIs = format.recognise(first);
    if (firstIs !== undefined) return [format, firstIs];
  }
  throw new InstrumentFileError(unrecognised(first, formats), { line: 1, byte: 0 });
};

/**
 * Says what is wrong with a header that is nearly one we know: a broker that changes its columns is a matter for a
 * person.
 */
const unrecognised = (first: readonly string[], formats: readonly CsvFormat<unknown>[]): string => {
  const [nearest] = formats
    .map(({ name, columns }) => ({
      name,
      columns,
      shared: columns.filter((column) => first.includes(column)).length / columns.length,
      inPlace: columns.filter((column, i) => column === first[i]).length,
    }))
    .sort((a, b) => b.shared - a.shared || b.inPlace - a.inPlace);
  if (nearest === undefined || nearest.shared <= 0.5)
    return `not a file we know: its first line begins with ${quoted(first.slice(0, 3).join(','))}`;
  const { name, columns } = nearest;
  const at = [...columns, undefined].findIndex((column, i) => column !== first[i]);
  const [expected, actual] = [columns[at] ?? 'no further column', first[at] ?? 'nothing'];
  return `looks like ${name}, but column ${String(at + 1)} is ${quoted(actual)} where ${quoted(expected)} is expected`;
};

const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));

const named = (columns: readonly string[], cells: readonly string[]): RawRow | RowRefusal =>
  cells.length === columns.length
    ? Object.fromEntries(columns.map((column, i) => [column, cells[i]]))
    : {
        reason: 'wrong number of columns',
        detail: `${String(cells.length)} where ${String(columns.length)} are expected`,
      };

const MAX_EXAMPLES = 3;

/** Counts what became of rows. */
export class Tally {
  loaded = 0;
  refused = 0;
  private readonly byReason = new Map<string, { count: number; examples: (Place & { detail: string })[] }>();

  refuse({ reason, detail }: RowRefusal, place: Place): void {
    this.refused += 1;
    const seen = this.byReason.get(reason) ?? { count: 0, examples: [] };
    seen.count += 1;
    if (seen.examples.length < MAX_EXAMPLES) seen.examples.push({ ...place, detail });
    this.byReason.set(reason, seen);
  }

  /** Most frequent first. */
  refusals(): RefusedRows[] {
    return [...this.byReason].map(([reason, seen]) => ({ reason, ...seen })).sort((a, b) => b.count - a.count);
  }

  mostFrequent(): string {
    return this.refusals()[0]?.reason ?? 'no reason';
  }
}
