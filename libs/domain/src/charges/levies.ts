import { refuse } from '../decider';
import { shareOf, valueOf } from '../money';
import type { Product, Side } from '../orders/order';
import { atRate, type Exact, minus, NOTHING, plus, toPaise } from './exact';
import type { Rates } from './schedule';
import { type ChargedSecurity, isCash } from './security';

export interface ChargedOrder {
  readonly side: Side;
  /** Units of what the price is for. */
  readonly quantity: number;
  readonly priceE4: number;
  readonly product: Product;
  readonly security: ChargedSecurity;
}

export interface ChargedTrade extends ChargedOrder {
  readonly orderId: string;
  readonly tradeId: string;
  readonly instrumentKey: string;
}

/** What was bought and sold of one security within a day. */
export interface DayTrades {
  readonly buyQuantity: number;
  readonly buyValueE4: number;
  readonly sellQuantity: number;
  readonly sellValueE4: number;
}

export const NO_TRADES: DayTrades = { buyQuantity: 0, buyValueE4: 0, sellQuantity: 0, sellValueE4: 0 };

/** @throws Refused `money.too-large` when a day's value is more than can be counted. */
export const withTrade = (
  day: DayTrades,
  { side, quantity }: Pick<ChargedOrder, 'side' | 'quantity'>,
  valueE4: number,
): DayTrades =>
  side === 'BUY'
    ? { ...day, buyQuantity: day.buyQuantity + quantity, buyValueE4: countable(day.buyValueE4 + valueE4) }
    : { ...day, sellQuantity: day.sellQuantity + quantity, sellValueE4: countable(day.sellValueE4 + valueE4) };

export const countable = (amountE4: number): number =>
  Number.isSafeInteger(amountE4) ? amountE4 : refuse('money.too-large');

/** How a security's trades are settled: as pieces of a day, or, delivered, with what was bought and sold of it matched first. */
export type Settlement = 'delivery' | 'intraday' | 'contract';

export const settlementOf = ({ kind }: Pick<ChargedSecurity, 'kind'>, product: Product): Settlement => {
  if (!isCash(kind)) return 'contract';
  return product === 'MIS' ? 'intraday' : 'delivery';
};

/** Everything that is owed but brokerage, before anything is rounded. */
export interface Levies {
  readonly tax: Exact;
  readonly stamp: Exact;
  readonly exchange: Exact;
  readonly sebi: Exact;
  readonly clearing: Exact;
  /** Scrips that were debited from the holder's depository account. */
  readonly debits: number;
}

export const NO_LEVIES: Levies = {
  tax: NOTHING,
  stamp: NOTHING,
  exchange: NOTHING,
  sebi: NOTHING,
  clearing: NOTHING,
  debits: 0,
};

/**
 * What is levied on a day's trades of one security. Of deliveries, the quantity that was both bought and sold is squared off,
 * whatever it was ordered as; its share of each side's value is cut to 1/10,000 rupee.
 */
export const leviesOf = (day: DayTrades, settlement: Settlement, rates: Rates, clearingE9: number): Levies => {
  const { buyQuantity, buyValueE4, sellQuantity, sellValueE4 } = day;
  const matched = settlement === 'delivery' ? Math.min(buyQuantity, sellQuantity) : 0;
  const squared = settlement === 'intraday';
  const squaredBuyE4 = squared ? buyValueE4 : part(buyValueE4, matched, buyQuantity);
  const squaredSellE4 = squared ? sellValueE4 : part(sellValueE4, matched, sellQuantity);
  const { tax, stamp, exchange, sebi } = rates;
  const bySettlement = ({ delivered, squared: off }: Rates['tax']): Exact =>
    plus(
      plus(atRate(buyValueE4 - squaredBuyE4, delivered.buyE9), atRate(sellValueE4 - squaredSellE4, delivered.sellE9)),
      plus(atRate(squaredBuyE4, off.buyE9), atRate(squaredSellE4, off.sellE9)),
    );
  const turnoverE4 = countable(buyValueE4 + sellValueE4);
  return {
    tax: bySettlement(tax),
    stamp: bySettlement(stamp),
    exchange: plus(atRate(buyValueE4, exchange.buyE9), atRate(sellValueE4, exchange.sellE9)),
    sebi: plus(atRate(buyValueE4, sebi.buyE9), atRate(sellValueE4, sebi.sellE9)),
    clearing: atRate(turnoverE4, clearingE9),
    debits: settlement === 'delivery' && sellQuantity > buyQuantity ? 1 : 0,
  };
};

const part = (amountE4: number, quantity: number, whole: number): number =>
  quantity === 0 ? 0 : shareOf(amountE4, quantity, whole);

export const addLevies = (one: Levies, other: Levies): Levies => ({
  tax: plus(one.tax, other.tax),
  stamp: plus(one.stamp, other.stamp),
  exchange: plus(one.exchange, other.exchange),
  sebi: plus(one.sebi, other.sebi),
  clearing: plus(one.clearing, other.clearing),
  debits: one.debits + other.debits,
});

/** What is left of `one` without `other`, which it contains. */
export const withoutLevies = (one: Levies, other: Levies): Levies => ({
  tax: minus(one.tax, other.tax),
  stamp: minus(one.stamp, other.stamp),
  exchange: minus(one.exchange, other.exchange),
  sebi: minus(one.sebi, other.sebi),
  clearing: minus(one.clearing, other.clearing),
  debits: one.debits - other.debits,
});

/**
 * What the exchange takes its tax on squared-off shares from: not what they were sold for, but the matched quantity at the day's
 * average price of both sides, to the paisa. A note may differ from the estimate by a rupee or so; this is what to reconcile with.
 */
export const vwapTaxBaseE4 = ({ buyQuantity, buyValueE4, sellQuantity, sellValueE4 }: DayTrades): number => {
  const quantity = buyQuantity + sellQuantity;
  if (quantity === 0) return 0;
  const averageE4 = toPaise(shareOf(countable(buyValueE4 + sellValueE4), 1, quantity));
  return valueOf(averageE4, Math.min(buyQuantity, sellQuantity));
};
