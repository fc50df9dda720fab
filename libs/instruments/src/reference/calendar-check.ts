import type { MarketDay } from '#domain/market/day-plan';
import type { SegmentClass, Venue } from '#domain/market/venues';

import type { Holiday } from './rows';

/** The exchange's letters for the segments that our calendar knows. Its list has others: securities lending, funds. */
const CLASSES = new Map<string, SegmentClass>([
  ['CM', 'equity'],
  ['FO', 'derivatives'],
  ['CD', 'currency'],
  ['COM', 'commodity'],
]);

export interface CalendarDisagreement {
  readonly segment: string;
  readonly day: string;
  readonly exchangeSays: string;
  readonly calendarSays: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Where the exchange's own list of holidays and our calendar do not say the same, for every day of the years the list speaks of.
 * The list prints a day with nothing but a special session as a plain holiday: a special session of ours is no disagreement.
 */
export const calendarDisagreements = (
  holidays: readonly Holiday[],
  dayOf: (venue: Venue, date: string) => MarketDay,
): CalendarDisagreement[] => {
  const listed = new Map(holidays.map((holiday) => [`${holiday.segment} ${holiday.day}`, holiday]));
  const years = [...new Set(holidays.map(({ day }) => day.slice(0, 4)))].sort();
  return [...CLASSES].flatMap(([segment, segmentClass]) =>
    holidays.some((holiday) => holiday.segment === segment)
      ? years.flatMap(daysOfYear).flatMap((day) => {
          const exchangeSays = said(listed.get(`${segment} ${day}`), day);
          const calendarSays = knownAs(dayOf({ exchange: 'NSE', segmentClass }, day));
          const agrees = calendarSays === 'special' || calendarSays === exchangeSays;
          return agrees ? [] : [{ segment, day, exchangeSays, calendarSays }];
        })
      : [],
  );
};

const daysOfYear = (year: string): string[] => {
  const first = Date.UTC(Number(year), 0);
  const count = Math.round((Date.UTC(Number(year) + 1, 0) - first) / DAY_MS);
  return Array.from({ length: count }, (_, i) => new Date(first + i * DAY_MS).toISOString().slice(0, 10));
};

const said = (holiday: Holiday | undefined, day: string): string => {
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
  if (weekday === 0 || weekday === 6) return 'closed';
  if (holiday === undefined) return 'open day';
  if (holiday.morning === 'open') return holiday.evening === 'open' ? 'open day' : 'open morning';
  return holiday.evening === 'open' ? 'open evening' : 'closed';
};

const knownAs = (day: MarketDay): string => {
  switch (day.status) {
    case 'open':
      return day.special === undefined ? `open ${day.part}` : 'special';
    case 'closed':
      return 'closed';
    case 'unknown':
      return day.code === 'SPECIAL_SESSION_TIMINGS_UNKNOWN' ? 'special' : 'unknown';
  }
};
