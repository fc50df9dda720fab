/** Numbers and instants as brokers print them: floats, texts, IST without a zone. Read exactly, or not at all. */

import { E4_PER_RUPEE, parseE4 } from '#domain/money';

/**
 * A price or amount with at most four places, exactly. `undefined` for anything else. Brokers print `194.5`, `"194.50"`,
 * and sometimes `-12.3` for amounts.
 */
export const exactE4 = (printed: number | string): number | undefined => {
  const text = String(printed).trim();
  const amount = parseE4(text.replace(/^-/, ''));
  return amount === undefined ? undefined : text.startsWith('-') ? -amount : amount;
};

/**
 * An average or a computed amount with any number of places, rounded half away from zero to 1/10,000 rupee, in decimal
 * digits. `undefined` for what is no decimal number.
 */
export const roundedE4 = (printed: number | string): number | undefined => {
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,12})(?:\.(\d{1,30}))?$/.exec(decimalText(printed)) ?? [];
  if (whole === undefined) return undefined;
  const digits = fraction.padEnd(5, '0');
  const up = Number(digits[4]) >= 5 ? 1 : 0;
  const amount = Number(whole) * E4_PER_RUPEE + Number(digits.slice(0, 4)) + up;
  if (!Number.isSafeInteger(amount)) return undefined;
  return sign === '-' && amount !== 0 ? -amount : amount;
};

/** JavaScript prints very small numbers as `1e-7`: a broker's JSON number can come back so. */
const decimalText = (printed: number | string): string => {
  const text = String(printed).trim();
  return typeof printed === 'number' && text.includes('e-') ? printed.toFixed(20) : text;
};

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const IST_OFFSET_MS = 5.5 * 3_600_000;

/**
 * `2021-05-31 09:16:39` or `03-Aug-2017 15:03:42`, which all four brokers mean as IST, to epoch milliseconds. With `day`
 * (`YYYY-MM-DD`) also a bare `15:03:42`. `undefined` for anything else.
 */
export const istInstant = (printed: string, day?: string): number | undefined => {
  const text = printed.trim();
  const iso = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})$/.exec(text);
  if (iso) return instant(iso.slice(1).map(Number));
  const named = /^(\d{2})-([A-Za-z]{3})-(\d{4})[ T](\d{2}):(\d{2}):(\d{2})$/.exec(text);
  if (named) {
    const [, date, month = '', year, ...time] = named;
    const index = MONTHS.indexOf(month.toLowerCase());
    return index === -1 ? undefined : instant([Number(year), index + 1, Number(date), ...time.map(Number)]);
  }
  return day !== undefined && /^\d{2}:\d{2}:\d{2}$/.test(text) ? istInstant(`${day} ${text}`) : undefined;
};

const instant = ([year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0]: readonly number[]):
  number | undefined => {
  const utc = Date.UTC(year, month - 1, date, hour, minute, second);
  const back = new Date(utc);
  const exists =
    back.getUTCMonth() === month - 1 && back.getUTCDate() === date && hour < 24 && minute < 60 && second < 60;
  return exists ? utc - IST_OFFSET_MS : undefined;
};

/** The day of an instant in IST, `YYYY-MM-DD`. */
export const istDay = (atMs: number): string => new Date(atMs + IST_OFFSET_MS).toISOString().slice(0, 10);

/** The next time the clock in India shows `hour:minute`, strictly after `nowMs`. Epoch milliseconds. */
export const nextIst = (nowMs: number, hour: number, minute: number): number => {
  const today = Date.parse(`${istDay(nowMs)}T00:00:00Z`) - IST_OFFSET_MS + (hour * 60 + minute) * 60_000;
  return today > nowMs ? today : today + 86_400_000;
};
