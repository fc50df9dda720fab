import { refuse } from '../decider';
import type { AmoRow } from './amo-rows';
import type { ExpiryDay } from './expiry';
import type { Holiday, SpecialSession } from './holidays';
import { dayOf, secondOf } from './ist';
import { PHASE_RULES } from './phase-rules';
import type { PhaseTable, WindowText } from './phases';
import type { SeriesRule, StageEffect } from './surveillance';
import type { SegmentClass } from './venues';

/** What an admin knows better than the tables shipped: laid over them, row by row. Plain JSON. */
export interface CalendarCorrections {
  /** The last day that the holidays given cover, by class. */
  readonly knownUntil?: Partial<Record<SegmentClass, string>>;
  readonly holidays?: readonly Holiday[];
  readonly sessions?: readonly SpecialSession[];
  readonly phases?: readonly PhaseTable[];
  readonly expiryDays?: readonly ExpiryDay[];
  readonly amo?: readonly AmoRow[];
  readonly series?: readonly SeriesRule[];
  readonly stages?: readonly StageEffect[];
  /** Agricultural contracts by underlying. */
  readonly agri?: Readonly<Record<string, 'agri' | 'agri-evening'>>;
}

const goodDate = (date: string, field: string): void => {
  if (Number.isNaN(dayOf(date))) refuse('calendar.date-invalid', { field, date });
};

const goodWindows = (windows: readonly WindowText[], field: string): void => {
  let open = 0;
  for (const { phase, start, end, mayEndFrom } of windows) {
    const [from, until, random] = [secondOf(start), secondOf(end), secondOf(mayEndFrom ?? end)];
    // Asked this way round, a time that is no time (`NaN`) fails too.
    if (!(Object.hasOwn(PHASE_RULES, phase) && from >= open && from < until && random >= from && random <= until))
      refuse('calendar.window-invalid', { field, phase, start, end });
    open = until;
  }
};

/** @throws Refused `calendar.…`: a date that is none, windows that overlap or are out of order, a weekday without a market. */
export const validateCorrections = (corrections: CalendarCorrections): void => {
  for (const date of Object.values(corrections.knownUntil ?? {})) goodDate(date, 'knownUntil');
  for (const { date } of corrections.holidays ?? []) goodDate(date, 'holidays');
  for (const { date, hours } of corrections.sessions ?? []) {
    goodDate(date, 'sessions');
    if (typeof hours !== 'string') goodWindows(hours, 'sessions');
  }
  for (const { from, windows } of corrections.phases ?? []) {
    goodDate(from, 'phases');
    goodWindows(windows, 'phases');
  }
  for (const { from, weekday } of corrections.expiryDays ?? []) {
    goodDate(from, 'expiryDays');
    if (![1, 2, 3, 4, 5].includes(weekday)) refuse('calendar.weekday-invalid', { weekday });
  }
  for (const { from, window } of corrections.amo ?? []) {
    goodDate(from, 'amo');
    if (window !== 'prohibited' && !(secondOf(window.closes) < secondOf(window.opens)))
      refuse('calendar.window-invalid', { field: 'amo', start: window.opens, end: window.closes });
  }
  for (const { from } of [...(corrections.series ?? []), ...(corrections.stages ?? [])]) goodDate(from, 'surveillance');
};
