import type { OrderTerms } from '../orders/order';
import * as bounds from './bounds';
import { type Check, type Finding, measure, type Measured, notApplicable } from './check';
import type { CheckContext } from './context';
import * as eligibility from './eligibility';
import { derivativesBan, killSwitch, reduceOnly } from './halts';
import { dailyLoss, intradayVar } from './losses';
import * as orderTerms from './order-terms';
import { priceBand } from './price-band';
import { priceDeviation, referencePrice } from './prices';
import { selfTrade } from './self-trade';
import { session } from './session';
import { contractValue, expiry, suspended, tradable } from './status';
import type { Verdict } from './verdict';

export { freezeOf, MAX_QUANTITY, misfitPrices, PRICE_FIELDS } from './order-terms';
export type { CheckContext } from './context';

/**
 * `every`: all orders. `entries`: not orders that do nothing but close what is held, nor changes that only make an order
 * smaller: who throttles entries wants positions to become smaller, and must not stand in the way of it.
 */
type Judges = 'every' | 'entries';

/**
 * Every order passes this list, top to bottom, and each check leaves a verdict; one failure denies the order. Adding a
 * rule is adding a line. What the order needs in margin (`balance`) is judged afterwards by the account itself, where its
 * commands are serialised: see `accounts/account.ts`.
 */
const LIST = [
  // what it is
  ['tradable', 'every', tradable],
  ['expiry', 'every', expiry],
  ['suspended', 'every', suspended],
  ['contract-value', 'every', contractValue],
  // when
  ['session', 'every', session],
  // as what
  ['product', 'every', eligibility.product],
  ['product-eligibility', 'entries', eligibility.productEligibility],
  ['trade-for-trade', 'every', eligibility.tradeForTrade],
  ['surveillance', 'every', eligibility.surveillance],
  ['listing-day', 'entries', eligibility.listingDay],
  ['short-sale', 'every', eligibility.shortSale],
  // how many
  ['quantity', 'every', orderTerms.quantity],
  ['lot-multiple', 'every', orderTerms.lotMultiple],
  ['freeze-quantity', 'every', orderTerms.freezeQuantity],
  ['disclosed-quantity', 'every', orderTerms.disclosedQuantity],
  // how, and at what price
  ['order-type', 'every', orderTerms.orderType],
  ['price-fields', 'every', orderTerms.priceFields],
  ['tick-size', 'every', orderTerms.tickSize],
  ['stop-prices', 'every', orderTerms.stopPrices],
  ['price-band', 'every', priceBand],
  ['price-deviation', 'every', priceDeviation],
  ['reference-price', 'every', referencePrice],
  // how much
  ['order-value', 'every', bounds.orderValue],
  ['order-quantity', 'every', bounds.orderQuantity],
  ['symbol-quantity', 'every', bounds.symbolQuantity],
  ['symbol-value', 'every', bounds.symbolValue],
  ['symbol-position', 'entries', bounds.symbolPosition],
  ['client-position', 'entries', bounds.clientPosition],
  ['open-order-value', 'entries', bounds.openOrderValue],
  ['open-orders', 'entries', bounds.openOrders],
  ['exposure', 'entries', bounds.exposure],
  ['orders-per-day', 'entries', bounds.ordersPerDay],
  ['modifications', 'every', bounds.modifications],
  ['duplicate', 'every', bounds.duplicate],
  // whether at all
  ['kill-switch', 'every', killSwitch],
  ['reduce-only', 'entries', reduceOnly],
  ['derivatives-ban', 'entries', derivativesBan],
  ['self-trade', 'every', selfTrade],
  ['daily-loss', 'entries', dailyLoss],
  ['intraday-var', 'every', intradayVar],
] as const satisfies readonly (readonly [string, Judges, Check])[];

/** The name of a check: stable, clients and settings know it. */
export type CheckName = (typeof LIST)[number][0];

export const checks: readonly { readonly name: CheckName; readonly judges: Judges; readonly run: Check }[] = LIST.map(
  ([name, judges, run]) => ({ name, judges, run }),
);

export const CHECK_NAMES: readonly CheckName[] = checks.map(({ name }) => name);

/** Passed over by orders that do nothing but close what is held, and by changes that only make an order smaller. */
export const ENTRY_ONLY: ReadonlySet<CheckName> = new Set(
  checks.filter(({ judges }) => judges === 'entries').map(({ name }) => name),
);

const REDUCES = notApplicable('reduces the position');
const SHRINKS = notApplicable('the change only makes the order smaller');

const excusedFromEntries = ({ reduces, shrinks }: Measured): Finding | undefined =>
  reduces ? REDUCES : shrinks ? SHRINKS : undefined;

/** Runs every check: never stops at the first failure, so that one answer names all that is wrong. */
export const judge = (terms: OrderTerms, context: CheckContext): readonly Verdict[] => {
  const measured = measure(terms, context);
  return checks.map(({ name, judges, run }) => ({
    check: name,
    ...((judges === 'entries' ? excusedFromEntries(measured) : undefined) ?? run(terms, context, measured)),
  }));
};

export const passes = (verdicts: readonly Verdict[]): boolean => verdicts.every(({ outcome }) => outcome !== 'fail');
