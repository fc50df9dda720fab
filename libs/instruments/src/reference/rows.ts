import type { SurveillanceMeasure } from '#domain/instruments/facts';
import type { Segment } from '#domain/instruments/instrument';

import type { Contract } from '../symbols';

/**
 * One row of a reference file once it made sense by itself, still named as the file names things: by symbol and series, by
 * exchange token, by contract. Which instrument that is on a given day is found out later, see `day.ts`.
 */
export type ReferenceRow =
  /** Upstox' list of what may be traded intraday, and at which margin. */
  | { readonly kind: 'intraday'; readonly instrumentKey: string; readonly marginBp: number }
  /** NSE's bands; without `basisPoints` the share has no fixed band. */
  | { readonly kind: 'band'; readonly symbol: string; readonly series: string; readonly basisPoints?: number }
  /** BSE's bands of contracts, by token. */
  | { readonly kind: 'price-band'; readonly token: string; readonly lowerE4: number; readonly upperE4: number }
  | {
      readonly kind: 'surveillance';
      readonly symbol: string;
      readonly series: string;
      readonly measures: readonly { readonly measure: SurveillanceMeasure; readonly stage: number }[];
    }
  /** Extreme loss margin of derivatives: of futures and short options, or of options far out of the money. */
  | {
      readonly kind: 'contract-elm';
      readonly symbol: string;
      readonly reach: 'others' | 'far-out';
      readonly basisPoints: number;
    }
  /** Extreme loss margin of shares. */
  | { readonly kind: 'cash-elm'; readonly symbol: string; readonly series: string; readonly basisPoints: number }
  /** The printed figure is read as the first quantity refused: the reading that is never rejected. */
  | { readonly kind: 'freeze'; readonly symbol: string; readonly quantity: number }
  | { readonly kind: 'market-limit'; readonly symbol: string; readonly quantity: number }
  | {
      readonly kind: 'client-limit';
      readonly symbol: string;
      readonly exchange: string;
      readonly quantity: number;
    }
  | {
      readonly kind: 'cash-close';
      readonly symbol: string;
      readonly series: string;
      readonly date: string;
      readonly priceE4: number;
    }
  /** Our own price days name instruments by key. */
  | { readonly kind: 'keyed-close'; readonly instrumentKey: string; readonly priceE4: number }
  | ContractPrice
  /** What a broker asked for one lot of a near future. */
  | {
      readonly kind: 'future-margin';
      readonly symbol: string;
      readonly lotSize: number;
      readonly marginE4: number;
    }
  | WorstLoss
  | {
      readonly kind: 'market-lot';
      readonly symbol: string;
      /** Lot size by expiry month, `YYYY-MM`. */
      readonly lots: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'daily-sigma'; readonly symbol: string; readonly millionths: number; readonly said: string }
  /** What an underlying's price moved by on one past day, in millionths. */
  | { readonly kind: 'past-return'; readonly symbol: string; readonly day: string; readonly millionths: number }
  | Holiday;

export interface ContractPrice {
  readonly kind: 'contract-price';
  readonly segment: Segment;
  readonly contract: Contract;
  readonly underlyingKind: 'index' | 'stock';
  /** The exchange's settlement price, or its close where the file has no settlement price. */
  readonly priceE4: number;
  readonly underlyingPriceE4?: number;
  readonly date?: string;
}

/** The worst of the sixteen scenarios of a contract, as computed from a SPAN file elsewhere. */
export interface WorstLoss {
  readonly kind: 'worst-loss';
  readonly contract: Contract;
  readonly priceE4: number;
  readonly delta: number;
  readonly lossPerUnitE4: number;
  readonly lotSize: number;
  readonly underlyingPriceE4: number;
}

/** A day on which a segment is closed, or one of its sessions is. Segments by the exchange's letters: `CM`, `FO`, `COM`. */
export interface Holiday {
  readonly kind: 'holiday';
  readonly segment: string;
  /** The day off, not the day of the file. */
  readonly day: string;
  readonly description: string;
  /** Commodity segments close by session; others for the whole day. */
  readonly morning: 'open' | 'closed';
  readonly evening: 'open' | 'closed';
}

export type ReferenceKind = ReferenceRow['kind'] | 'span';

/** What makes two rows of one file speak of the same thing. */
export const keyOf = (row: ReferenceRow): string => {
  switch (row.kind) {
    case 'intraday':
    case 'keyed-close':
      return row.instrumentKey;
    case 'band':
    case 'surveillance':
    case 'cash-elm':
    case 'cash-close':
      return `${row.symbol} ${row.series}`;
    case 'price-band':
      return row.token;
    case 'contract-elm':
      return `${row.symbol} ${row.reach}`;
    case 'client-limit':
      return `${row.symbol} ${row.exchange}`;
    case 'freeze':
    case 'market-limit':
    case 'future-margin':
    case 'market-lot':
    case 'daily-sigma':
      return row.symbol;
    case 'contract-price':
    case 'worst-loss':
      return contractKey(row.contract);
    case 'past-return':
      return `${row.symbol} ${row.day}`;
    case 'holiday':
      return `${row.segment} ${row.day}`;
  }
};

/** A contract's terms in one text. Its exchange token is no name for it: tokens are used again. */
export const contractKey = ({ underlyingSymbol, instrumentType, expiry, strikeE4 }: Contract): string =>
  `${underlyingSymbol}|${instrumentType}|${expiry}|${String(strikeE4 ?? '')}`;

/**
 * What one file replaces: files of one slot are later or earlier forms of the same thing. Contract prices come from each
 * exchange by itself.
 */
export const slotOf = (row: ReferenceRow): string =>
  row.kind === 'contract-price' ? `${row.kind} ${row.segment}` : row.kind;
