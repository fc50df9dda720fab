import type { Instrument, Segment } from '#domain/instruments/instrument';

import { ANGEL_COLUMNS, parseAngelRow } from './angel';
import type { BrokerListing, ListingBroker } from './broker-listing';
import { FYERS_COLUMNS, parseFyersRow } from './fyers';
import { KITE_COLUMNS, parseKiteRow } from './kite';
import type { RawRow } from './row';
import { InstrumentFileError, type FileSource } from './source';
import { withUniqueSymbols } from './symbols';
import { headedCsv, readTable, type CsvFormat, type TableSummary } from './table';
import { parseUpstoxCsvRow, parseUpstoxJsonRow, parseUpstoxSuspendedRow, UPSTOX_CSV_COLUMNS } from './upstox';

export interface InstrumentSummary extends TableSummary {
  readonly loadedBySegment: Readonly<Partial<Record<Segment, number>>>;
  /** First expiry of any contract. Before the day the file is loaded for, the file is older than that day. */
  readonly earliestExpiry?: string;
}

/** One day's instruments, each with a symbol of its own, and what became of the file's rows. */
export interface InstrumentLoad {
  readonly validFrom: string;
  readonly instruments: readonly Instrument[];
  readonly summary: InstrumentSummary;
}

export interface LoadOptions {
  /** The trading day of the file, `YYYY-MM-DD` in IST. */
  readonly validFrom: string;
  /** Told from time to time how many instruments were read so far. */
  readonly onRows?: ((rows: number) => void) | undefined;
}

const ROWS_BETWEEN = 1_000;

/**
 * Reads a master file that defines instruments: Upstox' JSON (complete, one exchange, MIS list) or CSV, gzipped or
 * plain; the format is recognised. Rows are read as a stream; a row that makes no sense, or repeats an instrument key,
 * is left out and counted.
 *
 * @throws InstrumentFileError when the file as a whole is no good (torn, cut, unknown columns, empty, beyond the
 * limits): nothing of it is used.
 */
export const loadInstruments = async (
  source: FileSource,
  { validFrom, onRows }: LoadOptions,
): Promise<InstrumentLoad> => {
  const context = { validFrom };
  const byKey = new Map<string, Instrument>();
  const summary = await readTable<Instrument>(
    source,
    {
      json: { name: 'upstox-json', parse: (row) => parseUpstoxJsonRow(row, context) },
      csv: [headedCsv('upstox-csv', UPSTOX_CSV_COLUMNS, (row) => parseUpstoxCsvRow(row, context))],
    },
    (instrument) => {
      if (byKey.has(instrument.instrumentKey))
        return { reason: 'instrument_key stands in an earlier row', detail: instrument.instrumentKey };
      byKey.set(instrument.instrumentKey, instrument);
      if (byKey.size % ROWS_BETWEEN === 0) onRows?.(byKey.size);
      return undefined;
    },
  );
  const loadedBySegment: Partial<Record<Segment, number>> = {};
  let earliestExpiry: string | undefined;
  for (const { segment, expiry } of byKey.values()) {
    loadedBySegment[segment] = (loadedBySegment[segment] ?? 0) + 1;
    if (expiry !== undefined && (earliestExpiry === undefined || expiry < earliestExpiry)) earliestExpiry = expiry;
  }
  return {
    validFrom,
    instruments: withUniqueSymbols([...byKey.values()]),
    summary: { ...summary, loadedBySegment, ...(earliestExpiry !== undefined && { earliestExpiry }) },
  };
};

/** Which instruments a list of suspended ones names, and what became of the file's rows. */
export interface SuspendedLoad {
  readonly validFrom: string;
  readonly instrumentKeys: ReadonlySet<string>;
  readonly summary: TableSummary;
}

/** Reads a list of suspended instruments: Upstox' JSON, gzipped or plain. @throws InstrumentFileError as above. */
export const loadSuspended = async (
  source: FileSource,
  { validFrom }: { validFrom: string },
): Promise<SuspendedLoad> => {
  const instrumentKeys = new Set<string>();
  const parse = (row: RawRow) => parseUpstoxSuspendedRow(row, { validFrom });
  const json = { name: 'upstox-json of suspended instruments', parse };
  const summary = await readTable(source, { json, csv: [] }, ({ instrumentKey }) => {
    if (instrumentKeys.has(instrumentKey))
      return { reason: 'instrument_key stands in an earlier row', detail: instrumentKey };
    instrumentKeys.add(instrumentKey);
    return undefined;
  });
  return { validFrom, instrumentKeys, summary };
};

/** One broker's names for instruments, and what became of the file's rows. */
export interface ListingLoad {
  readonly broker: ListingBroker;
  readonly listings: readonly BrokerListing[];
  readonly summary: TableSummary;
}

const listingFormats: Readonly<Record<ListingBroker, readonly CsvFormat<BrokerListing>[]>> = {
  zerodha: [
    headedCsv('kite-csv', KITE_COLUMNS, parseKiteRow),
    headedCsv('kite-csv saved by pandas', ['', ...KITE_COLUMNS], parseKiteRow),
  ],
  angelone: [headedCsv('angel-csv', ANGEL_COLUMNS, parseAngelRow)],
  fyers: [
    {
      name: 'fyers-csv',
      columns: FYERS_COLUMNS,
      parse: parseFyersRow,
      recognise: (first) => {
        if (first.length !== FYERS_COLUMNS.length) return undefined;
        return /^\d+$/.test(first[0] ?? '') ? 'data' : first[0] === 'id' ? 'header' : undefined;
      },
    },
  ],
};

/**
 * Reads another broker's master file, which says how that broker names instruments: Kite (Zerodha), Fyers cash, Angel
 * One; CSV, gzipped or plain, recognised by its columns. @throws InstrumentFileError as `loadInstruments` does.
 */
export const loadListings = async (source: FileSource): Promise<ListingLoad> => {
  const bySymbol = new Map<string, BrokerListing>();
  const summary = await readTable<BrokerListing>(source, { csv: Object.values(listingFormats).flat() }, (listing) => {
    if (bySymbol.has(listing.symbol)) return { reason: 'symbol stands in an earlier row', detail: listing.symbol };
    bySymbol.set(listing.symbol, listing);
    return undefined;
  });
  const listings = [...bySymbol.values()];
  const broker = listings[0]?.broker;
  if (broker === undefined) throw new InstrumentFileError('holds no rows');
  return { broker, listings, summary };
};
