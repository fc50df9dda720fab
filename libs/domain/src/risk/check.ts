import { type SurveillanceEffects, surveillanceOf } from '../market/surveillance';
import type { TradingAnswer } from '../market/trading-allowed';
import { toRupees } from '../money';
import type { OrderTerms } from '../orders/order';
import type { CheckContext } from './context';
import type { Limits } from './limits';
import { marginPriceE4 } from './margin-price';
import { sessionOf } from './session-of';
import type { Verdict } from './verdict';

/** What a check says; its name is added by the list. */
export type Finding = Omit<Verdict, 'check'>;

/** What several checks want to know of the order, worked out once. */
export interface Measured {
  /** Still to be executed, of the quantity that is asked for. */
  readonly remainingQuantity: number;
  /** The part of it that opens a position. */
  readonly openingQuantity: number;
  /** Does nothing but close what is held: it passes where entries are throttled. */
  readonly reduces: boolean;
  /** A change that only takes back some of what was asked for: it passes there as well. */
  readonly shrinks: boolean;
  /** What one unit is taken to cost: as it is margined. */
  readonly priceE4: number | undefined;
  readonly surveillance: SurveillanceEffects;
  /** What the exchange says to such an order at that time; absent where the time makes no sense. */
  readonly session: TradingAnswer | undefined;
}

export type Check = (terms: OrderTerms, context: CheckContext, measured: Measured) => Finding;

type Compared = Omit<Finding, 'outcome'>;

export const finding = (passed: boolean, compared: Compared): Finding => ({
  outcome: passed ? 'pass' : 'fail',
  ...compared,
});

export const pass = (compared: Compared): Finding => ({ outcome: 'pass', ...compared });

export const fail = (compared: Compared): Finding => ({ outcome: 'fail', ...compared });

export const notApplicable = (reason: string, compared: Compared = {}): Finding => ({
  outcome: 'not-applicable',
  ...compared,
  reason,
});

export const measure = (terms: OrderTerms, context: CheckContext): Measured => {
  const { instrument, facts, tradingDate, calendar, exposure } = context;
  const remainingQuantity = terms.quantity - exposure.filledQuantity;
  const closableQuantity = Math.max(0, exposure.closableQuantity);
  const reduces =
    Number.isSafeInteger(remainingQuantity) && remainingQuantity > 0 && remainingQuantity <= closableQuantity;
  const surveillance = surveillanceOf(instrument, facts, tradingDate, calendar.surveillance);
  return {
    remainingQuantity,
    openingQuantity: remainingQuantity - Math.min(remainingQuantity, closableQuantity),
    reduces,
    shrinks: shrinks(terms, context),
    priceE4: marginPriceE4(terms, context),
    surveillance,
    session: sessionOf(terms, context, reduces && surveillance.tradeForTrade),
  };
};

/**
 * No more units, for no more money, and no keener to trade: asked for in the same way, at a price that is the same or
 * further from the market.
 */
const shrinks = (terms: OrderTerms, { action, present, side, exposure: { filledQuantity } }: CheckContext): boolean => {
  if (action !== 'modify' || present === undefined) return false;
  if (!(terms.quantity <= present.quantity)) return false;
  if (terms.triggerPriceE4 !== present.triggerPriceE4) return false;
  if (terms.priceE4 === present.priceE4) return true;
  if (terms.priceE4 === undefined || present.priceE4 === undefined) return false;
  if (side === 'BUY') return terms.priceE4 < present.priceE4;
  const [worth, before] = [terms, present].map(({ priceE4, quantity }) => worthE4(priceE4, quantity - filledQuantity));
  return terms.priceE4 > present.priceE4 && worth !== undefined && before !== undefined && worth <= before;
};

/** Price times quantity; `undefined` where either makes no sense or the product is no exact number. */
export const worthE4 = (priceE4: number | undefined, quantity: number): number | undefined => {
  const valueE4 = (priceE4 ?? Number.NaN) * quantity;
  return Number.isSafeInteger(valueE4) && valueE4 >= 0 ? valueE4 : undefined;
};

export const NO_VALUE = 'the value of the order is not known: it names no price, and no last price is known';

/** Whose limit it is, for a verdict. A limit of several parts is named by its path: `symbolCaps.NSE:TCS.quantityMax`. */
export const ruleOf = ({ limitSources }: CheckContext, path: LimitPath): string => {
  const source = limitSources?.[path];
  return source === undefined ? 'limit' : `limit: ${source}`;
};

type LimitPath = keyof Limits | `${keyof Limits}.${string}`;

/** An amount that must not exceed a limit; both in 1/10,000 rupee, told in rupees. */
export const amountUpTo = (limitE4: number, actualE4: number, rule: string, reason?: string): Finding => {
  const passed = actualE4 <= limitE4;
  return finding(passed, {
    rule,
    limit: toRupees(limitE4),
    actual: toRupees(actualE4),
    ...(!passed && reason !== undefined && { reason }),
  });
};

export const DAY_NOT_KNOWN = 'what the account did on this day is not known: it has traded on a later one already';

export const NOT_LIMITED = 'no limit is set';
