import type { InstrumentFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import type { OrderType, Product, Side, Validity } from '../orders/order';
import type { MarketCalendar } from './calendar';
import { type Allowed, type DayPlan, EVENING_SECOND, type Window } from './day-plan';
import { clockOf, dayOfMs, msOf, secondOfMs } from './ist';
import type { TradingCode } from './phase-rules';
import { type PhaseClass, type PhaseName, PRE_OPEN_SERIES } from './phases';
import { type SurveillanceEffects, surveillanceOf } from './surveillance';
import { SEGMENT_CLASS } from './venues';

/** What the session depends on of an order. Without one the question is whether anything is taken at all. */
export interface OrderInSession {
  readonly orderType: OrderType;
  readonly validity: Validity;
  readonly product: Product;
  readonly side: Side;
  readonly disclosedQuantity?: number;
  /** Entered in continuous trading, and carried into the closing auction. */
  readonly isCarried?: boolean;
  /** Of a modify: what the order is before it, where that differs. */
  readonly presentType?: OrderType;
  /** Of a modify: whether it touches a price. Not said is taken for yes. */
  readonly changesPrice?: boolean;
}

export interface TradingQuestion {
  readonly instrument: Pick<
    Instrument,
    'exchange' | 'segment' | 'instrumentType' | 'expiry' | 'underlyingSymbol' | 'symbol'
  >;
  readonly facts: InstrumentFacts;
  readonly atMs: number;
  readonly action: 'new' | 'modify' | 'cancel';
  readonly order?: OrderInSession;
}

export interface NotAllowed {
  readonly allowed: false;
  readonly code: TradingCode;
  /** For the trader. */
  readonly reason: string;
  readonly rule: string;
  readonly effectiveFrom?: string;
  readonly phase?: PhaseName;
  /** When the same order would be allowed. Absent where that is never, or not known. */
  readonly nextOpensAtMs?: number;
}

export type TradingAnswer = Allowed | NotAllowed;

/* ------------------------------------------------------------------------------------------- class and day plan */

const cashClass = (
  { instrumentType }: TradingQuestion['instrument'],
  { listingDay, hasDerivatives }: InstrumentFacts,
  effects: SurveillanceEffects,
  date: string,
): PhaseClass => {
  if (instrumentType === 'BL') return 'block';
  if (instrumentType === 'T0') return 'same-day';
  if (listingDay?.effectiveFrom === date) return 'listing-day';
  if (effects.callAuction) return 'call-auction';
  if (hasDerivatives !== undefined && hasDerivatives.effectiveFrom <= date) return 'cash-closing-auction';
  return PRE_OPEN_SERIES.has(instrumentType) ? 'cash' : 'debt';
};

/** The day as the instrument trades on it, and what surveillance does to it. Undefined: quoted, not traded. */
const dayOfInstrument = (
  { instrument, facts }: TradingQuestion,
  calendar: MarketCalendar,
  day: number,
): { readonly plan: DayPlan; readonly effects?: SurveillanceEffects } | undefined => {
  const { exchange, segment, instrumentType, expiry, underlyingSymbol } = instrument;
  switch (SEGMENT_CLASS[segment]) {
    case undefined:
      return undefined;
    case 'equity': {
      // Any plan of the day knows its date.
      const { date } = calendar.planOf(exchange, 'cash', day);
      const effects = surveillanceOf(instrument, facts, date, calendar.surveillance);
      return { plan: calendar.planOf(exchange, cashClass(instrument, facts, effects, date), day), effects };
    }
    case 'derivatives': {
      if (instrumentType !== 'FUT') return { plan: calendar.planOf(exchange, 'option', day) };
      const near = calendar.planOf(exchange, 'future-pre-open', day);
      const isNear =
        near.table !== undefined &&
        near.preOpenThrough !== undefined &&
        expiry !== undefined &&
        expiry <= near.preOpenThrough;
      return { plan: isNear ? near : calendar.planOf(exchange, 'future', day) };
    }
    case 'currency':
      return { plan: calendar.planOf(exchange, 'currency', day) };
    case 'commodity': {
      if (instrumentType === 'COM') return undefined; // the spot price that contracts are on
      const agri = underlyingSymbol === undefined ? undefined : calendar.agri[underlyingSymbol];
      return { plan: calendar.planOf(exchange, agri ?? 'commodity', day) };
    }
  }
};

/* ------------------------------------------------------------------------------------------------------ checks */

const no = (
  code: TradingCode,
  reason: string,
  rule: string,
  more: Pick<NotAllowed, 'effectiveFrom' | 'phase'> = {},
): NotAllowed => ({ allowed: false, code, reason, rule, ...more });

/** 1. Is the day known, and does the segment trade on it? */
const closedDay = ({ market }: DayPlan): NotAllowed | undefined => {
  if (market.status === 'open') return undefined;
  return no(
    market.code,
    market.status === 'unknown' ? market.reason : `closed on ${market.date}: ${market.reason}`,
    market.source,
    { effectiveFrom: market.date },
  );
};

/** 2. Do series and stage of surveillance permit the product, on this day? */
const surveilled = (
  plan: DayPlan,
  effects: SurveillanceEffects,
  { instrumentType, symbol }: TradingQuestion['instrument'],
  { listingDay }: InstrumentFacts,
  product: Product | undefined,
): NotAllowed | undefined => {
  const { effectiveFrom, because } = effects;
  const since = effectiveFrom === undefined ? {} : { effectiveFrom };
  if (effects.discontinued !== undefined)
    return no('SERIES_DISCONTINUED', `${symbol}: ${effects.discontinued}`, `series ${instrumentType}`, since);
  if (effects.products !== undefined && product !== undefined && !effects.products.includes(product))
    return no('T2T', `${symbol} is trade-for-trade: delivery only, ${product} is not taken`, because.join(', '), since);
  if (listingDay?.effectiveFrom === plan.date && product !== undefined && product !== 'CNC')
    return no('LISTING_DAY', `${symbol} is listed today: delivery only`, listingDay.source, {
      effectiveFrom: listingDay.effectiveFrom,
    });
  if (effects.onceAWeek && !plan.firstOfWeek)
    return no(
      'WEEKLY_TRADING_ONLY',
      `${symbol} trades on the first trading day of a week only`,
      because.join(', '),
      since,
    );
  return undefined;
};

/** 3. Which phase is it? */
const phaseAt = ({ windows }: DayPlan, second: number): Window | undefined => {
  for (const window of windows) if (second < window.end) return second >= window.start ? window : undefined;
  return undefined;
};

const noPhase = ({ market, windows, table, date }: DayPlan, second: number): NotAllowed => {
  if (table === undefined)
    return no('PHASES_UNKNOWN', `no trading hours are known for ${date}`, 'phase tables', { effectiveFrom: date });
  const more = { effectiveFrom: table.from };
  if (market.status === 'open' && market.holiday !== undefined && market.part !== 'day') {
    const inClosedPart = (market.part === 'evening') === second < EVENING_SECOND;
    if (inClosedPart)
      return no(
        'PARTIAL_HOLIDAY',
        `only the ${market.part} session trades on ${date}: ${market.holiday.reason}`,
        market.holiday.source,
        { effectiveFrom: date },
      );
  }
  const [first, last] = [windows[0], windows.at(-1)];
  if (first === undefined || last === undefined) return no('NO_SESSION', `no session on ${date}`, table.rule, more);
  if (second < first.start) return no('BEFORE_OPEN', `opens at ${clockOf(first.start)} on ${date}`, table.rule, more);
  return second >= last.end
    ? no('AFTER_CLOSE', `closed since ${clockOf(last.end)} on ${date}`, table.rule, more)
    : no('BETWEEN_SESSIONS', `between two sessions of ${date}`, table.rule, more);
};

/** 4. Does the phase take this order? */
const matrix = (plan: DayPlan, window: Window, { action, order }: TradingQuestion): NotAllowed | undefined => {
  const { rule, phase, start, end, allowed } = window;
  const more = { phase, effectiveFrom: allowed.effectiveFrom };
  const saying = `${clockOf(start)} to ${clockOf(end)}: ${rule.says}`;
  const taken = action === 'cancel' ? rule.cancels : rule.takes;
  if (taken.length === 0) return no(rule.codes.otherwise, saying, allowed.rule, more);
  if (order === undefined) return undefined;
  const { orderType, presentType = orderType, product, validity, disclosedQuantity } = order;
  const misfit = [presentType, orderType].find((type) => !taken.includes(type));
  if (misfit !== undefined)
    return no(
      rule.codes[misfit] ?? rule.codes.otherwise,
      `${misfit} cannot be ${DONE[action]}, ${saying}`,
      allowed.rule,
      more,
    );
  if (action === 'cancel') return undefined;
  const { classRule } = plan;
  const products = rule.products ?? classRule?.products;
  if (products?.includes(product) === false)
    return no(
      'DELIVERY_ONLY',
      `${product} is not taken, delivery only; ${saying}`,
      classRule?.rule ?? allowed.rule,
      more,
    );
  if (validity === 'IOC') {
    if (!rule.immediateOrCancel) return no('IOC_NOT_ALLOWED', `IOC is not taken, ${saying}`, allowed.rule, more);
    if (classRule?.immediateOrCancel === false)
      return no('IOC_NOT_ALLOWED', `IOC is not taken: ${classRule.rule}`, classRule.rule, {
        phase,
        effectiveFrom: classRule.from,
      });
  }
  if (disclosedQuantity !== undefined && !rule.disclosedQuantity)
    return no('DISCLOSED_NOT_ALLOWED', `a disclosed quantity is not taken, ${saying}`, allowed.rule, more);
  if (action === 'modify' && rule.fixedPrice === true && order.changesPrice !== false)
    return no('POST_CLOSE_PRICE_FIXED', `a price cannot be changed, ${saying}`, allowed.rule, more);
  return undefined;
};

const DONE: Readonly<Record<TradingQuestion['action'], string>> = {
  new: 'entered',
  modify: 'modified',
  cancel: 'cancelled',
};

/** 5. Is the instrument itself still alive? */
const status = (
  { date }: DayPlan,
  { expiry, symbol }: TradingQuestion['instrument'],
  { suspended }: InstrumentFacts,
): NotAllowed | undefined => {
  if (expiry !== undefined && expiry < date)
    return no('EXPIRED', `${symbol} expired on ${expiry}`, 'last trading day', { effectiveFrom: expiry });
  if (suspended !== undefined && suspended.effectiveFrom <= date)
    return no('SUSPENDED', `${symbol} is suspended`, suspended.source, { effectiveFrom: suspended.effectiveFrom });
  return undefined;
};

const cautioned = ({ allowed, phase, mayEndFrom, end }: Window, second: number, question: TradingQuestion): Allowed => {
  const { action, order } = question;
  if (second >= mayEndFrom)
    return {
      ...allowed,
      caution: `may be refused: the exchange closes at random from ${clockOf(mayEndFrom)} to ${clockOf(end)}`,
    };
  if (action === 'modify' && order?.isCarried === true && phase.startsWith('closing-'))
    return { ...allowed, caution: 'loses its place in time, and is margined as a new order of the closing auction' };
  return allowed;
};

/* ----------------------------------------------------------------------------------------------------- answers */

/** In the order in which a desk would ask: the first no is the answer. A cancel is bound by the session alone. */
const judge = (question: TradingQuestion, calendar: MarketCalendar, atMs: number): TradingAnswer => {
  const { instrument, facts, action, order } = question;
  const found = dayOfInstrument(question, calendar, dayOfMs(atMs));
  if (found === undefined)
    return no('NOT_TRADED', `${instrument.symbol} is quoted, not traded`, `segment ${instrument.segment}`);
  const { plan, effects } = found;
  const closed = closedDay(plan);
  if (closed !== undefined) return closed;
  if (action !== 'cancel' && effects !== undefined) {
    const denied = surveilled(plan, effects, instrument, facts, order?.product);
    if (denied !== undefined) return denied;
  }
  const second = secondOfMs(atMs);
  const window = phaseAt(plan, second);
  if (window === undefined) return noPhase(plan, second);
  return (
    matrix(plan, window, question) ??
    (action === 'cancel' ? undefined : status(plan, instrument, facts)) ??
    cautioned(window, second, question)
  );
};

/** Further than this nobody waits: a week of holidays, and a share that trades once a week. */
const HORIZON_DAYS = 21;

/** No waiting helps against these. */
const FOR_GOOD: ReadonlySet<TradingCode> = new Set<TradingCode>([
  'NOT_TRADED',
  'SERIES_DISCONTINUED',
  'T2T',
  'SUSPENDED',
  'EXPIRED',
]);

/** Rules change between phases only, so the next opening is the beginning of one. */
const nextOpening = (question: TradingQuestion, calendar: MarketCalendar): number | undefined => {
  const today = dayOfMs(question.atMs);
  for (let day = today; day <= today + HORIZON_DAYS; day += 1) {
    const plan = dayOfInstrument(question, calendar, day)?.plan;
    if (plan === undefined || plan.market.status === 'unknown') return undefined;
    for (const { start } of plan.windows) {
      const startMs = msOf(day, start);
      if (startMs > question.atMs && judge(question, calendar, startMs).allowed) return startMs;
    }
  }
  return undefined;
};

/**
 * Whether an order can be entered, changed or cancelled at an instant, and if not, why and from when on. Says nothing of the
 * price (`bands.ts`), the tick, or whether an underlying is banned: that is for the checks.
 */
export const isTradingAllowed = (question: TradingQuestion, calendar: MarketCalendar): TradingAnswer => {
  const answer = judge(question, calendar, question.atMs);
  if (answer.allowed || FOR_GOOD.has(answer.code)) return answer;
  const nextOpensAtMs = nextOpening(question, calendar);
  return nextOpensAtMs === undefined ? answer : { ...answer, nextOpensAtMs };
};
