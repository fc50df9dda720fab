import type { Exchange } from '../instruments/instrument';
import { type AmoRow, HOUSE } from './amo-rows';
import type { MarketCalendar } from './calendar';
import { type Certainty, inForceOn } from '../dated';
import type { DayPlan } from './day-plan';
import { dateOf, dayOf, dayOfMs, msOf, secondOf, secondOfMs } from './ist';
import type { PhaseClass } from './phases';
import type { SegmentClass } from './venues';

interface AmoRule {
  readonly rule: string;
  readonly certainty: Certainty;
  readonly effectiveFrom: string;
}

/** Whether an order for the next session is taken now. It is held until `releasesAtMs`, and never sent before. */
export type AmoWindow =
  | (AmoRule & { readonly open: true; readonly releasesAtMs: number; readonly limitOnly: boolean })
  | (Partial<AmoRule> & { readonly open: false; readonly reason: string; readonly opensAtMs?: number });

const MARKET: Readonly<Record<SegmentClass, readonly [Exchange, PhaseClass]>> = {
  equity: ['NSE', 'cash'],
  derivatives: ['NSE', 'option'],
  currency: ['NSE', 'currency'],
  commodity: ['MCX', 'commodity'],
};

const rowOn = (
  { amo }: MarketCalendar,
  broker: string,
  segmentClass: SegmentClass,
  date: string,
): AmoRow | undefined => {
  const rowOf = (name: string): AmoRow | undefined =>
    inForceOn(
      amo.filter((row) => row.broker === name && row.segmentClass === segmentClass),
      date,
    );
  return rowOf(broker) ?? rowOf(HOUSE);
};

/** The first moment of a day, after a time of it, at which a limit order is taken. */
const openingAfter = ({ windows, day }: DayPlan, second: number): number | undefined => {
  const window = windows.find(({ start, rule }) => start >= second && rule.takes.includes('LIMIT'));
  return window === undefined ? undefined : msOf(day, window.start);
};

/** An order is taken only when the broker's window is open and the next session is known. */
export const amoWindow = (
  broker: string,
  segmentClass: SegmentClass,
  atMs: number,
  calendar: MarketCalendar,
): AmoWindow => {
  const [exchange, phaseClass] = MARKET[segmentClass];
  const venue = { exchange, segmentClass };
  const day = dayOfMs(atMs);
  const row = rowOn(calendar, broker, segmentClass, dateOf(day));
  if (row === undefined) return { open: false, reason: `no window for ${segmentClass} orders after hours is known` };
  const told: AmoRule = { rule: row.source, certainty: row.certainty, effectiveFrom: row.from };
  if (row.window === 'prohibited')
    return { ...told, open: false, reason: `${broker} takes no orders after hours through an API` };
  const [opens, closes] = [secondOf(row.window.opens), secondOf(row.window.closes)];
  const today = calendar.planOf(exchange, phaseClass, day);
  if (today.market.status === 'unknown') return { ...told, open: false, reason: today.market.reason };
  const second = secondOfMs(atMs);
  const trades = today.market.status === 'open';
  const date = trades && second < closes ? today.date : calendar.nextTradingDay(venue, today.date);
  if (date === undefined) return { ...told, open: false, reason: 'the next session is not known' };
  if (trades && second >= closes && second < opens)
    return {
      ...told,
      open: false,
      reason: `orders for the next session are taken from ${row.window.opens}`,
      opensAtMs: msOf(day, opens),
    };
  const releasesAtMs = openingAfter(calendar.planOf(exchange, phaseClass, dayOf(date)), closes);
  return releasesAtMs === undefined
    ? { ...told, open: false, reason: `no hours are known for the session of ${date}` }
    : { ...told, open: true, releasesAtMs, limitOnly: row.window.limitOnly === true };
};
