import { basename } from 'node:path';
import { Readable } from 'node:stream';

import { FileBytes, InstrumentFileError, type FileSource } from '../source';
import { readTable, type TableFormats, type TableSummary } from '../table';
import { agree, dateIn, firstDayOf, type PrintedDate } from './dates';
import { csvFormats } from './formats';
import { holidayJson, holidayRows } from './holidays';
import { intradayJson } from './margin-formats';
import type { HeaderDate } from './printed-csv';
import { keyOf, slotOf, type ReferenceKind, type ReferenceRow } from './rows';
import { readSpan, type SpanFile } from './span';
import { isZip, unzip, ZIP_LIMITS, type ZipEntry } from './zip';

/** A file with the name it was published under, which may be all that says of which day it is. */
export interface ReferenceFile {
  readonly name: string;
  readonly source: FileSource;
}

/** What a file says, before it is known which instruments it speaks of. */
export interface ReferencePart {
  readonly kind: ReferenceKind;
  /** A later part of one slot takes the place of an earlier one. */
  readonly slot: string;
  readonly file: string;
  /** The day the file is of: printed in it, else in its name, else the day it is loaded for. */
  readonly effectiveFrom: string;
  readonly dateFrom: 'content' | 'name' | 'given';
  readonly rows: ReadonlyMap<string, ReferenceRow>;
  readonly span?: SpanFile;
  readonly table: TableSummary;
}

/** Larger than any table of a day: the bhavcopy of derivatives is 8 MB. SPAN files are larger and read as a stream. */
const MAX_TABLE_BYTES = ZIP_LIMITS.unpackedBytes;

/**
 * Reads one file, plain, gzipped or zipped; what it is is recognised by its content. @throws InstrumentFileError, with the file's
 * name, when it is damaged, of two days, of a later day than it is loaded for, or of another day than its name says.
 */
export const readReferenceFile = async (
  { name, source }: ReferenceFile,
  { effectiveFrom }: { effectiveFrom: string },
): Promise<ReferencePart> => {
  const file = basename(name);
  const bytes = new FileBytes(source);
  try {
    const pieces = bytes[Symbol.asyncIterator]();
    const head = await headOf(pieces);
    const found = isXml(head)
      ? await readRiskFile(joined(head, pieces), bytes)
      : await readContent(await collect(joined(head, pieces)), file);
    return { ...found.part, file, ...dayOf(file, found.printed, effectiveFrom) };
  } catch (error) {
    if (!(error instanceof InstrumentFileError)) throw error;
    throw new InstrumentFileError(`${file}: ${error.problem}`, error.at, { cause: error });
  } finally {
    bytes.close();
  }
};

interface Found {
  readonly part: Omit<ReferencePart, 'file' | 'effectiveFrom' | 'dateFrom'>;
  readonly printed?: PrintedDate | undefined;
}

const readRiskFile = async (pieces: AsyncIterable<Buffer>, bytes: FileBytes): Promise<Found> => {
  const { span, summary } = await readSpan(pieces);
  return {
    part: { kind: 'span', slot: 'span', rows: new Map(), span, table: { ...summary, bytes: bytes.count } },
    printed: span.asOf,
  };
};

const readContent = async (content: Buffer, file: string): Promise<Found> => {
  if (isZip(content)) return readZip(content);
  if (firstCharacter(content) === '{') return readRows(holidayRows(content), { json: holidayJson, csv: [] });
  const seen: HeaderDate = {};
  const found = await readRows(content, { json: intradayJson, csv: csvFormats(seen) });
  return { ...found, printed: finer(found.printed, seen.printed, file) };
};

/** Exchanges zip a table alone, or several together with reports for people: the tables we know are read, as one. */
const readZip = async (archive: Buffer): Promise<Found> => {
  const entries = unzip(archive).filter(({ name }) => /\.(csv|json)$/i.test(name));
  const known = entries.filter(isKnownTable);
  // None is known: the largest says best what is wrong.
  const largest = [...entries].sort((a, b) => b.content.length - a.content.length).slice(0, 1);
  const read = known.length > 0 ? known : largest;
  if (read.length === 0) throw new InstrumentFileError('the zip holds no table');
  const found: Found[] = [];
  for (const { name, content } of read) {
    const one = await readContent(content, name).catch((error: unknown) => {
      if (!(error instanceof InstrumentFileError)) throw error;
      throw new InstrumentFileError(`${name}: ${error.problem}`, error.at, { cause: error });
    });
    found.push({ ...one, printed: finer(one.printed, dateIn(basename(name)), name) });
  }
  return found.reduce(together);
};

