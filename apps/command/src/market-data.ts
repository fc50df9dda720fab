import { basename } from 'node:path';
import { InstrumentCatalogue } from '#instruments/catalogue';
import { DEMO_DAY, demoDataPath } from '#instruments/demo-data';
import { loadInstruments, loadListings } from '#instruments/load';
import { loadPriceDay, type PriceDay } from '#instruments/price-day';
import type { Catalogue } from '#instruments/catalogue';
import type { Config } from '#platform/config';
import type { Logger } from '#platform/logging';

/** The configured instrument or price file cannot be used; one line for the person who set it. */
export class MarketDataError extends Error {
  override readonly name = 'MarketDataError';
}

export interface MarketData {
  readonly catalogue: Catalogue;
  readonly prices: PriceDay;
  /** The day whose instruments are loaded. */
  readonly instrumentDate: string;
  /** The day the prices were recorded on. */
  readonly priceDate: string;
}

/** The day that a recorded file is of, by its name: `…2026-01-02….csv.gz`. */
const dateOf = (file: string, variable: string): string => {
  const [date] = /\d{4}-\d{2}-\d{2}/.exec(basename(file)) ?? [];
  if (date === undefined)
    throw new MarketDataError(`${variable}: the name of ${file} must contain its day as YYYY-MM-DD`);
  return date;
};

/** How the brokers name instruments, from the files in the repository: as old as these are. */
const LISTINGS = [
  'instruments.kite.2025-12.csv.gz',
  'instruments.fyers.2025-05-15.csv.gz',
  'instruments.angelone.2025-04-08.csv.gz',
] as const;

/** Loads the instruments, the brokers' names for them and the recorded prices: the configured files, or the repository's. */
export const loadMarketData = async (
  { instrumentsFile, listingsFiles, pricesFile }: Config,
  logger: Logger,
): Promise<MarketData> => {
  const instruments = instrumentsFile ?? demoDataPath('instruments.upstox.2026-01-02.json.gz');
  const validFrom = instrumentsFile === undefined ? DEMO_DAY : dateOf(instrumentsFile, 'INSTRUMENTS_FILE');
  const holder = new InstrumentCatalogue();
  const replacement = await holder.replace(async () => ({
    instruments: await loadInstruments(instruments, { validFrom }),
    listings: await Promise.all((listingsFiles ?? LISTINGS.map(demoDataPath)).map(loadListings)),
  }));
  if (replacement.outcome === 'kept')
    throw new MarketDataError(`INSTRUMENTS_FILE or LISTINGS_FILES: ${replacement.reason}`);
  const { summary } = replacement.load;
  logger.info({ file: basename(instruments), ...summary }, `${String(holder.current.size)} instruments loaded`);
  const file = pricesFile ?? demoDataPath('prices.nse.2026-01-02.csv.gz');
  const prices = await loadPriceDay(file);
  logger.info(
    { file: basename(file), refused: prices.summary.refused },
    `prices of ${String(prices.prices.size)} instruments loaded`,
  );
  return {
    catalogue: holder.current,
    instrumentDate: validFrom,
    prices,
    priceDate: pricesFile === undefined ? DEMO_DAY : dateOf(pricesFile, 'PRICES_FILE'),
  };
};
