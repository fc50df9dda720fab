import type { Instrument, Segment } from '../instruments/instrument';
import { MAX_PRICE_E4, toRupees } from '../money';
import type { OrderTerms, OrderType, Side } from '../orders/order';
import type { Verdict } from './verdict';

/** What the checks look at. Everything in it was fetched before: a check waits for nothing and asks nobody. */
export interface CheckContext {
  readonly instrument: Instrument;
  readonly side: Side;
  /** Trading date in IST, `YYYY-MM-DD`. */
  readonly tradingDate: string;
  /** Last price of the instrument; absent when nobody knows one. */
  readonly lastPriceE4?: number;
}

type Check = (terms: OrderTerms, context: CheckContext) => Verdict;

/** Upper bound of one order line, far above any exchange freeze: keeps quantity times price an exact integer. */
export const MAX_QUANTITY = 10_000_000;

const verdict = (check: string, passed: boolean, compared: Omit<Verdict, 'check' | 'outcome'>): Verdict => ({
  check,
  outcome: passed ? 'pass' : 'fail',
  ...compared,
});

const notApplicable = (check: string, reason: string): Verdict => ({ check, outcome: 'not-applicable', reason });

const tradable: Check = (_, { instrument: { lotSize, tickSizeE4, expiry, instrumentType }, tradingDate }) => {
  if (lotSize === undefined || tickSizeE4 === undefined)
    return verdict('tradable', false, {
      actual: instrumentType,
      reason: 'quoted, not traded: the master has no lot or tick size',
    });
  if (expiry === undefined) return verdict('tradable', true, { actual: instrumentType });
  return verdict('tradable', tradingDate <= expiry, { limit: expiry, actual: tradingDate, reason: 'last trading day' });
};

/** Segments whose price is for one unit of a contract of many: 1,000 dollars, 100 barrels. */
const WITH_MULTIPLIER: ReadonlySet<Segment> = new Set<Segment>(['NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM']);

/** Price times quantity is the value of an order only where a unit is a unit: elsewhere the check fails closed. */
const contractValue: Check = (_, { instrument: { segment } }) =>
  WITH_MULTIPLIER.has(segment)
    ? verdict('contract-value', false, {
        actual: segment,
        reason: 'the contract multiplier is not known, so the value is not either',
      })
    : verdict('contract-value', true, { actual: segment });

const quantity: Check = ({ quantity }) =>
  verdict('quantity', Number.isSafeInteger(quantity) && quantity > 0 && quantity <= MAX_QUANTITY, {
    limit: MAX_QUANTITY,
    actual: quantity,
  });

const lotMultiple: Check = ({ quantity }, { instrument: { lotSize } }) =>
  lotSize === undefined
    ? verdict('lot-multiple', false, { actual: quantity, reason: 'lot size unknown' })
    : verdict('lot-multiple', quantity % lotSize === 0, { limit: lotSize, actual: quantity });

/**
 * The stored figure is the first quantity that is refused: circulars and masters disagree about the boundary, and
 * the stricter reading costs one slice more where the looser one costs a rejection.
 */
const freezeQuantity: Check = ({ quantity }, { instrument: { freezeQuantity } }) =>
  freezeQuantity === undefined
    ? notApplicable('freeze-quantity', 'the master gives no freeze quantity')
    : verdict('freeze-quantity', quantity < freezeQuantity, { limit: freezeQuantity, actual: quantity });

const disclosedQuantity: Check = ({ quantity, disclosedQuantity }) =>
  disclosedQuantity === undefined
    ? notApplicable('disclosed-quantity', 'the whole quantity is shown')
    : verdict(
        'disclosed-quantity',
        Number.isSafeInteger(disclosedQuantity) && disclosedQuantity > 0 && disclosedQuantity <= quantity,
        { limit: quantity, actual: disclosedQuantity },
      );

/** Which prices an order type carries. */
export const PRICE_FIELDS: Readonly<Record<OrderType, { readonly price: boolean; readonly trigger: boolean }>> = {
  MARKET: { price: false, trigger: false },
  LIMIT: { price: true, trigger: false },
  SL: { price: true, trigger: true },
  SL_M: { price: false, trigger: true },
};

