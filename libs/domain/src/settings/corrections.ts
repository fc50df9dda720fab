/** Market data that an admin sets right: rows that are laid over the tables that are shipped. */

import { type ChargeCorrections } from '../charges/estimate';
import { WHOLE_E9 } from '../charges/exact';
import { planBooks } from '../charges/plans';
import { rateTables } from '../charges/schedule';
import { Refused } from '../decider';
import type { MarginCorrections } from '../margin/parameters';
import { calendarWith } from '../market/calendar';
import type { CalendarCorrections } from '../market/corrections';
import { PHASE_RULES } from '../market/phase-rules';
import { PHASE_TABLES } from '../market/phases';
import { E4_PER_RUPEE } from '../money';
import { MARGIN } from './margin-rows';
import {
  between,
  byName,
  clock,
  dated,
  day,
  flag,
  list,
  malformed,
  oneOf,
  row,
  shareBp,
  sourced,
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
    expiryDays: list(row({ exchange, weekday: between(0, 6), ...dated })),
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
          marginBp: shareBp,
          tradeForTrade: yes,
          bandBp: shareBp,
          onceAWeek: yes,
          noUpwardMovement: yes,
          buyerDepositBp: shareBp,
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
/** Of a value: at most all of it, in parts per billion. */
const shareE9 = between(0, WHOLE_E9);
/** No charge for one order is more than Rs 10 lakh. */
const feeE4 = between(0, 1_000_000 * E4_PER_RUPEE);

const CHARGES = row(
  {},
  {
    rates: list(row({ table: text, buyE9: shareE9, sellE9: shareE9, ...dated })),
    brokerage: list(
      row({
        ...plan,
        segment: oneOf(
          ...['delivery', 'intraday', 'mtf', 'future', 'option'],
          ...['currency-future', 'currency-option', 'commodity-future', 'commodity-option'],
        ),
        rule: row({}, { shareE9, flatE4: feeE4, floorE4: feeE4, capE4: feeE4, clearingE9: shareE9 }),
      }),
    ),
    terms: list(
      row({
        ...plan,
        rounding,
        cttRounding: rounding,
        dp: row({ amountE4: feeE4, withGst: flag }),
        exerciseBrokerage: flag,
      }),
    ),
    interest: list(
      row({
        ...plan,
        perDay: (value, at) => {
          const isShare = typeof value === 'object' && value !== null && 'shareE9' in value;
          (isShare ? row({ shareE9 }) : row({ slabE4: between(1, Number.MAX_SAFE_INTEGER), chargeE4: feeE4 }))(
            value,
            at,
          );
        },
      }),
    ),
  },
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
