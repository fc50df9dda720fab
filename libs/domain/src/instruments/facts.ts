/**
 * What the files of a day say of an instrument beyond its broker's master: bands, surveillance, eligibility, margin
 * rates, closes. Everything is optional: what no file said is not known, and a check that needs it fails closed.
 * Filled by `libs/instruments/src/reference`.
 */

/** Which file said so, and from which trading day on it counts (`YYYY-MM-DD`, IST). */
export interface Sourced {
  readonly effectiveFrom: string;
  readonly source: string;
}

/**
 * How far from the previous close an order may be priced. `percent`: fixed, either side. `dynamic`: 10 % to begin with, the
 * exchange widens it during the day. `prices`: the file names both ends.
 */
export type PriceBand = Sourced &
  (
    | { readonly kind: 'percent'; readonly basisPoints: number }
    | { readonly kind: 'dynamic' }
    | { readonly kind: 'prices'; readonly lowerE4: number; readonly upperE4: number }
  );

export type SurveillanceMeasure = 'ST-ASM' | 'LT-ASM' | 'GSM' | 'ESM' | 'IRP';

export interface Surveillance extends Sourced {
  readonly measure: SurveillanceMeasure;
  /** 0 to 6 for GSM, 1 to 4 for long-term ASM, 1 or 2 for short-term ASM and ESM, any for IRP. */
  readonly stage: number;
}

/** A margin rate on the value of a position, in basis points: 2,000 is a leverage of 5. */
export interface MarginRate extends Sourced {
  readonly marginBp: number;
}

export interface InstrumentFacts {
  /** Official close (cash) or settlement price (contracts) of the last session, 1/10,000 rupee. */
  readonly previousClose?: Sourced & { readonly priceE4: number };
  readonly band?: PriceBand;
  readonly surveillance?: readonly Surveillance[];
  /** Listed in the broker's intraday (MIS) file. Absent while such a file was loaded: not eligible. */
  readonly intraday?: MarginRate;
  /** Listed as margin funded (MTF). */
  readonly funded?: MarginRate;
  /** The exchange's value at risk and extreme loss margin of a share, basis points of its value. */
  readonly cashMargin?: Sourced & { readonly varBp: number; readonly elmBp: number };
  readonly suspended?: Sourced;
  /** Traded in periodic call auctions only. */
  readonly callAuction?: Sourced;
  /** Listed today, or relisted: the restrictions of a first day. */
  readonly listingDay?: Sourced;
  /** A share with live contracts on it: its day ends with the closing auction, and its band flexes. */
  readonly hasDerivatives?: Sourced;
  /** The exchange's limit on one order, first quantity refused, where a file of the exchange says so. */
  readonly freezeQuantity?: Sourced & { readonly quantity: number };
  /** What was said too long ago to count: see `freshness.ts`. */
  readonly outdated?: { readonly previousClose?: Sourced; readonly band?: Sourced };
}

/** Lists that name what is forbidden: who is not named is free, but only where such a list was loaded at all. */
export type FactList = 'suspended' | 'ban';

/** What is known of the thing that contracts are on: an index or a share. By the exchange's symbol: `NIFTY`, `RELIANCE`. */
export interface UnderlyingFacts {
  readonly symbol: string;
  readonly kind: 'index' | 'stock';
  /** Its price at the last close, 1/10,000 rupee. */
  readonly price?: Sourced & { readonly priceE4: number };
  /** Volatility of one day, as a fraction in units of 1/1,000,000 (1.2 % is 12,000), and what it was taken from. */
  readonly dailySigma?: Sourced & { readonly millionths: number };
  /** Returns of past days, oldest first, in units of 1/1,000,000. */
  readonly returns?: Sourced & { readonly millionths: readonly number[] };
  /** Extreme loss margin in basis points of notional: of futures and short options, and of options far out of the money. */
  readonly elm?: Sourced & { readonly othersBp: number; readonly farOutBp: number };
  /** Market-wide position limit reached: only orders that reduce a position. */
  readonly banned?: Sourced;
  /** Most that one client may hold, in units. */
  readonly clientLimit?: Sourced & { readonly quantity: number };
}

/** A day's facts, found by name. Never changed once built. */
export interface MarketFacts {
  /** No facts at all is an empty object. */
  of(instrumentKey: string): InstrumentFacts;
  underlying(symbol: string): UnderlyingFacts | undefined;
  /** The newest list of a kind that was loaded; none where nobody brought one. */
  sourceOf?(list: FactList): Sourced | undefined;
}

export const NO_FACTS: MarketFacts = { of: () => ({}), underlying: () => undefined };
