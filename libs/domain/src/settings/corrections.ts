/** Market data that an admin sets right: rows that are laid over the tables that are shipped. */

import { type ChargeCorrections } from '../charges/estimate';
import { planBooks } from '../charges/plans';
import { rateTables } from '../charges/schedule';
import { Refused } from '../decider';
import { MARGIN_TABLES, type MarginCorrections } from '../margin/parameters';
import { calendarWith } from '../market/calendar';
import type { CalendarCorrections } from '../market/corrections';
import { PHASE_RULES } from '../market/phase-rules';
import { PHASE_TABLES } from '../market/phases';
import {
  byName,
  clock,
  day,
  figure,
  flag,
  list,
  malformed,
  oneOf,
  row,
  type Shape,
  text,
  textOr,
  whole,
  yes,
} from './shape';

export interface Corrections {
  readonly calendar: CalendarCorrections;
  readonly charges: ChargeCorrections;
  readonly margin: MarginCorrections;
}

export const NO_CORRECTIONS: Corrections = { calendar: {}, charges: {}, margin: {} };

/* ------------------------------------------------------------------------------------------------------- the rows */

const certainty = oneOf('confirmed', 'single-source', 'inferred', 'unconfirmed');
const sourced = { certainty, source: text };
const dated = { from: day, ...sourced };

const exchange = oneOf('NSE', 'BSE', 'MCX');
const SEGMENT_CLASSES = ['equity', 'derivatives', 'currency', 'commodity'] as const;
const segmentClass = oneOf(...SEGMENT_CLASSES);
const phaseClass = oneOf(...new Set(PHASE_TABLES.map((table) => table.phaseClass)));
const windows = list(
  row({ phase: oneOf(...Object.keys(PHASE_RULES)), start: clock, end: clock }, { mayEndFrom: clock }),
);

const CALENDAR = row(
  {},
  {
    knownUntil: byName(day, segmentClass),
    holidays: list(
      row(
        {
          date: day,
          classes: list(segmentClass),
          closed: oneOf('day', 'morning', 'evening', 'nothing'),
          settles: flag,
          reason: text,
          ...sourced,
        },
        { exchanges: list(exchange) },
      ),
    ),
    sessions: list(
      row(
        {
          date: day,
          classes: list(segmentClass),
          name: text,
          hours: textOr(oneOf('as-usual', 'morning', 'unknown'), windows),
          expires: flag,
          ...sourced,
        },
        { exchanges: list(exchange) },
      ),
    ),
    phases: list(row({ exchanges: list(exchange), phaseClass, rule: text, windows, ...dated })),
    expiryDays: list(row({ exchange, weekday: whole, ...dated })),
    amo: list(
      row({
        broker: text,
        segmentClass,
        window: textOr(oneOf('prohibited'), row({ opens: clock, closes: clock }, { limitOnly: yes })),
        ...dated,
      }),
    ),
    series: list(
      row({
        exchange: oneOf('NSE', 'BSE'),
        series: list(text),
        kind: oneOf('trade-for-trade', 'discontinued'),
        reason: text,
        ...dated,
      }),
    ),
    stages: list(
      row(
        { measure: oneOf('ST-ASM', 'LT-ASM', 'GSM', 'ESM', 'IRP'), ...dated },
        {
          stage: whole,
          marginBp: whole,
          tradeForTrade: yes,
          bandBp: whole,
          onceAWeek: yes,
          noUpwardMovement: yes,
          buyerDepositBp: whole,
          callAuction: yes,
          note: text,
        },
      ),
    ),
    agri: byName(oneOf('agri', 'agri-evening')),
  },
);

const plan = { broker: text, plan: text, ...dated };
const rounding = oneOf('PAISE', 'RUPEE_VIA_PAISE');

const CHARGES = row(
  {},
  {
    rates: list(row({ table: text, buyE9: whole, sellE9: whole, ...dated })),
    brokerage: list(
      row({
        ...plan,
        segment: oneOf(
          ...['delivery', 'intraday', 'mtf', 'future', 'option'],
          ...['currency-future', 'currency-option', 'commodity-future', 'commodity-option'],
        ),
        rule: row({}, { shareE9: whole, flatE4: whole, floorE4: whole, capE4: whole, clearingE9: whole }),
      }),
    ),
    terms: list(
      row({
        ...plan,
        rounding,
        cttRounding: rounding,
        dp: row({ amountE4: whole, withGst: flag }),
        exerciseBrokerage: flag,
      }),
    ),
    interest: list(
      row({
        ...plan,
        perDay: (value, at) => {
          const isShare = typeof value === 'object' && value !== null && 'shareE9' in value;
          (isShare ? row({ shareE9: whole }) : row({ slabE4: whole, chargeE4: whole }))(value, at);
        },
      }),
    ),
  },
);

/** A row of margins has the fields of the rows that it is laid over. */
const like = (sample: object): Shape =>
  row(
    Object.fromEntries(
      Object.entries(sample).map(([name, value]: [string, unknown]) => [
        name,
        name === 'from' ? day : shapeOf(name, value),
      ]),
    ),
  );

const shapeOf = (name: string, value: unknown): Shape => {
  if (name === 'certainty') return certainty;
  if (Array.isArray(value)) return list(shapeOf('', value[0]));
  if (typeof value === 'object' && value !== null) return like(value);
  return typeof value === 'number' ? figure : typeof value === 'boolean' ? flag : text;
};

const MARGIN = row(
  {},
  Object.fromEntries(
    Object.entries(MARGIN_TABLES).map(([table, byKey]: [string, Readonly<Record<string, readonly object[]>>]) => [
      table,
      row(
        {},
        Object.fromEntries(
          Object.entries(byKey).map(([key, [sample]]) => [key, list(sample ? like(sample) : row({}))]),
        ),
      ),
    ]),
  ),
);

/* -------------------------------------------------------------------------------------------------------- the check */

/**
 * Corrections that the tables can be built with: every order is judged by these, so nothing else may get this far.
 * @throws Refused `settings.malformed` naming the field, which begins with `path`.
 */
export const checkCorrections = (corrections: Corrections, path: string): void => {
  row({ calendar: CALENDAR, charges: CHARGES, margin: MARGIN })(corrections, path);
  try {
    calendarWith(corrections.calendar);
    rateTables(corrections.charges);
    planBooks(corrections.charges);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    malformed(`${path}.calendar.${String(error.detail['field'] ?? '')}`, `sound (${error.code})`);
  }
};
