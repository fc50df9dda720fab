import { parsePriceRow } from '../price-day';
import { isRefusal, readRow, refuseRow, type RawRow } from '../row';
import { headedCsv } from '../table';
import { printedDay } from './figures';
import { printedCsv, symbolAndSeries } from './printed-csv';
import type { ReferenceRow } from './rows';

/** Turnover is printed in lakhs: average price times quantity, unless prices are in another unit. */
const fitsTurnover = (row: RawRow, priceField: string, quantity: number, turnoverRupees: number): boolean => {
  const expected = Number(row[priceField]) * quantity;
  return Math.abs(turnoverRupees - expected) <= expected * 0.02 + 2_000;
};

export const cashCloses = printedCsv(
  'nse-cash-closes',
  [
    ...[
      'SYMBOL',
      'SERIES',
      'DATE1',
      'PREV_CLOSE',
      'OPEN_PRICE',
      'HIGH_PRICE',
      'LOW_PRICE',
      'LAST_PRICE',
      'CLOSE_PRICE',
    ],
    ...['AVG_PRICE', 'TTL_TRD_QNTY', 'TURNOVER_LACS', 'NO_OF_TRADES', 'DELIV_QTY', 'DELIV_PER'],
  ],
  (row) =>
    readRow(row, (fields) => {
      const priceE4 = fields.priceE4('CLOSE_PRICE', 'rupees');
      const quantity = fields.optionalCount('TTL_TRD_QNTY') ?? 0;
      if (!fitsTurnover(row, 'AVG_PRICE', quantity, Number(row['TURNOVER_LACS']) * 100_000))
        return refuseRow('prices do not fit the turnover', [
          row['AVG_PRICE'],
          row['TTL_TRD_QNTY'],
          row['TURNOVER_LACS'],
        ]);
      if (priceE4 < fields.priceE4('LOW_PRICE', 'rupees') || priceE4 > fields.priceE4('HIGH_PRICE', 'rupees'))
        return refuseRow('the close lies outside of low and high', row['CLOSE_PRICE']);
      return {
        kind: 'cash-close' as const,
        ...symbolAndSeries(fields, 'SYMBOL', 'SERIES'),
        date: printedDay(fields, 'DATE1'),
        priceE4,
      };
    }),
);

/** Until July 2024; the empty last column comes from a comma at the end of each line. */
export const formerCashCloses = headedCsv<ReferenceRow>(
  'nse-cash-closes until 2024',
  [
    ...['SYMBOL', 'SERIES', 'OPEN', 'HIGH', 'LOW', 'CLOSE', 'LAST', 'PREVCLOSE', 'TOTTRDQTY', 'TOTTRDVAL'],
    ...['TIMESTAMP', 'TOTALTRADES', 'ISIN', ''],
  ],
  (row) =>
    readRow(row, (fields) => {
      const priceE4 = fields.priceE4('CLOSE', 'rupees');
      if (priceE4 < fields.priceE4('LOW', 'rupees') || priceE4 > fields.priceE4('HIGH', 'rupees'))
        return refuseRow('the close lies outside of low and high', row['CLOSE']);
      return {
        kind: 'cash-close' as const,
        ...symbolAndSeries(fields, 'SYMBOL', 'SERIES'),
        date: printedDay(fields, 'TIMESTAMP'),
        priceE4,
      };
    }),
);

export const priceDay = headedCsv<ReferenceRow>(
  'price day',
  ['instrumentKey', 'open', 'high', 'low', 'close', 'volume'],
  (row) => {
    const day = parsePriceRow(row);
    return isRefusal(day) ? day : { kind: 'keyed-close', instrumentKey: day.instrumentKey, priceE4: day.closeE4 };
  },
);
