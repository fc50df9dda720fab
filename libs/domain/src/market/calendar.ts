import type { Exchange } from '../instruments/instrument';
import { AMO_ROWS, type AmoRow } from './amo-rows';
import { type CalendarCorrections, validateCorrections } from './corrections';
import { overlaid } from '../dated';
import { CLASS_OF, classRuleOn, type DayPlan, type MarketDay, type OpenDay, tableOn, windowsOf } from './day-plan';
import {
  currentMonthlyExpiry,
  EXPIRY_DAYS,
  type ExpiryCalendar,
  type ExpiryDay,
  monthAfter,
  monthlyExpiry,
} from './expiry';
import { type Holiday, HOLIDAYS, KNOWN, type KnownPeriod, SPECIAL_SESSIONS, type SpecialSession } from './holidays';
import { dateOf, dayOf, dayOfMs, secondOfMs, weekdayOf } from './ist';
import { AGRI_CONTRACTS, PHASE_TABLES, type PhaseClass, type PhaseTable } from './phases';
import { SERIES_RULES, STAGE_EFFECTS, type SurveillanceRows } from './surveillance';
import type { SegmentClass, Venue } from './venues';

/** A week of holidays is the longest there was; further than this nobody looks. */
const SEARCH_DAYS = 30;
/** Of a month, near enough to its end, the next month's futures take part in the pre-open: the last five days, expiry included. */
const LAST_TRADING_DAYS = 5;
/** Plans kept before all of them are forgotten: some 30 years of one class, some 2 of all. */
const PLANS_MAX = 10_000;

/** The market by which the day of a class is told to have ended. */
const NORMAL_MARKET: Readonly<Record<SegmentClass, PhaseClass>> = {
  equity: 'cash',
  derivatives: 'option',
  currency: 'currency',
  commodity: 'commodity',
};

const keyOf = (exchange: Exchange, segmentClass: SegmentClass, date: string): string =>
  `${exchange} ${segmentClass} ${date}`;

const EXCHANGES: readonly Exchange[] = ['NSE', 'BSE', 'MCX'];

/** By exchange, class and date; a later row takes the place of an earlier one. */
const byDay = <Row extends Pick<Holiday, 'date' | 'classes' | 'exchanges'>>(
  rows: readonly Row[],
): ReadonlyMap<string, Row> =>
  new Map(
    rows.flatMap((row) =>
      (row.exchanges ?? EXCHANGES).flatMap((exchange) =>
        row.classes.map((segmentClass) => [keyOf(exchange, segmentClass, row.date), row] as const),
      ),
    ),
  );

/**
 * When what is traded: the shipped tables with corrections laid over them. A value: it never changes, and what it works
 * out of a day it keeps.
 */
export class MarketCalendar implements ExpiryCalendar {
  readonly expiryDays: readonly ExpiryDay[];
  readonly amo: readonly AmoRow[];
  readonly surveillance: SurveillanceRows;
  readonly agri: Readonly<Record<string, 'agri' | 'agri-evening'>>;
  private readonly known: Readonly<Record<SegmentClass, KnownPeriod>>;
  private readonly holidays: ReadonlyMap<string, Holiday>;
  private readonly sessions: ReadonlyMap<string, SpecialSession>;
  private readonly tables: readonly PhaseTable[];
  private plans: Plans = noPlans();
  private planCount = 0;

