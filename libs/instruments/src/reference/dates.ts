import { MONTHS } from '../row';

/** A day `YYYY-MM-DD`, or a month `YYYY-MM` where nothing finer is printed. */
export type PrintedDate = string;

const MONTH_NAME = MONTHS.join('|');

interface Pattern {
  readonly pattern: RegExp;
  readonly order: readonly ('year' | 'month' | 'day')[];
}

/** How exchanges and brokers print a date in a cell or in the name of a file, the surest first. */
const PATTERNS: readonly Pattern[] = [
  { pattern: /(?<!\d)(20\d{2})-(\d{2})-(\d{2})(?!\d)/, order: ['year', 'month', 'day'] },
  { pattern: new RegExp(`(?<!\\d)(\\d{2})-?(${MONTH_NAME})-?(20\\d{2})(?!\\d)`), order: ['day', 'month', 'year'] },
  { pattern: /(?<!\d)(\d{2})\/(\d{2})\/(20\d{2})(?!\d)/, order: ['day', 'month', 'year'] },
  { pattern: /(?<!\d)(20\d{2})(\d{2})(\d{2})(?!\d)/, order: ['year', 'month', 'day'] },
  { pattern: /(?<!\d)(\d{2})(\d{2})(20\d{2})(?!\d)/, order: ['day', 'month', 'year'] },
  { pattern: /(?<!\d)(\d{2})(\d{2})(\d{2})(?!\d)/, order: ['day', 'month', 'year'] },
  { pattern: /(?<!\d)(20\d{2})-(\d{2})(?![\d-])/, order: ['year', 'month'] },
  { pattern: new RegExp(`(?<![A-Z])(${MONTH_NAME}) ?(20\\d{2})(?!\\d)`), order: ['month', 'year'] },
];

/** The first date printed anywhere in a text; `undefined` when there is none. Eight digits in a row are tried both ways. */
export const dateIn = (text: string): PrintedDate | undefined => {
  const upper = text.toUpperCase();
  for (const { pattern, order } of PATTERNS) {
    const groups = pattern.exec(upper)?.slice(1) ?? [];
    const part = (name: Pattern['order'][number]): string => groups[order.indexOf(name)] ?? '';
    if (groups.length === 0) continue;
    const date = asDate(part('year'), part('month'), order.includes('day') ? part('day') : undefined);
    if (date !== undefined) return date;
  }
  return undefined;
};

const asDate = (year: string, month: string, day: string | undefined): PrintedDate | undefined => {
  const named = MONTHS.findIndex((name) => name === month) + 1;
  const yearAndMonth = `${year.padStart(4, '20')}-${String(named > 0 ? named : month).padStart(2, '0')}`;
  const date = `${yearAndMonth}-${day ?? '01'}`;
  const time = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(date)) return undefined;
  return day === undefined ? yearAndMonth : date;
};

/** Whether two prints can mean the same day: a month agrees with all of its days. */
export const agree = (a: PrintedDate, b: PrintedDate): boolean => a.startsWith(b) || b.startsWith(a);

/** From which day on a print counts: a month from its first. */
export const firstDayOf = (printed: PrintedDate): string => (printed.length === 7 ? `${printed}-01` : printed);

const DAY_MS = 24 * 60 * 60 * 1000;

/** Days from one date to another, both `YYYY-MM-DD`; negative when the second lies before the first. */
export const daysBetween = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS);