/** The price fields that do not fit the order type, with what is wrong. */
export const misfitPrices = ({
  orderType,
  priceE4,
  triggerPriceE4,
}: OrderTerms): { field: 'price' | 'triggerPrice'; message: string }[] => {
  const { price, trigger } = PRICE_FIELDS[orderType];
  const found: { field: 'price' | 'triggerPrice'; message: string }[] = [];
  const judge = (field: 'price' | 'triggerPrice', wanted: boolean, valueE4: number | undefined) => {
    if (wanted && valueE4 === undefined) found.push({ field, message: `${orderType} needs ${field}` });
    if (!wanted && valueE4 !== undefined) found.push({ field, message: `${orderType} takes no ${field}` });
    if (valueE4 !== undefined && !(valueE4 > 0 && valueE4 <= MAX_PRICE_E4))
      found.push({ field, message: `${field} must be above 0 and at most ${String(toRupees(MAX_PRICE_E4))}` });
  };
  judge('price', price, priceE4);
  judge('triggerPrice', trigger, triggerPriceE4);
  return found;
};

const priceFields: Check = (terms) => {
  const misfits = misfitPrices(terms);
  return verdict('price-fields', misfits.length === 0, {
    actual: terms.orderType,
    ...(misfits.length > 0 && { reason: misfits.map(({ message }) => message).join('; ') }),
  });
};

const tickSize: Check = ({ priceE4, triggerPriceE4 }, { instrument: { tickSizeE4 } }) => {
  const prices = [priceE4, triggerPriceE4].filter((price) => price !== undefined);
  if (prices.length === 0) return notApplicable('tick-size', 'the order names no price');
  if (tickSizeE4 === undefined) return verdict('tick-size', false, { reason: 'tick size unknown' });
  const off = prices.find((price) => price % tickSizeE4 !== 0);
  return verdict('tick-size', off === undefined, {
    limit: toRupees(tickSizeE4),
    actual: toRupees(off ?? prices[0] ?? 0),
  });
};

/** A stop must not trigger at once through its own limit: a buy stop's limit lies at or above its trigger, a sell's at or below. */
const stopPrices: Check = ({ orderType, priceE4, triggerPriceE4 }, { side }) => {
  if (orderType !== 'SL' || priceE4 === undefined || triggerPriceE4 === undefined)
    return notApplicable('stop-prices', 'not a stop-limit order');
  return verdict('stop-prices', side === 'BUY' ? priceE4 >= triggerPriceE4 : priceE4 <= triggerPriceE4, {
    limit: toRupees(triggerPriceE4),
    actual: toRupees(priceE4),
  });
};

/**
 * A market order is margined at the last price: without one its need cannot be known, and the check fails closed. Some
 * feeds say 0 for a price they do not know.
 */
const referencePrice: Check = ({ orderType }, { lastPriceE4 }) => {
  if (orderType !== 'MARKET') return notApplicable('reference-price', 'the order names its own price');
  return lastPriceE4 !== undefined && lastPriceE4 > 0
    ? verdict('reference-price', true, { actual: toRupees(lastPriceE4) })
    : verdict('reference-price', false, { reason: 'no last price is known' });
};

/**
 * Every order passes this list, top to bottom, and each check leaves a verdict; one failure denies the order. Adding a
 * rule is adding a line. What depends on the account (`balance`) is judged by the account itself, where its
 * commands are serialised: see `accounts/account.ts`.
 */
export const checks: readonly Check[] = [
  tradable,
  contractValue,
  quantity,
  lotMultiple,
  freezeQuantity,
  disclosedQuantity,
  priceFields,
  tickSize,
  stopPrices,
  referencePrice,
];

/** Runs every check: never stops at the first failure, so that one answer names all that is wrong. */
export const judge = (terms: OrderTerms, context: CheckContext): readonly Verdict[] =>
  checks.map((check) => check(terms, context));

export const passes = (verdicts: readonly Verdict[]): boolean => verdicts.every(({ outcome }) => outcome !== 'fail');