  constructor(corrections: CalendarCorrections = {}) {
    validateCorrections(corrections);
    const {
      knownUntil = {},
      holidays = [],
      sessions = [],
      phases,
      expiryDays,
      amo,
      series,
      stages,
      agri,
    } = corrections;
    const known = (segmentClass: SegmentClass): KnownPeriod => ({
      from: KNOWN[segmentClass].from,
      until: knownUntil[segmentClass] ?? KNOWN[segmentClass].until,
    });
    this.known = {
      equity: known('equity'),
      derivatives: known('derivatives'),
      currency: known('currency'),
      commodity: known('commodity'),
    };
    this.holidays = byDay([...HOLIDAYS, ...holidays]);
    this.sessions = byDay([...SPECIAL_SESSIONS, ...sessions]);
    this.tables = overlaid(PHASE_TABLES, phases, ({ exchanges, phaseClass }) => `${exchanges.join()} ${phaseClass}`);
    this.expiryDays = overlaid(EXPIRY_DAYS, expiryDays, ({ exchange }) => exchange);
    this.amo = overlaid(AMO_ROWS, amo, ({ broker, segmentClass }) => `${broker} ${segmentClass}`);
    this.surveillance = {
      series: overlaid(SERIES_RULES, series, ({ exchange, series }) => `${exchange} ${series.join()}`),
      stages: overlaid(STAGE_EFFECTS, stages, ({ measure, stage }) => `${measure} ${String(stage)}`),
    };
    this.agri = { ...AGRI_CONTRACTS, ...agri };
  }

  /* ------------------------------------------------------------------------------------------------------- days */

  dayOf({ exchange, segmentClass }: Venue, date: string): MarketDay {
    const day = dayOf(date);
    const known = this.known[segmentClass];
    if (Number.isNaN(day) || date < known.from || date > known.until)
      return {
        status: 'unknown',
        date,
        code: 'CALENDAR_UNKNOWN',
        reason: `the calendar is known from ${known.from} to ${known.until}`,
        source: 'exchange calendars loaded',
      };
    const key = keyOf(exchange, segmentClass, date);
    const special = this.sessions.get(key);
    if (special?.hours === 'unknown')
      return {
        status: 'unknown',
        date,
        code: 'SPECIAL_SESSION_TIMINGS_UNKNOWN',
        reason: `${special.name} session: the circular with its times is not loaded`,
        source: special.source,
      };
    if (special !== undefined)
      return { status: 'open', date, part: special.hours === 'morning' ? 'morning' : 'day', settles: false, special };
    const holiday = this.holidays.get(key);
    const weekday = weekdayOf(day);
    if (weekday === 0 || weekday === 6)
      return { status: 'closed', date, code: 'WEEKEND', reason: 'weekend', source: 'exchange calendar' };
    if (holiday?.closed === 'day')
      return { status: 'closed', date, code: 'HOLIDAY', reason: holiday.reason, source: holiday.source };
    const part = holiday?.closed === 'morning' ? 'evening' : holiday?.closed === 'evening' ? 'morning' : 'day';
    return {
      status: 'open',
      date,
      part,
      settles: holiday?.settles ?? true,
      ...(holiday !== undefined && { holiday }),
    };
  }

  isTradingDay(venue: Venue, date: string): boolean {
    return this.dayOf(venue, date).status === 'open';
  }

  /** The trading day before a date. Undefined when a day in between is not known. */
  previousTradingDay(venue: Venue, date: string): string | undefined {
    return this.search(venue, dayOf(date) - 1, -1, () => true);
  }

  nextTradingDay(venue: Venue, date: string): string | undefined {
    return this.search(venue, dayOf(date) + 1, 1, () => true);
  }

  /** When a trade of a date is settled where the cycle is one day: the next day on which money and shares move. */
  nextSettlementDay(venue: Venue, date: string): string | undefined {
    return this.search(venue, dayOf(date) + 1, 1, ({ settles }) => settles);
  }

  /**
   * The trading day that an order entered at an instant belongs to: this one until the last phase of its normal market has
   * ended, the next one from then on. Undefined when that is not known.
   */
  tradingDayOf(venue: Venue, atMs: number): string | undefined {
    const day = dayOfMs(atMs);
    const phaseClass = NORMAL_MARKET[venue.segmentClass];
    const { market, windows, date } = this.planOf(venue.exchange, phaseClass, day);
    if (market.status === 'unknown') return undefined;
    const end = windows.at(-1)?.end ?? 0;
    return secondOfMs(atMs) < end ? date : this.nextTradingDay(venue, date);
  }

  expiryDayUntil(exchange: Exchange, date: string): string | undefined {
    const venue: Venue = { exchange, segmentClass: 'derivatives' };
    // A Muhurat session is no day of expiry: whether its times are known or not changes nothing.
    return this.search(venue, dayOf(date), -1, ({ special }) => special?.expires ?? true, true);
  }

