/** What an admin's row of margins may say: nothing that the models cannot count with, and no rate that nobody would set. */

import { E4_PER_RUPEE } from '../money';
import type { Dated } from '../dated';
import { MARGIN_TABLES, type MarginTables } from '../margin/parameters';
import { between, both, clock, dated, figure, flag, list, malformed, row, type Shape, shareBp, someOf } from './shape';

type RowOf<Table extends keyof MarginTables> =
  MarginTables[Table] extends Readonly<Record<string, readonly (infer Row)[]>> ? Row : never;

/** Every field of every table, so that one which is added there is not forgotten here. */
type Ranges = {
  readonly [Table in keyof MarginTables]: Readonly<Record<Exclude<keyof RowOf<Table>, keyof Dated>, Shape>>;
};

/** So many deviations, and no more: 0 says that deviations are not looked at. */
const sigmas = figure(0, 100);
const rate = { basisPoints: shareBp };
/** A floor, or a share of the volatility, in hundredths of a point: more than all of it, but not without end. */
const volatilityBp = between(0, 100_000);

/** Times of the day, the earlier one first. */
const pair: Shape = (value, at) => {
  list(clock)(value, at);
  const [from, until, ...more] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof from !== 'string' || typeof until !== 'string' || more.length > 0 || from >= until)
    malformed(at, 'two times of the day, the earlier one first');
};

const fewerThan =
  (most: number): Shape =>
  (value, at) => {
    if (Array.isArray(value) && value.length > most) malformed(at, `a list of at most ${String(most)}`);
  };

/** More of them than anybody ever asked for would only slow every order down. */
const SCENARIOS_MAX = 64;

const RANGES: Ranges = {
  scanRange: {
    sigmas,
    days: between(1, 365),
    priceFloorBp: shareBp,
    volatilityShareBp: volatilityBp,
    volatilityFloorBp: volatilityBp,
  },
  scenarios: {
    scenarios: both(
      someOf(row({ moveThirds: between(-30, 30), volatility: between(-1, 1), coverBp: shareBp })),
      fewerThan(SCENARIOS_MAX),
    ),
  },
  calendarCharge: rate,
  shortOptionMinimum: rate,
  extremeLoss: {
    basisPoints: shareBp,
    farOutBp: shareBp,
    farOutBeyondBp: shareBp,
    longDatedBp: shareBp,
    calendarPart: between(1, 1_000),
  },
  lastDayAddition: rate,
  lastDay: { calendarBenefit: flag },
  time: { yearDays: between(1, 366), leastDays: between(1, 31), longDatedMonths: between(1, 120) },
  cashRange: { sigmas, floorBp: shareBp },
  cashExtremeLoss: rate,
  cashMinimum: rate,
  paidInFull: rate,
  snapshots: { atLeast: between(1, 100), windows: someOf(pair) },
  penalty: {
    smallBelowE4: between(0, 1_000_000_000 * E4_PER_RUPEE),
    smallBelowBp: shareBp,
    smallBp: shareBp,
    otherBp: shareBp,
    repeatedBp: shareBp,
    repeatedFromDay: between(1, 31),
    repeatedBeyondDaysInMonth: between(0, 31),
  },
  throttle: { cautionBp: between(0, 100_000), blockedBp: between(1, 100_000) },
};

/** Any of the tables, by name and key: rows with all of their fields. */
export const MARGIN: Shape = row(
  {},
  Object.fromEntries(
    Object.entries(MARGIN_TABLES).map(([table, byKey]: [string, object]) => [
      table,
      row(
        {},
        Object.fromEntries(
          Object.keys(byKey).map((key) => [key, list(row({ ...RANGES[table as keyof MarginTables], ...dated }))]),
        ),
      ),
    ]),
  ),
);
