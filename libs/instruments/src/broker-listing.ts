import type { Instrument, Segment } from '#domain/instruments/instrument';

import type { Contract } from './symbols';

/** Brokers that name instruments in their own way. Upstox names them by instrument key, as we do. */
export type ListingBroker = 'zerodha' | 'fyers' | 'angelone';

/**
 * One instrument as another broker's master file lists it: how that broker wants it named, and what proves which
 * instrument it is.
 *
 * - `symbol`: exchange and symbol in the broker's own words: Zerodha `NSE:RELIANCE`, `NFO:NIFTY26JANFUT`; Fyers and
 *   Angel One `NSE:SBIN-EQ`. Unique in one file.
 * - `token`: the broker's number for it (Kite `instrument_token`, Fyers token, Angel One `symboltoken`).
 * - `exchangeToken`: the exchange's number. It says nothing by itself: exchanges use it again after expiry.
 * - `exchangeSymbol`: the exchange's symbol as far as the broker prints it (`SBIN` or `SBIN-EQ`; an index's name).
 * - `contract`: for derivatives only. `lotSize` and `tickSizeE4` are absent where nothing can be ordered.
 */
export interface BrokerListing {
  readonly broker: ListingBroker;
  readonly symbol: string;
  readonly token: string;
  readonly segment: Segment;
  readonly exchangeToken: string;
  readonly exchangeSymbol: string;
  readonly isin?: string;
  readonly contract?: Contract;
  readonly lotSize?: number;
  readonly tickSizeE4?: number;
}

/** Name of an index without what sources disagree on: `NIFTY IT`, `NIFTYIT` and `Nifty IT` are one. */
export const indexName = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9&]/g, '');

/**
 * Whether a broker's listing and one of our instruments, found under the same exchange token (or index name), are the
 * same thing: the contract for derivatives, the ISIN or the exchange symbol for shares. An ISIN alone may change (a
 * split) and a symbol alone may change (a new name); when both differ the token has been given to something else.
 */
export const isSameInstrument = (listing: BrokerListing, instrument: Instrument): boolean => {
  if (listing.segment !== instrument.segment) return false;
  if (listing.contract !== undefined) return isSameContract(listing.contract, instrument);
  if (instrument.instrumentType === 'INDEX') return true;
  const { tradingSymbol, instrumentType, isin } = instrument;
  return (
    (listing.isin !== undefined && listing.isin === isin) ||
    listing.exchangeSymbol === tradingSymbol ||
    listing.exchangeSymbol === `${tradingSymbol}-${instrumentType}`
  );
};

type ContractTerms = Pick<Instrument, 'underlyingSymbol' | 'instrumentType' | 'expiry' | 'strikeE4'>;

/** Whether two descriptions name the same derivative contract. */
export const isSameContract = (a: ContractTerms, b: ContractTerms): boolean =>
  a.underlyingSymbol === b.underlyingSymbol &&
  a.instrumentType === b.instrumentType &&
  a.expiry === b.expiry &&
  a.strikeE4 === b.strikeE4;
