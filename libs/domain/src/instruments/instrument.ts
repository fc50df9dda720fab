/** What can be traded, as the domain needs to know it. Filled by the loaders in `libs/instruments`. */

export type Exchange = 'NSE' | 'BSE' | 'MCX';

export type Segment =
  'NSE_EQ' | 'BSE_EQ' | 'NSE_FO' | 'BSE_FO' | 'NCD_FO' | 'BCD_FO' | 'MCX_FO' | 'NSE_COM' | 'NSE_INDEX' | 'BSE_INDEX';

export const SECURITY_TYPES = ['NORMAL', 'SME', 'PCA', 'IPO'] as const;
export type SecurityType = (typeof SECURITY_TYPES)[number];

/**
 * One tradable (or, for an index, quotable) contract.
 *
 * - `instrumentKey`: `SEGMENT|ISIN` for cash, `SEGMENT|exchange token` for derivatives. Unique on one day only:
 *   exchanges re-use tokens after expiry, so a history is keyed by (instrumentKey, validFrom).
 * - `symbol`: our own canonical name, unique on one day: `NSE:RELIANCE`, `NSE:NIFTY 26000 CE 27 JAN 26`.
 * - `lotSize` and `tickSizeE4` are absent where nothing can be ordered (indices).
 * - `freezeQuantity`: the first quantity refused in one order; absent where the source has no real figure.
 * - Dates are `YYYY-MM-DD` in IST. Prices are integers of 1/10,000 rupee.
 */
export interface Instrument {
  readonly instrumentKey: string;
  readonly validFrom: string;
  readonly symbol: string;
  readonly tradingSymbol: string;
  readonly name: string;
  readonly exchange: Exchange;
  readonly segment: Segment;
  /** Series for cash (`EQ`, `BE`, `SM`, …), `FUT`, `CE`, `PE` for derivatives, `INDEX`. */
  readonly instrumentType: string;
  readonly exchangeToken: string;
  readonly isin?: string;
  readonly lotSize?: number;
  readonly tickSizeE4?: number;
  readonly freezeQuantity?: number;
  readonly expiry?: string;
  readonly strikeE4?: number;
  readonly underlyingSymbol?: string;
  /** What a contract is on, where the source says so; absent on currencies, interest rates and commodities. */
  readonly underlyingKind?: 'index' | 'stock';
  /** NSE cash only: `PCA` trades in periodic call auctions, `IPO` is on its first days. */
  readonly securityType?: SecurityType;
  /** May be bought with the broker's money: the margin asked for, basis points of its value. */
  readonly funded?: { readonly marginBp: number };
}
