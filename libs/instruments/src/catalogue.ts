import type { Instrument, Segment } from '#domain/instruments/instrument';

import { indexName, isSameInstrument, type BrokerListing, type ListingBroker } from './broker-listing';
import { missingAt, ConflictTally, type Conflict } from './conflicts';
import { objectionTo } from './objection';
import { countsOf, diffCatalogues, type CatalogueDiff } from './diff';
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
  private readonly listed = new Map<ListingBroker, Listed>();

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
    // In the order of keys: two processes with the same instruments agree, in whatever order these came.
    const indices = instruments.filter(({ instrumentType }) => instrumentType === 'INDEX');
    for (const index of indices.sort((a, b) => (a.instrumentKey < b.instrumentKey ? -1 : 1))) {
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

  /**
   * The instrument by name that an order of this date (`YYYY-MM-DD`, IST) may be for: an expired contract is no longer
   * one, though the day's file may still hold it.
   */
  tradable(symbolOrKey: string, date: string): Instrument | undefined {
    const instrument = this.resolve(symbolOrKey);
    return instrument === undefined || isExpired(instrument, date) ? undefined : instrument;
  }

  /** What the brokers' master files and ours do not agree on; nothing about brokers whose file was not given. */
  conflicts(): readonly Conflict[] {
    return [...this.listed].flatMap(([broker, { byKey, tally, covered }]) => [
      ...tally.conflicts(),
      ...missingAt(broker, this.instruments, { covered, isListed: (key) => byKey.has(key) }),
    ]);
  }

  private tieListings(brokerListings: Iterable<BrokerListing>): void {
    const byToken = new Map(this.instruments.map((each) => [`${each.segment}|${each.exchangeToken}`, each]));
    for (const listing of brokerListings) {
      // Every broker numbers indices in its own way; shares and contracts carry the exchange's number.
      const instrument =
        listing.segment === 'NSE_INDEX' || listing.segment === 'BSE_INDEX'
          ? this.byIndexName.get(indexNameOf(exchangeOf(listing.segment), listing.exchangeSymbol))
          : byToken.get(`${listing.segment}|${listing.exchangeToken}`);
      const listed = this.listed.get(listing.broker) ?? nothingListed(listing.broker);
      this.listed.set(listing.broker, listed);
      listed.covered.add(listing.segment);
      if (instrument === undefined) listed.mapping.unknown += 1;
      else if (!isSameInstrument(listing, instrument)) {
        listed.mapping.different += 1;
        listed.tally.add('different-instrument', { symbol: instrument.symbol, listed: listing.symbol });
      } else {
        listed.mapping.mapped += 1;
        listed.tally.compare(listing, instrument);
        if (listing.lotSize !== instrument.lotSize) listed.mapping.lotSizeDiffers += 1;
        this.byBrokerSymbol.set(`${listing.broker} ${listing.symbol}`, instrument);
        // A broker may list one index under two names (Angel One): the first is kept.
        if (!listed.byKey.has(instrument.instrumentKey)) listed.byKey.set(instrument.instrumentKey, listing);
      }
    }
  }
}

/** What is known from one broker's file. */
interface Listed {
  readonly byKey: Map<string, BrokerListing>;
  readonly mapping: { -readonly [Count in keyof Mapping]: number };
  readonly tally: ConflictTally;
  readonly covered: Set<Segment>;
}

const nothingListed = (broker: ListingBroker): Listed => ({
  byKey: new Map(),
  mapping: { mapped: 0, unknown: 0, different: 0, lotSizeDiffers: 0 },
  tally: new ConflictTally(broker),
  covered: new Set(),
});

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
      readonly changed: number;
      readonly reusedKeys: number;
      readonly diff: CatalogueDiff;
    }
  | { readonly outcome: 'kept'; readonly reason: string };

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
      const before = this.current.instruments;
      const objection = objectionTo(loaded, { instruments: before, validFrom: this.validFrom });
      if (objection !== undefined) return { outcome: 'kept', reason: objection };
      this.take(loaded.instruments, listings, loaded.validFrom);
      const diff = diffCatalogues(before, loaded.instruments);
      return { outcome: 'replaced', load: loaded, ...countsOf(diff), diff };
    } catch (error) {
      if (error instanceof InstrumentFileError) return { outcome: 'kept', reason: error.message };
      throw error;
    }
  }

  /** Swaps in instruments that were judged elsewhere: those that another process has stored. */
  take(instruments: readonly Instrument[], listings: readonly ListingLoad[], validFrom: string): void {
    const catalogue = new Catalogue(
      instruments,
      listings.flatMap((listing) => listing.listings),
    );
    this.held = { catalogue, validFrom };
  }
}
