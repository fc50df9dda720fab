import type { OrderType, Product } from '../orders/order';
import type { Certainty, Dated } from '../dated';
import type { PhaseClass, PhaseName } from './phases';

/** Why an order cannot be entered now. Stable: clients and tests know them by name. */
export const TRADING_CODES = [
  'NOT_TRADED',
  'CALENDAR_UNKNOWN',
  'SPECIAL_SESSION_TIMINGS_UNKNOWN',
  'WEEKEND',
  'HOLIDAY',
  'PARTIAL_HOLIDAY',
  'PHASES_UNKNOWN',
  'SERIES_DISCONTINUED',
  'T2T',
  'LISTING_DAY',
  'WEEKLY_TRADING_ONLY',
  'BEFORE_OPEN',
  'BETWEEN_SESSIONS',
  'AFTER_CLOSE',
  'PRE_OPEN_MATCHING',
  'CAS_TRANSITION',
  'CAS_MATCHING',
  'CLOSE_TRANSITION',
  'NO_SESSION',
  'CALL_AUCTION_MATCHING',
  'MARKET_ORDERS_FROZEN',
  'LIMIT_ONLY',
  'STOP_NOT_ALLOWED',
  'IOC_NOT_ALLOWED',
  'DISCLOSED_NOT_ALLOWED',
  'DELIVERY_ONLY',
  'POST_CLOSE_PRICE_FIXED',
  'SUSPENDED',
  'EXPIRED',
] as const;

export type TradingCode = (typeof TRADING_CODES)[number];

/** What an exchange takes in a phase. */
export interface PhaseRule {
  /** As a new order, and as what an order may be modified from and to. Nothing: nothing at all is taken. */
  readonly takes: readonly OrderType[];
  readonly cancels: readonly OrderType[];
  readonly immediateOrCancel: boolean;
  readonly disclosedQuantity: boolean;
  /** All products where it is absent. */
  readonly products?: readonly Product[];
  /** A modify may change the quantity, but not the price. */
  readonly fixedPrice?: true;
  /** Named when an order type is not taken. */
  readonly codes: Partial<Record<OrderType, TradingCode>> & { readonly otherwise: TradingCode };
  /** For the trader: what the exchange is doing. */
  readonly says: string;
  readonly certainty: Certainty;
}

const ALL: readonly OrderType[] = ['MARKET', 'LIMIT', 'SL', 'SL_M'];
const NO_STOPS: readonly OrderType[] = ['MARKET', 'LIMIT'];
/** Without market orders. A stop that was triggered stands in the book as a limit order, and can be taken out of it. */
const NOT_MARKET: readonly OrderType[] = ['LIMIT', 'SL', 'SL_M'];
const LIMIT: readonly OrderType[] = ['LIMIT'];

const STOPS = { SL: 'STOP_NOT_ALLOWED', SL_M: 'STOP_NOT_ALLOWED' } as const;

const auction = (
  says: string,
  takes: readonly OrderType[],
  cancels: readonly OrderType[],
  market: TradingCode = 'LIMIT_ONLY',
): PhaseRule => ({
  takes,
  cancels,
  immediateOrCancel: false,
  disclosedQuantity: false,
  codes: { ...STOPS, MARKET: market, otherwise: 'LIMIT_ONLY' },
  says,
  certainty: 'confirmed',
});

const nothing = (code: TradingCode, says: string): PhaseRule => ({
  takes: [],
  cancels: [],
  immediateOrCancel: false,
  disclosedQuantity: false,
  codes: { otherwise: code },
  says,
  certainty: 'confirmed',
});

/** Order types by phase. A rule that changes on a date changes with the phases of that date: see `phases.ts`. */
export const PHASE_RULES: Readonly<Record<PhaseName, PhaseRule>> = {
  continuous: {
    takes: ALL,
    cancels: ALL,
    immediateOrCancel: true,
    disclosedQuantity: true,
    codes: { otherwise: 'LIMIT_ONLY' },
    says: 'continuous trading',
    certainty: 'confirmed',
  },
  'pre-open': auction('the pre-open collects limit and market orders', NO_STOPS, ALL),
  'pre-open-limit-only': auction(
    'market orders are frozen in the second half of the pre-open',
    LIMIT,
    NOT_MARKET,
    'MARKET_ORDERS_FROZEN',
  ),
  'pre-open-match': nothing('PRE_OPEN_MATCHING', 'the exchange matches the pre-open'),
  'pre-open-buffer': nothing('PRE_OPEN_MATCHING', 'the exchange moves from the pre-open to continuous trading'),
  'closing-reference': nothing('CAS_TRANSITION', 'the exchange sets the reference price of the closing auction'),
  'closing-entry': auction('the closing auction collects limit and market orders', NO_STOPS, ALL),
  'closing-limit-only': auction(
    'market orders are currently not allowed in the closing auction',
    LIMIT,
    NOT_MARKET,
    'MARKET_ORDERS_FROZEN',
  ),
  'closing-match': nothing('CAS_MATCHING', 'the exchange matches the closing auction'),
  transition: nothing('CLOSE_TRANSITION', 'the exchange prepares trading at the closing price'),
  'post-close': {
    ...auction('trading at the closing price', NO_STOPS, ALL),
    products: ['CNC'],
    fixedPrice: true,
  },
  block: { ...auction('block deal window', LIMIT, ALL), products: ['CNC'] },
  'call-auction': { ...auction('a call auction collects limit orders', LIMIT, ALL), certainty: 'inferred' },
  'call-auction-match': nothing('CALL_AUCTION_MATCHING', 'the exchange matches the call auction'),
  'call-auction-buffer': nothing('CALL_AUCTION_MATCHING', 'the exchange rests before the next call auction'),
  'listing-pre-open': auction('the pre-open of a listing collects limit orders', LIMIT, ALL),
  'listing-match': nothing('PRE_OPEN_MATCHING', 'the exchange finds the first price of the listing'),
  'listing-buffer': nothing('PRE_OPEN_MATCHING', 'the exchange moves from the listing to continuous trading'),
};

/** What orders through an API may not do in a class of instruments, whatever the phase. */
export interface ClassRule extends Dated {
  readonly classes: readonly PhaseClass[];
  readonly immediateOrCancel: boolean;
  readonly products?: readonly Product[];
  readonly rule: string;
}

export const CLASS_RULES: readonly ClassRule[] = [
  {
    from: '2025-01-31',
    classes: ['same-day'],
    immediateOrCancel: true,
    products: ['CNC'],
    rule: 'shares settled on the same day are delivered',
    certainty: 'inferred',
    source: 'series T0 is delivery',
  },
  {
    from: '2025-10-01',
    classes: ['commodity', 'agri', 'agri-evening'],
    immediateOrCancel: false,
    rule: 'no immediate-or-cancel orders from an API in commodities',
    certainty: 'inferred',
    source: 'framework for retail algorithms; its first day is not confirmed for this rule',
  },
];
