/**
 * India keeps one offset all year, so its clock is arithmetic. A day is counted from 1 January 1970, a time of day in
 * seconds from midnight, both in IST.
 */
const OFFSET_MS = 19_800_000;
const DAY_MS = 86_400_000;

export const dayOfMs = (atMs: number): number => Math.floor((atMs + OFFSET_MS) / DAY_MS);

export const secondOfMs = (atMs: number): number => Math.floor((atMs + OFFSET_MS - dayOfMs(atMs) * DAY_MS) / 1_000);

export const msOf = (day: number, second: number): number => day * DAY_MS - OFFSET_MS + second * 1_000;

export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** `NaN` for what is not a date of the calendar. */
export const dayOf = (date: string): number => {
  const day = Date.parse(`${date}T00:00:00Z`) / DAY_MS;
  return Number.isInteger(day) && dateOf(day) === date ? day : Number.NaN;
};

/** 0 is Sunday. 1 January 1970 was a Thursday. */
export const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7;

const CLOCK = /^([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?$/;

/** `09:15` or `09:15:30` as seconds of the day, up to `24:00`; `NaN` for anything else. */
export const secondOf = (clock: string): number => {
  const [, hours, minutes, seconds = '0'] = CLOCK.exec(clock) ?? [];
  if (hours === undefined || minutes === undefined) return Number.NaN;
  const second = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  return second <= 86_400 ? second : Number.NaN;
};

const two = (part: number): string => String(part).padStart(2, '0');

/** Seconds of the day as a trader reads them: `09:15`, `15:25:30`. */
export const clockOf = (second: number): string => {
  const seconds = second % 60;
  const minutes = Math.floor(second / 60);
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}${seconds === 0 ? '' : `:${two(seconds)}`}`;
};