const isKnownTable = ({ content }: ZipEntry): boolean => {
  const end = content.indexOf('\n');
  const cells = content
    .toString('utf8', 0, end === -1 ? content.length : end)
    .trim()
    .split(',');
  return csvFormats({}).some(({ recognise }) => recognise(cells) !== undefined);
};

const together = (a: Found, b: Found): Found => {
  if (a.part.slot !== b.part.slot)
    throw new InstrumentFileError(`holds tables of two kinds: ${a.part.slot} and ${b.part.slot}`);
  if (a.printed !== undefined && b.printed !== undefined && !agree(a.printed, b.printed))
    throw new InstrumentFileError(`holds tables of two days: ${a.printed} and ${b.printed}`);
  const [rows, table] = [new Map([...a.part.rows, ...b.part.rows]), b.part.table];
  if (rows.size < a.part.rows.size + b.part.rows.size)
    throw new InstrumentFileError('holds tables that speak of the same things');
  return {
    part: {
      ...a.part,
      rows,
      table: {
        format: `${a.part.table.format}, ${table.format}`,
        bytes: a.part.table.bytes + table.bytes,
        rows: a.part.table.rows + table.rows,
        loaded: a.part.table.loaded + table.loaded,
        refused: a.part.table.refused + table.refused,
        refusals: [...a.part.table.refusals, ...table.refusals],
      },
    },
    printed: a.printed ?? b.printed,
  };
};

const readRows = async (content: Buffer, formats: TableFormats<ReferenceRow>): Promise<Found> => {
  const rows = new Map<string, ReferenceRow>();
  let first: ReferenceRow | undefined;
  let printed: string | undefined;
  const table = await readTable<ReferenceRow>(Readable.from([content]), formats, (row) => {
    const key = keyOf(row);
    if (rows.has(key)) return { reason: 'stands in an earlier row', detail: key };
    first ??= row;
    if (slotOf(row) !== slotOf(first))
      throw new InstrumentFileError(`holds rows of two kinds: ${slotOf(first)} and ${slotOf(row)}`);
    const date = 'date' in row ? row.date : undefined;
    if (date !== undefined && printed !== undefined && date !== printed)
      throw new InstrumentFileError(`holds rows of two days: ${printed} and ${date}`);
    printed ??= date;
    rows.set(key, row);
    return undefined;
  });
  // `readTable` refuses a file without a usable row.
  if (first === undefined) throw new InstrumentFileError('holds no rows');
  return { part: { kind: first.kind, slot: slotOf(first), rows, table }, printed };
};

/** Of two prints of one day the one that says more. */
const finer = (a: PrintedDate | undefined, b: PrintedDate | undefined, where: string): PrintedDate | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  if (!agree(a, b)) throw new InstrumentFileError(`${where} says ${b}, its content is of ${a}`);
  return a.length >= b.length ? a : b;
};

const dayOf = (
  file: string,
  printed: PrintedDate | undefined,
  given: string,
): Pick<ReferencePart, 'effectiveFrom' | 'dateFrom'> => {
  const named = dateIn(file);
  const both = finer(printed, named, 'its name');
  const effectiveFrom = both === undefined ? given : firstDayOf(both);
  if (effectiveFrom > given) throw new InstrumentFileError(`is of ${effectiveFrom}, later than ${given}`);
  return { effectiveFrom, dateFrom: printed !== undefined ? 'content' : named !== undefined ? 'name' : 'given' };
};

// ---- bytes -------------------------------------------------------------------------------------------------------

/** Enough to tell what the content is: pieces may be of any size. */
const HEAD_BYTES = 64;

const headOf = async (pieces: AsyncIterator<Buffer, void>): Promise<Buffer> => {
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const { value } = await pieces.next();
    if (value === undefined) break;
    head = Buffer.concat([head, value]);
  }
  return head;
};

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  if (head.length > 0) yield head;
  yield* rest;
}

const collect = async (pieces: AsyncIterable<Buffer>): Promise<Buffer> => {
  const held: Buffer[] = [];
  let count = 0;
  for await (const piece of pieces) {
    count += piece.length;
    if (count > MAX_TABLE_BYTES) throw new InstrumentFileError(`larger than ${String(MAX_TABLE_BYTES)} bytes`);
    held.push(piece);
  }
  return Buffer.concat(held);
};

const firstCharacter = (content: Buffer): string =>
  content
    .subarray(0, 256)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart()
    .charAt(0);

const isXml = (head: Buffer): boolean => firstCharacter(head) === '<';
