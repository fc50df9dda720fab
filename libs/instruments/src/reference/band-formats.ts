import { readRow, refuseRow } from '../row';
import { headedCsv, type CsvFormat } from '../table';
import { scaledPriceE4 } from './figures';
import { printedCsv, symbolAndSeries } from './printed-csv';
import type { ReferenceRow } from './rows';

const BANDS = new Map<string, number | 'none'>([
  ...[2, 5, 10, 20, 40].map((percent) => [String(percent), percent * 100] as const),
  ['No Band', 'none'],
]);

export const bands = headedCsv<ReferenceRow>(
  'nse-bands',
  ['Symbol', 'Series', 'Security Name', 'Band', 'Remarks'],
  (row) =>
    readRow(row, (fields) => {
      const basisPoints = fields.lookup('Band', BANDS);
      const identity = { kind: 'band' as const, ...symbolAndSeries(fields, 'Symbol', 'Series') };
      return basisPoints === 'none' ? identity : { ...identity, basisPoints };
    }),
);

/**
 * BSE's file of derivatives names contracts by exchange token alone. `Precision` says how many decimals the whole numbers carry. Spreads
 * of two contracts stand among them, and may have prices below zero.
 */
export const bsePriceBands = printedCsv(
  'bse-price-bands',
  [
    ...['SeriesId', 'Precision', 'Previous Close Price', 'Lower Circuit(%)', 'Upper Circuit (%)'],
    ...['Lower Circuit Price', 'Upper Circuit Price', ...Array<string>(9).fill('Filler'), 'Instrument Id'],
  ],
  (row) =>
    readRow(row, (fields) => {
      const decimals = fields.lookup('Precision', DECIMALS);
      const closeE4 = scaledPriceE4(row, 'Previous Close Price', decimals);
      const lowerE4 = scaledPriceE4(row, 'Lower Circuit Price', decimals);
      const upperE4 = scaledPriceE4(row, 'Upper Circuit Price', decimals);
      const token = fields.textLike('SeriesId', /^\d{1,12}$/);
      const isSpread = fields.textLike('Instrument Id', /^\d{1,24}$/) !== token;
      if (!isSpread && (lowerE4 > closeE4 || upperE4 < closeE4))
        return refuseRow('the previous close lies outside of the band', row['Previous Close Price']);
      return { kind: 'price-band' as const, token, lowerE4, upperE4 };
    }),
  { endsWithoutNewLine: true },
);

const DECIMALS = new Map([0, 1, 2, 3, 4].map((each) => [String(each), each] as const));

const LONG_TERM = 'Long_Term_Additional_Surveillance_Measure (Long Term ASM)';
const SHORT_TERM = 'Short_Term_Additional_Surveillance_Measure (Short Term ASM)';
const INSOLVENCY = 'Insolvency_Resolution_Process(IRP)';
const NOT_APPLICABLE = '100';

/** A column of codes and the highest stage it can hold. 100 says that the measure does not apply. */
const MEASURES = [
  { column: SHORT_TERM, measure: 'ST-ASM', highest: 2 },
  { column: LONG_TERM, measure: 'LT-ASM', highest: 4 },
  { column: 'GSM', measure: 'GSM', highest: 6 },
  { column: 'ESM', measure: 'ESM', highest: 2 },
  { column: INSOLVENCY, measure: 'IRP', highest: 99 },
] as const;

const SURVEILLANCE_COLUMNS = [
  ...['ScripCode', 'Symbol', 'Nse Exclusive', 'Status', 'Series', 'GSM', LONG_TERM, 'Unsolicited_SMS', INSOLVENCY],
  ...[SHORT_TERM, 'Default', 'ICA', 'Filler4', 'Filler5', 'Pledge', 'Add-on_PB', 'Total Pledge'],
  ...['Social Media Platforms', 'ESM'],
];
const SURVEILLANCE_WIDTH = 63;

/**
 * The columns up to the last measure must be what they were; the rest says why a share is watched, and what is filler today
 * is a reason tomorrow.
 */
export const surveillance: CsvFormat<ReferenceRow> = {
  name: 'nse-surveillance',
  columns: Array.from({ length: SURVEILLANCE_WIDTH }, (_, i) => SURVEILLANCE_COLUMNS[i] ?? `column ${String(i + 1)}`),
  endsWithoutNewLine: true,
  recognise: (first) =>
    first.length === SURVEILLANCE_WIDTH && SURVEILLANCE_COLUMNS.every((column, i) => column === first[i])
      ? 'header'
      : undefined,
  parse: (row) =>
    readRow(row, (fields) => ({
      kind: 'surveillance' as const,
      ...symbolAndSeries(fields, 'Symbol', 'Series'),
      measures: MEASURES.flatMap(({ column, measure, highest }) => {
        const code = fields.textLike(column, /^\d{1,3}$/);
        if (code === NOT_APPLICABLE) return [];
        const stage = Number(code);
        return stage <= highest ? [{ measure, stage }] : refuseRow(`${column} is not a stage`, code);
      }),
    })),
};
