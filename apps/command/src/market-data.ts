import { basename } from 'node:path';
import type { Catalogue } from '#instruments/catalogue';
import { DEMO_DAY, demoDataPath } from '#instruments/demo-data';
import { loadPriceDay, type PriceDay } from '#instruments/price-day';
import { InstrumentFileError } from '#instruments/source';
import { InstrumentStore, type StoreDatabase } from '#instruments/store/instrument-store';
import type { Config } from '#platform/config';
import type { Logger } from '#platform/logging';
import { counter, gauge } from '#platform/metrics';
import { ReferenceHolder } from '#instruments/reference/holder';
import { FactsOfTheDay } from './facts-of-the-day';
import { InstrumentService, NoInstruments } from './instrument-service';
import type { MarketFiles } from './market-day';

/** The configured instrument or price file cannot be used; one line for the person who set it. */
export class MarketDataError extends Error {
  override readonly name = 'MarketDataError';
}

export interface MarketData {
  /** Today's instruments with what the files of the day say of them; the same object until either is replaced. */
  readonly files: () => MarketFiles;
  /** Reads the files of the day again: see `InstrumentService`. @throws InstrumentFileError when one cannot be used. */
  readonly refreshFacts: (day: string) => Promise<void>;
  /** Follows the day's master once it is started; until then it holds what was loaded at the start. */
  readonly instruments: InstrumentService;
  /** The instruments of the start. */
  readonly catalogue: Catalogue;
  readonly prices: PriceDay;
  /** The day to decide with at the start: today, or the day of the recording that is played. */
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

const instrumentAlarms = counter({
  name: 'coordinator_instrument_alarms_total',
  help: 'Files of the day that somebody should look at: master-kept, master-late, listings-kept, facts-failed',
  labels: ['kind'],
});

const instrumentsHeld = gauge({
  name: 'coordinator_instruments',
  help: 'Instruments in the catalogue of this process',
});

const instrumentsLoadedAt = gauge({
  name: 'coordinator_instruments_loaded_timestamp_seconds',
  help: 'When the load that this process uses was stored',
});

/**
 * Loads the instruments through the store, the brokers' names for them and the recorded prices: the configured files, or
 * the repository's. Where a newer day's instruments are stored, those are used.
 */
export const loadMarketData = async (
  { instrumentsFile, listingsFiles, pricesFile, referenceFiles }: Config,
  logger: Logger,
  database: StoreDatabase,
): Promise<MarketData> => {
  const instruments = new InstrumentService({
    store: new InstrumentStore(database),
    file: instrumentsFile ?? demoDataPath('instruments.upstox.2026-01-02.json.gz'),
    listings: listingsFiles ?? LISTINGS.map(demoDataPath),
    now: () => Date.now(),
    onAlarm: (kind, reason) => {
      instrumentAlarms.inc({ kind });
      logger.warn({ kind, reason }, 'a file of the day needs somebody to look at it; what was there before stays');
    },
    onError: (error) => {
      logger.error({ err: error }, 'the store of instruments does not answer, or a load could not be announced');
    },
    onSwapped: ({ size }, { day, source, loadId, finishedAt }) => {
      instrumentsHeld.set(size);
      instrumentsLoadedAt.set(finishedAt / 1_000);
      logger.info({ day, source, loadId }, `${String(size)} instruments loaded`);
    },
  });
  try {
    await instruments.open();
  } catch (error) {
    if (!(error instanceof NoInstruments || error instanceof InstrumentFileError)) throw error;
    throw new MarketDataError(`INSTRUMENTS_FILE or LISTINGS_FILES: ${error.message}`, { cause: error });
  }
  const facts = new FactsOfTheDay({
    instruments,
    holder: new ReferenceHolder(),
    configured: referenceFiles,
    logger,
    now: () => Date.now(),
  });
  await facts.refresh(instruments.tradingDate());
  const file = pricesFile ?? demoDataPath('prices.nse.2026-01-02.csv.gz');
  const prices = await loadPriceDay(file);
  logger.info(
    { file: basename(file), refused: prices.summary.refused },
    `prices of ${String(prices.prices.size)} instruments loaded`,
  );
  return {
    files: () => facts.files(),
    refreshFacts: (day) => facts.refresh(day),
    instruments,
    catalogue: instruments.catalogue,
    instrumentDate: instruments.tradingDate(),
    prices,
    priceDate: pricesFile === undefined ? DEMO_DAY : dateOf(pricesFile, 'PRICES_FILE'),
  };
};
