import { readRow, refuseRow, type RawRow, type RowRefusal } from './row';
import type { FileSource } from './source';
import { headedCsv, readTable, type TableSummary } from './table';

/**
 * What one instrument did on one day. Prices are integers of 1/10,000 rupee, `volume` counts units (shares, not lots).
 */
export interface DayPrices {
  readonly openE4: number;
  readonly highE4: number;
  readonly lowE4: number;
  readonly closeE4: number;
  readonly volume: number;
}

/** One trading day's prices by instrument key, and what became of the file's rows. */
export interface PriceDay {
  readonly prices: ReadonlyMap<string, DayPrices>;
  readonly summary: TableSummary;
}

const COLUMNS = ['instrumentKey', 'open', 'high', 'low', 'close', 'volume'] as const;

interface PriceRow extends DayPrices {
  readonly instrumentKey: string;
}

/**
 * One line: prices in rupees with at most four decimals, all above zero, open and close between low and high, a volume
 * above zero.
 */
export const parsePriceRow = (row: RawRow): PriceRow | RowRefusal =>
  readRow(row, (fields) => {
    const instrumentKey = fields.textLike('instrumentKey', /^[A-Z_]+\|.+$/);
    const openE4 = fields.priceE4('open', 'rupees');
    const highE4 = fields.priceE4('high', 'rupees');
    const lowE4 = fields.priceE4('low', 'rupees');
    const closeE4 = fields.priceE4('close', 'rupees');
    const volume = fields.count('volume');
    if (lowE4 > Math.min(openE4, closeE4) || highE4 < Math.max(openE4, closeE4))
      return refuseRow('open or close lies outside of low and high', row);
    return { instrumentKey, openE4, highE4, lowE4, closeE4, volume };
  });

/** Reads one day's prices, CSV, gzipped or plain. @throws InstrumentFileError as `loadInstruments` does. */
export const loadPriceDay = async (source: FileSource): Promise<PriceDay> => {
  const prices = new Map<string, DayPrices>();
  const summary = await readTable<PriceRow>(
    source,
    { csv: [headedCsv('price day', COLUMNS, parsePriceRow)] },
    ({ instrumentKey, ...day }) => {
      if (prices.has(instrumentKey)) return { reason: 'instrumentKey stands in an earlier row', detail: instrumentKey };
      prices.set(instrumentKey, day);
      return undefined;
    },
  );
  return { prices, summary };
};
