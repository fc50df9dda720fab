import type { Instrument } from '#domain/instruments/instrument';

import { indexName, isSameContract, isSameInstrument, type BrokerListing, type ListingBroker } from './broker-listing';
import type { InstrumentLoad, ListingLoad } from './load';
import { InstrumentFileError } from './source';
import { exchangeOf } from './segments';

/** How many of one broker's listings could be tied to an instrument. */
export interface Mapping {
  readonly mapped: number;
  /** No instrument has that exchange token (or index name). */
  readonly unknown: number;
  /** The token belongs to something else by now: files of different days, or a token used again. Not mapped. */
  readonly different: number;
  /** Mapped, but the broker's lot size is another: files of different days. */
  readonly lotSizeDiffers: number;
}

/** Longest symbol or key that is looked up at all. */
const MAX_NAME = 200;

/**
 * All instruments of one day, found by name in memory. Never changed once built: a new day is a new catalogue.
 * Instruments must have unique keys and symbols, as `loadInstruments` delivers them.
 */
export class Catalogue {
  static readonly empty = new Catalogue([]);

  private readonly byKey = new Map<string, Instrument>();
  private readonly bySymbol = new Map<string, Instrument>();
  private readonly byIndexName = new Map<string, Instrument>();
  private readonly byBrokerSymbol = new Map<string, Instrument>();
  private readonly listed = new Map<
    ListingBroker,
    { readonly byKey: Map<string, BrokerListing>; readonly mapping: ReturnType<typeof nothing> }
  >();

  constructor(
    readonly instruments: readonly Instrument[],
    brokerListings: Iterable<BrokerListing> = [],
  ) {
    for (const instrument of instruments) {
      this.byKey.set(instrument.instrumentKey, instrument);
      this.bySymbol.set(instrument.symbol.toUpperCase(), instrument);
    }
    if (this.byKey.size !== instruments.length || this.bySymbol.size !== instruments.length)
      throw new Error('instruments of one catalogue must have unique keys and symbols');
    // An index is also known by its full name: NSE:NIFTY is NSE:Nifty 50. No symbol of another instrument is overridden.
    for (const index of instruments.filter(({ instrumentType }) => instrumentType === 'INDEX')) {
      for (const name of [index.name, index.tradingSymbol])
        this.byIndexName.set(indexNameOf(index.exchange, name), index);
      const alias = `${index.exchange}:${index.name}`.toUpperCase();
      if (!this.bySymbol.has(alias)) this.bySymbol.set(alias, index);
    }
    this.tieListings(brokerListings);
  }

  get size(): number {
    return this.instruments.length;
  }

  /**
   * The instrument with this canonical symbol (`NSE:RELIANCE`, `NSE:NIFTY 26000 CE 27 JAN 26`, `NSE:Nifty 50`; case
   * and surrounding space do not matter) or instrument key (`NSE_EQ|INE002A01018`). Expired contracts of the day's
   * file are found too, see `isExpired`.
   */
  resolve(symbolOrKey: string): Instrument | undefined {
    if (symbolOrKey.length > MAX_NAME) return undefined;
    const name = symbolOrKey.trim();
    return this.bySymbol.get(name.toUpperCase()) ?? this.byKey.get(name);
  }

  /** The instrument that a broker calls by this symbol: `BrokerListing.symbol`, or the instrument key for Upstox. */
  resolveBroker(broker: ListingBroker | 'upstox', symbol: string): Instrument | undefined {
    return broker === 'upstox' ? this.byKey.get(symbol) : this.byBrokerSymbol.get(`${broker} ${symbol}`);
  }

  /** How a broker wants this instrument named, where its master file was loaded and lists it. */
  listingOf(broker: ListingBroker, instrumentKey: string): BrokerListing | undefined {
    return this.listed.get(broker)?.byKey.get(instrumentKey);
  }

  /** What became of a broker's listings; `undefined` when none were given. */
  mappingOf(broker: ListingBroker): Mapping | undefined {
    return this.listed.get(broker)?.mapping;
  }

  private tieListings(brokerListings: Iterable<BrokerListing>): void {
    const byToken = new Map(this.instruments.map((each) => [`${each.segment}|${each.exchangeToken}`, each]));
    for (const listing of brokerListings) {
      // Every broker numbers indices in its own way; shares and contracts carry the exchange's number.
      const instrument =
        listing.segment === 'NSE_INDEX' || listing.segment === 'BSE_INDEX'
          ? this.byIndexName.get(indexNameOf(exchangeOf(listing.segment), listing.exchangeSymbol))
          : byToken.get(`${listing.segment}|${listing.exchangeToken}`);
      const listed = this.listed.get(listing.broker) ?? { byKey: new Map<string, BrokerListing>(), mapping: nothing() };
      this.listed.set(listing.broker, listed);
      if (instrument === undefined) listed.mapping.unknown += 1;
      else if (!isSameInstrument(listing, instrument)) listed.mapping.different += 1;
      else {
        listed.mapping.mapped += 1;
        if (listing.lotSize !== instrument.lotSize) listed.mapping.lotSizeDiffers += 1;
        this.byBrokerSymbol.set(`${listing.broker} ${listing.symbol}`, instrument);
        // A broker may list one index under two names (Angel One): the first is kept.
        if (!listed.byKey.has(instrument.instrumentKey)) listed.byKey.set(instrument.instrumentKey, listing);
      }
    }
  }
}

