import { basename } from 'node:path';
import type { BrokerName } from '#brokers/client';
import { PaperMarket } from '#brokers/paper/paper-market';
import type { Instrument, Segment } from '#domain/instruments/instrument';
import type { ListingBroker } from '#instruments/broker-listing';
import { Catalogue } from '#instruments/catalogue';
import { DEMO_DAY, demoDataPath } from '#instruments/demo-data';
import { loadInstruments, loadListings } from '#instruments/load';
import { loadPriceDay, type DayPrices } from '#instruments/price-day';

/** What the simulated exchange trades: instruments with the brokers' names for them, and a recorded day of prices. */
export interface SimMarketData {
  readonly catalogue: Catalogue;
  readonly prices: ReadonlyMap<string, DayPrices>;
}

/** The configured instrument or price file cannot be used; one line for the person who set it. */
export class SimMarketError extends Error {
  override readonly name = 'SimMarketError';
}

export interface MarketFiles {
  readonly instrumentsFile?: string;
  readonly pricesFile?: string;
}

/** Loads the configured files, or those in the repository. @throws InstrumentFileError, SimMarketError in one line. */
export const loadSimMarket = async ({ instrumentsFile, pricesFile }: MarketFiles): Promise<SimMarketData> => {
  const file = instrumentsFile ?? demoDataPath('instruments.upstox.2026-01-02.json.gz');
  const validFrom = instrumentsFile === undefined ? DEMO_DAY : /\d{4}-\d{2}-\d{2}/.exec(basename(file))?.[0];
  if (validFrom === undefined)
    throw new SimMarketError(`INSTRUMENTS_FILE: the name of ${file} must contain its day as YYYY-MM-DD`);
  const [loaded, prices, ...listings] = await Promise.all([
    loadInstruments(file, { validFrom }),
    loadPriceDay(pricesFile ?? demoDataPath('prices.nse.2026-01-02.csv.gz')),
    loadListings(demoDataPath('instruments.kite.2025-12.csv.gz')),
    loadListings(demoDataPath('instruments.fyers.2025-05-15.csv.gz')),
    loadListings(demoDataPath('instruments.angelone.2025-04-08.csv.gz')),
  ]);
  const catalogue = new Catalogue(
    loaded.instruments,
    listings.flatMap((each) => each.listings),
  );
  return { catalogue, prices: prices.prices };
};

/** The replay of the recorded day, as every process plays it. */
export const marketOf = ({ prices }: SimMarketData, tickMs: number): PaperMarket => new PaperMarket(prices, tickMs);

export type Names = (name: string) => Instrument | undefined;

/** Kite's number of a segment: the low byte of its instrument token, above it the exchange's token. */
export const KITE_SEGMENT: Readonly<Partial<Record<Segment, number>>> = {
  NSE_EQ: 1,
  NSE_FO: 2,
  NCD_FO: 3,
  BSE_EQ: 4,
  BSE_FO: 5,
  BCD_FO: 6,
  MCX_FO: 7,
};

/** Where a bare token is looked for first: brokers that number by exchange use one number in several segments. */
const SEGMENT_ORDER: readonly Segment[] = [
  'NSE_EQ',
  'NSE_FO',
  'NSE_INDEX',
  'BSE_EQ',
  'BSE_FO',
  'MCX_FO',
  'NCD_FO',
  'BCD_FO',
  'NSE_COM',
  'BSE_INDEX',
];

/**
 * Finds an instrument by whatever one broker may call it: the symbols and tokens of its master file, our own symbol or key,
 * `SEGMENT|exchange token`, and for shares that the trimmed master files leave out the name that the broker would give
 * them.
 */
export const namesOf = (broker: BrokerName, { catalogue }: SimMarketData): Names => {
  const index = new Map<string, Instrument>();
  const add = (name: string, instrument: Instrument): void => {
    if (!index.has(name)) index.set(name, instrument);
  };
  const ranked = SEGMENT_ORDER.flatMap((segment) =>
    catalogue.instruments.filter((instrument) => instrument.segment === segment),
  );
  if (broker !== 'upstox') {
    for (const instrument of ranked) {
      const listing = catalogue.listingOf(broker, instrument.instrumentKey);
      if (listing !== undefined) add(listing.token, instrument);
    }
    for (const instrument of ranked) for (const name of derivedNames(broker, instrument)) add(name, instrument);
  }
  for (const instrument of ranked) add(`${instrument.segment}|${instrument.exchangeToken}`, instrument);
  return (name) => catalogue.resolveBroker(broker, name) ?? index.get(name) ?? catalogue.resolve(name);
};

const derivedNames = (broker: ListingBroker, instrument: Instrument): readonly string[] => {
  const { exchange, segment, tradingSymbol, instrumentType, exchangeToken } = instrument;
  const isShare = segment === 'NSE_EQ' || segment === 'BSE_EQ';
  if (broker === 'zerodha') {
    const symbol = `${exchange}:${tradingSymbol}${instrumentType === 'EQ' ? '' : `-${instrumentType}`}`;
    const code = KITE_SEGMENT[segment];
    const token = code === undefined ? [] : [String(Number(exchangeToken) * 256 + code)];
    return isShare ? [symbol, ...token] : token;
  }
  return isShare ? [`${exchange}:${tradingSymbol}-${instrumentType}`, exchangeToken] : [exchangeToken];
};
