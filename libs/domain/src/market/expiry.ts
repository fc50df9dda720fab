import type { Exchange } from '../instruments/instrument';
import { type Dated, inForceOn } from '../dated';
import { dateOf, dayOf, weekdayOf } from './ist';

/** On which weekday the equity derivatives of an exchange expire. `from` is the day of expiry, not of trading. */
export interface ExpiryDay extends Dated {
  readonly exchange: Exchange;
  /** 1 is Monday. */
  readonly weekday: number;
}

const MASTERS = 'contracts listed in the masters of August 2025';

export const EXPIRY_DAYS: readonly ExpiryDay[] = [
  { exchange: 'NSE', from: '2025-01-01', weekday: 4, certainty: 'inferred', source: MASTERS },
  { exchange: 'BSE', from: '2025-01-01', weekday: 2, certainty: 'inferred', source: MASTERS },
  { exchange: 'NSE', from: '2025-09-01', weekday: 2, certainty: 'confirmed', source: 'NSE/FAOP/68747' },
  { exchange: 'BSE', from: '2025-09-01', weekday: 4, certainty: 'confirmed', source: 'SEBI circular of May 2025' },
];

/** What finding an expiry takes of a calendar. */
export interface ExpiryCalendar {
  readonly expiryDays: readonly ExpiryDay[];
  /** The last day until this one, it included, on which equity derivatives can expire. */
  expiryDayUntil(exchange: Exchange, date: string): string | undefined;
}

const weekdayInForce = ({ expiryDays }: ExpiryCalendar, exchange: Exchange, date: string): number | undefined =>
  inForceOn(
    expiryDays.filter((row) => row.exchange === exchange),
    date,
  )?.weekday;

/** A cross-check only: what is listed is what the instrument master lists. Undefined where the calendar is not known. */
const shifted = (calendar: ExpiryCalendar, exchange: Exchange, day: number): string | undefined =>
  calendar.expiryDayUntil(exchange, dateOf(day));

/** The weekly expiry of the week (Monday to Sunday) that a date lies in; a holiday moves it to the trading day before. */
export const expiryInWeek = (exchange: Exchange, date: string, calendar: ExpiryCalendar): string | undefined => {
  const day = dayOf(date);
  if (Number.isNaN(day)) return undefined;
  const monday = day - ((weekdayOf(day) + 6) % 7);
  for (let candidate = monday; candidate < monday + 7; candidate += 1)
    if (weekdayInForce(calendar, exchange, dateOf(candidate)) === weekdayOf(candidate))
      return shifted(calendar, exchange, candidate);
  return undefined;
};

/** The monthly expiry of a month, `YYYY-MM`: the last such weekday of it, or the trading day before. */
export const monthlyExpiry = (exchange: Exchange, month: string, calendar: ExpiryCalendar): string | undefined => {
  const first = dayOf(`${month}-01`);
  if (Number.isNaN(first)) return undefined;
  for (let candidate = dayOf(`${monthAfter(month)}-01`) - 1; candidate >= first; candidate -= 1)
    if (weekdayInForce(calendar, exchange, dateOf(candidate)) === weekdayOf(candidate))
      return shifted(calendar, exchange, candidate);
  return undefined;
};

export const monthAfter = (month: string): string => dateOf(dayOf(`${month}-01`) + 31).slice(0, 7);

/** The first monthly expiry on a date or after it: what "current month" means for a contract. */
export const currentMonthlyExpiry = (
  exchange: Exchange,
  date: string,
  calendar: ExpiryCalendar,
): string | undefined => {
  const month = date.slice(0, 7);
  const expiry = monthlyExpiry(exchange, month, calendar);
  return expiry === undefined || expiry >= date ? expiry : monthlyExpiry(exchange, monthAfter(month), calendar);
};