const nothing = () => ({ mapped: 0, unknown: 0, different: 0, lotSizeDiffers: 0 });

const indexNameOf = (exchange: string, name: string): string => `${exchange}:${indexName(name)}`;

/** Whether a contract's last trading day lies before a date (`YYYY-MM-DD`, IST). What has no expiry never expires. */
export const isExpired = ({ expiry }: Instrument, date: string): boolean => expiry !== undefined && expiry < date;

/**
 * What `replace` did. `reusedKeys`: derivative keys that name another contract than they did in the catalogue before.
 */
export type Replacement =
  | {
      readonly outcome: 'replaced';
      readonly load: InstrumentLoad;
      readonly added: number;
      readonly removed: number;
      readonly reusedKeys: number;
    }
  | { readonly outcome: 'kept'; readonly reason: string };

/**
 * A new file must reach this share of the present catalogue, in total and in each cash segment, and may refuse few of
 * its rows.
 */
const SMALLEST_SHARE = 0.8;
const LARGEST_REFUSED_SHARE = 0.05;

/**
 * Holds the catalogue everybody uses and swaps it whole. A reader that takes `current` once sees one consistent day.
 */
export class InstrumentCatalogue {
  private held: { readonly catalogue: Catalogue; readonly validFrom: string } = {
    catalogue: Catalogue.empty,
    validFrom: '',
  };

  /** Empty until the first `replace`. */
  get current(): Catalogue {
    return this.held.catalogue;
  }

  /** Trading day of the current catalogue, `YYYY-MM-DD` in IST; empty before the first `replace`. */
  get validFrom(): string {
    return this.held.validFrom;
  }

  /**
   * Takes over what `load` brings, or keeps the present catalogue and says why: the file was refused, is older than
   * what is held, or holds suspiciously little. Errors other than `InstrumentFileError` pass through.
   */
  async replace(
    load: () => Promise<{ readonly instruments: InstrumentLoad; readonly listings?: readonly ListingLoad[] }>,
  ): Promise<Replacement> {
    try {
      const { instruments: loaded, listings = [] } = await load();
      const before = this.current;
      const objection = this.objectionTo(loaded);
      if (objection !== undefined) return { outcome: 'kept', reason: objection };
      const catalogue = new Catalogue(
        loaded.instruments,
        listings.flatMap((listing) => listing.listings),
      );
      this.held = { catalogue, validFrom: loaded.validFrom };
      return { outcome: 'replaced', load: loaded, ...compare(before, catalogue) };
    } catch (error) {
      if (error instanceof InstrumentFileError) return { outcome: 'kept', reason: error.message };
      throw error;
    }
  }

  private objectionTo({ validFrom, instruments, summary }: InstrumentLoad): string | undefined {
    if (validFrom < this.validFrom) return `the file is of ${validFrom}, older than the catalogue of ${this.validFrom}`;
    if (summary.refused > summary.rows * LARGEST_REFUSED_SHARE)
      return `${String(summary.refused)} of ${String(summary.rows)} rows were refused, mostly: ${summary.refusals[0]?.reason ?? ''}`;
    const isCash = (segment: string) => (instrument: Instrument) => instrument.segment === segment;
    const parts = [
      { what: 'instruments', of: () => true },
      { what: 'NSE_EQ instruments', of: isCash('NSE_EQ') },
      { what: 'BSE_EQ instruments', of: isCash('BSE_EQ') },
    ];
    for (const { what, of } of parts) {
      const [before, now] = [this.current.instruments.filter(of).length, instruments.filter(of).length];
      if (now < before * SMALLEST_SHARE)
        return `only ${String(now)} ${what} where the catalogue holds ${String(before)}`;
    }
    return undefined;
  }
}

const compare = (before: Catalogue, now: Catalogue) => {
  const kept = now.instruments.flatMap((instrument) => {
    const former = before.resolveBroker('upstox', instrument.instrumentKey);
    return former === undefined ? [] : [{ former, instrument }];
  });
  return {
    added: now.size - kept.length,
    removed: before.size - kept.length,
    reusedKeys: kept.filter(
      ({ former, instrument }) => instrument.expiry !== undefined && !isSameContract(former, instrument),
    ).length,
  };
};
