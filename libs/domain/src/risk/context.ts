import type { FactList, InstrumentFacts, Sourced, UnderlyingFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import type { MarginCorrections } from '../margin/parameters';
import type { MarketCalendar } from '../market/calendar';
import type { OrderTerms, OrderType, Product, Side } from '../orders/order';
import type { Halt, Limits } from './limits';
import type { OrderPolicy } from './order-policies';

/** What the checks look at. Everything in it was fetched before: a check waits for nothing and asks nobody. */
export interface CheckContext {
  readonly instrument: Instrument;
  readonly facts: InstrumentFacts;
  /** Of a contract: what is known of the thing it is on. */
  readonly underlying?: UnderlyingFacts;
  /** The lists of what is forbidden that were loaded. */
  readonly lists?: Readonly<Partial<Record<FactList, Sourced>>>;
  readonly side: Side;
  readonly product: Product;
  readonly broker: string;
  readonly strategyId?: string;
  readonly action: 'new' | 'modify';
  /** Of a change: the order's terms before it. */
  readonly present?: OrderTerms;
  /** Of a slice of a line that was cut: what all of them ask for, this one as it is judged. Limits by the order mean the line. */
  readonly lineQuantity?: number;
  /** Market time, epoch milliseconds: of a replayed day, the replayed time. */
  readonly atMs: number;
  /** Held by us until then (after-market order): the session is judged at that time. Epoch milliseconds. */
  readonly releaseAtMs?: number;
  /** Trading date in IST, `YYYY-MM-DD`. */
  readonly tradingDate: string;
  /** Last price of the instrument; absent when nobody knows one. */
  readonly lastPriceE4?: number;
  /** Reference price of an auction or of the futures' close, where it was published. */
  readonly referenceE4?: number;
  readonly calendar: MarketCalendar;
  readonly limits: Limits;
  /** Whose a limit is, by its path in `Limits`: `user`, `ceiling`, `default`. */
  readonly limitSources?: Readonly<Record<string, string>>;
  readonly halt: Halt;
  readonly exposure: Exposure;
  /** Needed only where `limits.intradayVar` is set. */
  readonly valueAtRisk?: ValueAtRisk | { readonly missing: string };
  /** What an admin corrected in the tables of margins: where a limit on the value at risk begins to throttle. */
  readonly marginCorrections?: MarginCorrections;
  /** Which order types may be sent where; absent: the table that is shipped. */
  readonly orderPolicies?: readonly OrderPolicy[];
}

/** Value at risk until the end of the session, of what is held and of what would be held, 1/10,000 rupee. */
export interface ValueAtRisk {
  readonly beforeE4: number;
  readonly afterE4: number;
  readonly method: 'parametric' | 'historical';
  readonly confidenceBp: number;
  /** Where its prices and returns are from, and of when. */
  readonly source: string;
}

/**
 * What the account's stream says at this moment, open orders included. Where it speaks of open orders it means the
 * others: never the order that is judged, should it be open already. `undefined` where a price or a record is missing: a
 * check that needs it fails closed.
 */
export interface Exposure {
  /** Of this instrument and product, signed. */
  readonly positionQuantity: number;
  /** How much of it an order of this side could close, and is promised to no other order. */
  readonly closableQuantity: number;
  /** Of `closableQuantity`, what was bought today, and so is not delivered yet. */
  readonly undeliveredQuantity: number | undefined;
  /** Executed already, of the order that is changed. */
  readonly filledQuantity: number;
  /** Units of this instrument over all products, with every other open order of this side filled. Signed. */
  readonly symbolPosition: number;
  /** Units of the other contracts on the same underlying, each at its absolute worst, open orders filled. */
  readonly otherContracts: number;
  readonly openOrders: number;
  readonly openOrderValueE4: number;
  /** Positions and the parts of open orders that open one, each at its absolute value. */
  readonly grossExposureE4: number | undefined;
  /** Of the day: `undefined` where the account has moved on to a later one already. */
  readonly dayRealisedE4: number | undefined;
  readonly dayChargesE4: number | undefined;
  /** What today made of the positions that are open: against cost, or against the last close where they were held before. */
  readonly unrealisedE4: number | undefined;
  readonly ordersToday: number | undefined;
  /** How often the order that is changed was changed already. */
  readonly modifications: number;
  /** Own open orders of the other side in this instrument, of all strategies. */
  readonly opposite: readonly OpposingOrder[];
  /** Milliseconds since the last order for the same: instrument, side, quantity and price. */
  readonly lastAlikeMs: number | undefined;
  /** What of the order that is changed is open now, at its present price. */
  readonly presentValueE4: number | undefined;
}

export interface OpposingOrder {
  readonly orderId: string;
  readonly side: Side;
  readonly orderType: OrderType | undefined;
  readonly priceE4?: number;
  readonly triggerPriceE4?: number;
}
