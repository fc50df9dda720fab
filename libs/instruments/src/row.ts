import { MAX_PRICE_E4, parseE4 } from '#domain/money';

/**
 * One row of a master file before anything about it is believed: a JSON object, or CSV cells under their column names.
 */
export type RawRow = Readonly<Record<string, unknown>>;

/**
 * Why one row was left out. `reason` comes from a small fixed set, so that it can be counted; `detail` shows the
 * value.
 */
export interface RowRefusal {
  readonly reason: string;
  readonly detail: string;
}

/** What a row cannot say itself: the trading day the file was published for, `YYYY-MM-DD` in IST. */
export interface RowContext {
  readonly validFrom: string;
}

export const isRefusal = (row: object): row is RowRefusal => 'reason' in row;

class RowRefused extends Error {
  constructor(readonly refusal: RowRefusal) {
    super(refusal.reason);
  }
}

/** Leaves the row that is being read out of the file's result. `readRow` turns it into a `RowRefusal`. */
export const refuseRow = (reason: string, value: unknown): never => {
  throw new RowRefused({ reason, detail: value === undefined ? 'absent' : JSON.stringify(value).slice(0, 120) });
};

/** Runs `read` over the fields of one row; a refusal is a result, so that one bad row never stops a file. */
export const readRow = <T extends object>(row: RawRow, read: (fields: Fields) => T): T | RowRefusal => {
  try {
    return read(new Fields(row));
  } catch (error) {
    if (error instanceof RowRefused) return error.refusal;
    throw error;
  }
};

/** Longest text any field of a real master file comes near to is 60 characters. */
const MAX_TEXT = 200;

/** Control characters, and what is left where bytes were not UTF-8. */
const UNREADABLE = /[\p{Cc}\ufffd]/u;

/** Months as exchanges and brokers print them in contract names. */
export const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] as const;

/**
 * Typed reading of one row. A field that is absent, null, empty or the text `None` is absent; a field that is there but
 * cannot be what it should be refuses the row.
 */
class Fields {
  constructor(private readonly row: RawRow) {}

  optionalText(field: string): string | undefined {
    const value = this.row[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') return refuseRow(`${field} is not text`, value);
    const text = value.trim();
    if (text === '' || text === 'None') return undefined;
    if (text.length > MAX_TEXT) return refuseRow(`${field} is too long`, text);
    return UNREADABLE.test(text) ? refuseRow(`${field} has unreadable characters`, text) : text;
  }

  text(field: string): string {
    return this.optionalText(field) ?? refuseRow(`${field} is missing`, this.row[field]);
  }

  textLike(field: string, pattern: RegExp): string {
    const text = this.text(field);
    return pattern.test(text) ? text : refuseRow(`${field} is malformed`, text);
  }

  /** The value behind the field's text in a table, for codes and enumerations. */
  lookup<T>(field: string, table: ReadonlyMap<string, T>): T {
    const text = this.text(field);
    return table.get(text) ?? refuseRow(`${field} is not one we know`, text);
  }

  /**
   * Rupees, or 1/100 rupee with `unit` paise, as an exact number of 1/10,000 rupee. A JSON number is read by its
   * decimal text.
   */
  optionalPriceE4(field: string, unit: 'rupees' | 'paise'): number | undefined {
    const value = this.row[field];
    const text = typeof value === 'number' ? String(value) : this.optionalText(field);
    if (text === undefined) return undefined;
    const parsedE4 = parseE4(text);
    const priceE4 = parsedE4 !== undefined && unit === 'paise' ? parsedE4 / 100 : parsedE4;
    return priceE4 === undefined || !Number.isInteger(priceE4) || priceE4 > MAX_PRICE_E4
      ? refuseRow(`${field} is not a price in ${unit}`, value)
      : priceE4;
  }

  /** A price that must be there and above zero. */
  priceE4(field: string, unit: 'rupees' | 'paise'): number {
    const priceE4 = this.optionalPriceE4(field, unit) ?? refuseRow(`${field} is missing`, this.row[field]);
    return priceE4 > 0 ? priceE4 : refuseRow(`${field} is not above zero`, this.row[field]);
  }

  /** A count above zero, as JSON number or text: `65`, `65.0`. */
  count(field: string): number {
    return this.optionalCount(field) ?? refuseRow(`${field} is missing`, this.row[field]);
  }

  optionalCount(field: string): number | undefined {
    const value = this.row[field];
    const text = typeof value === 'number' ? String(value) : this.optionalText(field);
    if (text === undefined) return undefined;
    const count = /^\d{1,12}(\.0{1,6})?$/.test(text) ? Number(text) : 0;
    return count > 0 ? count : refuseRow(`${field} is not a whole number above zero`, value);
  }

  /** `false` unless it is there and true. */
  flag(field: string): boolean {
    const value = this.row[field] ?? false;
    return typeof value === 'boolean' ? value : refuseRow(`${field} is neither true nor false`, value);
  }

  /** A share in percent, with at most two decimals, as whole basis points from 1 to 10,000: `36.52` is 3,652. */
  basisPoints(field: string): number {
    const value = this.row[field];
    const text = typeof value === 'number' ? String(value) : this.optionalText(field);
    const basisPoints = (parseE4(text ?? '') ?? NaN) / 100;
    return Number.isInteger(basisPoints) && basisPoints > 0 && basisPoints <= 10_000
      ? basisPoints
      : refuseRow(`${field} is not a share in percent`, value);
  }

  /** A calendar date printed as `2026-01-27`. */
  date(field: string): string {
    const text = this.textLike(field, /^\d{4}-\d{2}-\d{2}$/);
    return isDate(text) ? text : refuseRow(`${field} is not a date`, text);
  }

  /** A calendar date printed as `27JAN2026`. */
  compactDate(field: string): string {
    const [, day = '', monthName = '', year = ''] = /^(\d{2})([A-Z]{3})(\d{4})$/.exec(this.text(field)) ?? [];
    const month = MONTHS.findIndex((name) => name === monthName) + 1;
    const date = `${year}-${String(month).padStart(2, '0')}-${day}`;
    return isDate(date) ? date : refuseRow(`${field} is not a date`, this.row[field]);
  }

  /**
   * The date in India of an instant in epoch milliseconds: an expiry is printed as the last second of its day in IST.
   */
  istDate(field: string): string {
    const value = this.row[field] ?? refuseRow(`${field} is missing`, this.row[field]);
    if (typeof value !== 'number' || !(value >= EARLIEST_MS && value < LATEST_MS))
      return refuseRow(`${field} is not a time in epoch milliseconds`, value);
    return new Date(value + IST_OFFSET_MS).toISOString().slice(0, 10);
  }
}

const IST_OFFSET_MS = 5.5 * 60 * 60 * 1000;
const EARLIEST_MS = Date.UTC(2000, 0);
const LATEST_MS = Date.UTC(2100, 0);

const isDate = (text: string): boolean => {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
};

export type { Fields };