  private search(
    venue: Venue,
    from: number,
    step: 1 | -1,
    suits: (day: OpenDay) => boolean,
    overUnknownSessions = false,
  ): string | undefined {
    if (Number.isNaN(from)) return undefined;
    for (let day = from, tried = 0; tried < SEARCH_DAYS; day += step, tried += 1) {
      const market = this.dayOf(venue, dateOf(day));
      if (market.status === 'unknown' && !(overUnknownSessions && market.code === 'SPECIAL_SESSION_TIMINGS_UNKNOWN'))
        return undefined;
      if (market.status === 'open' && suits(market)) return market.date;
    }
    return undefined;
  }

  /* ------------------------------------------------------------------------------------------------------ plans */

  /** The phases of a class of instruments on a day, worked out once. */
  planOf(exchange: Exchange, phaseClass: PhaseClass, day: number): DayPlan {
    const known = this.plans[exchange].get(phaseClass)?.get(day);
    return known ?? this.planAnew(exchange, phaseClass, day);
  }

  private planAnew(exchange: Exchange, phaseClass: PhaseClass, day: number): DayPlan {
    if (this.planCount >= PLANS_MAX) {
      this.plans = noPlans();
      this.planCount = 0;
    }
    const ofExchange = this.plans[exchange];
    const ofClass = ofExchange.get(phaseClass) ?? new Map<number, DayPlan>();
    ofExchange.set(phaseClass, ofClass);
    const plan = this.plan(exchange, phaseClass, day);
    ofClass.set(day, plan);
    this.planCount += 1;
    return plan;
  }

  private plan(exchange: Exchange, phaseClass: PhaseClass, day: number): DayPlan {
    const date = dateOf(day);
    const venue: Venue = { exchange, segmentClass: CLASS_OF[phaseClass] };
    const market = this.dayOf(venue, date);
    const table = tableOn(this.tables, exchange, phaseClass, date);
    const classRule = classRuleOn(phaseClass, date);
    const preOpenThrough = phaseClass === 'future-pre-open' ? this.preOpenThrough(exchange, date) : undefined;
    return {
      day,
      date,
      market,
      windows: windowsOf(market, phaseClass, table),
      ...(table !== undefined && { table }),
      ...(classRule !== undefined && { classRule }),
      firstOfWeek: market.status === 'open' && this.isFirstOfWeek(venue, day),
      ...(preOpenThrough !== undefined && { preOpenThrough }),
    };
  }

  /** No day of the same week before this one trades. A day that is not known counts as one that does. */
  private isFirstOfWeek(venue: Venue, day: number): boolean {
    const daysSinceMonday = (weekdayOf(day) + 6) % 7;
    for (let back = 1; back <= daysSinceMonday; back += 1)
      if (this.dayOf(venue, dateOf(day - back)).status !== 'closed') return false;
    return true;
  }

  private preOpenThrough(exchange: Exchange, date: string): string | undefined {
    const venue: Venue = { exchange, segmentClass: 'derivatives' };
    const expiry = currentMonthlyExpiry(exchange, date, this);
    if (expiry === undefined) return undefined;
    let first: string | undefined = expiry;
    for (let counted = 1; counted < LAST_TRADING_DAYS && first !== undefined; counted += 1)
      first = this.previousTradingDay(venue, first);
    if (first === undefined || date < first) return expiry;
    return monthlyExpiry(exchange, monthAfter(expiry.slice(0, 7)), this) ?? expiry;
  }
}

type Plans = Readonly<Record<Exchange, Map<PhaseClass, Map<number, DayPlan>>>>;
const noPlans = (): Plans => ({ NSE: new Map(), BSE: new Map(), MCX: new Map() });

/** The shipped tables, with what an admin corrected. @throws Refused `calendar.…` for corrections that make no sense. */
export const calendarWith = (corrections: CalendarCorrections = {}): MarketCalendar => new MarketCalendar(corrections);

export const SHIPPED_CALENDAR: MarketCalendar = calendarWith();
