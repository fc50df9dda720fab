import type { Fields } from '../row';
import type { CsvFormat } from '../table';
import { dateIn, type PrintedDate } from './dates';
import type { ReferenceRow } from './rows';

/** Collects what a file says of its own date outside of its rows. */
export interface HeaderDate {
  printed?: PrintedDate;
}

export type Parse = CsvFormat<ReferenceRow>['parse'];

/** A header whose cells are padded with blanks; a pattern stands for a cell that carries a date. */
export const printedCsv = (
  name: string,
  header: readonly (string | RegExp)[],
  parse: Parse,
  { seen, ...more }: { seen?: HeaderDate; endsWithoutNewLine?: true } = {},
): CsvFormat<ReferenceRow> => ({
  name,
  columns: header.map((cell, i) => (typeof cell === 'string' ? cell : `column ${String(i + 1)}`)),
  parse,
  recognise: (first) => {
    if (first.length !== header.length) return undefined;
    const fits = header.every((cell, i) => {
      const actual = (first[i] ?? '').trim();
      return typeof cell === 'string' ? cell === actual : cell.test(actual);
    });
    if (!fits) return undefined;
    const dated = header.findIndex((cell) => typeof cell !== 'string');
    const printed = dateIn(first[dated] ?? '');
    if (seen !== undefined && printed !== undefined) seen.printed = printed;
    return 'header';
  },
  ...more,
});

export const SYMBOL = /^[A-Z0-9&_-]{1,40}$/i;
const SERIES = /^[A-Z0-9]{1,3}$/;
export const KEY = /^[A-Z_]+\|.+$/;

export const symbolAndSeries = (fields: Fields, symbol: string, series: string) => ({
  symbol: fields.textLike(symbol, SYMBOL),
  series: fields.textLike(series, SERIES),
});
