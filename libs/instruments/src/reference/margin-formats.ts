import { readRow, refuseRow } from '../row';
import { headedCsv, type CsvFormat, type JsonFormat } from '../table';
import { amountE4, computedE4, fraction, percentAsBasisPoints } from './figures';
import { KEY, printedCsv, SYMBOL, symbolAndSeries, type HeaderDate } from './printed-csv';
import type { ReferenceRow } from './rows';

/** Upstox prints margin and leverage: they must be each other's inverse, or one of them is in another unit. */
export const intradayJson: JsonFormat<ReferenceRow> = {
  name: 'upstox-mis',
  parse: (row) =>
    readRow(row, (fields) => {
      const marginBp = percentAsBasisPoints(row, 'intraday_margin');
      const leverageBp = percentAsBasisPoints(row, 'intraday_leverage');
      if (marginBp === 0 || Math.abs(marginBp * leverageBp - 1_000_000) > 10_000)
        return refuseRow('intraday_margin and intraday_leverage do not fit', [
          row['intraday_margin'],
          row['intraday_leverage'],
        ]);
      return { kind: 'intraday' as const, instrumentKey: fields.textLike('instrument_key', KEY), marginBp };
    }),
};

const REACH = new Map([
  ['OTH', 'others'],
  ['OTM', 'far-out'],
] as const);
const ADDITIONAL = /^Additional ELM% for Trade Date \d{2}-[A-Za-z]{3}-\d{4}$/;

export const contractElm = (seen: HeaderDate): CsvFormat<ReferenceRow> =>
  printedCsv(
    'nse-contract-elm',
    ['Sr No.', 'Symbol', 'Instrument Type', 'Normal ELM Margin%', ADDITIONAL, 'Total applicable ELM%'],
    (row) =>
      readRow(row, (fields) => {
        const basisPoints = percentAsBasisPoints(row, 'Total applicable ELM%');
        const parts = percentAsBasisPoints(row, 'Normal ELM Margin%') + percentAsBasisPoints(row, 'column 5');
        if (Math.abs(basisPoints - parts) > 1) return refuseRow('the total is not the sum of its parts', basisPoints);
        return {
          kind: 'contract-elm' as const,
          symbol: fields.textLike('Symbol', SYMBOL),
          reach: fields.lookup('Instrument Type', REACH),
          basisPoints,
        };
      }),
    { seen },
  );

export const cashElm = (seen: HeaderDate): CsvFormat<ReferenceRow> =>
  printedCsv(
    'nse-cash-elm',
    ['Symbol', 'Series', /^Extreme Loss Margin \([A-Za-z]{3} ?\d{4}\)$/],
    (row) =>
      readRow(row, (fields) => ({
        kind: 'cash-elm' as const,
        ...symbolAndSeries(fields, 'Symbol', 'Series'),
        basisPoints: percentAsBasisPoints(row, 'column 3'),
      })),
    { seen },
  );

const FUTURE_MARGIN = ['Symbol', 'Lot_Size', 'Margin', 'Charges_f', 'Charges_r', 'Charges', 'Cost_of_Carry'];

export const futureMargin = headedCsv<ReferenceRow>('broker-future-margins', FUTURE_MARGIN, (row) =>
  readRow(row, (fields) => ({
    kind: 'future-margin' as const,
    symbol: fields.textLike('Symbol', SYMBOL),
    lotSize: fields.count('Lot_Size'),
    marginE4: amountE4(row, 'Margin'),
  })),
);

const OPTION_LETTERS = new Map([
  ['C', 'CE'],
  ['P', 'PE'],
] as const);

const WORST_LOSS = [
  ...['expiry_raw', 'expiry', 'strike', 'type', 'premium_in_rpf', 'delta_in_rpf', 'worst_RA_per_unit'],
  ...['span_per_lot', 'spot_from_rpf', 'lot_size', 'notional', 'exposure_2.0000_pct', 'total_2.0000_pct'],
  ...['exposure_2.2600_pct', 'total_2.2600_pct'],
];

/** An extract of one index's options that was made from a SPAN file: the file itself does not name the index. */
export const worstLoss = headedCsv<ReferenceRow>('span-worst-losses', WORST_LOSS, (row) =>
  readRow(row, (fields) => {
    const delta = fraction(fields.text('delta_in_rpf'));
    if (delta === undefined || Math.abs(delta) > 1)
      return refuseRow('delta_in_rpf is not a delta', row['delta_in_rpf']);
    const lossPerUnitE4 = amountE4(row, 'worst_RA_per_unit');
    const lotSize = fields.count('lot_size');
    if (Math.abs(amountE4(row, 'span_per_lot') - lossPerUnitE4 * lotSize) > 100)
      return refuseRow('span_per_lot is not lots times units', row['span_per_lot']);
    return {
      kind: 'worst-loss' as const,
      contract: {
        underlyingSymbol: '',
        instrumentType: fields.lookup('type', OPTION_LETTERS),
        expiry: fields.date('expiry'),
        strikeE4: fields.priceE4('strike', 'rupees'),
      },
      priceE4: amountE4(row, 'premium_in_rpf'),
      delta,
      lossPerUnitE4,
      lotSize,
      underlyingPriceE4: fields.priceE4('spot_from_rpf', 'rupees'),
    };
  }),
);

export const riskParameters = headedCsv<ReferenceRow>(
  'risk-parameters',
  ['symbol', 'dailySigmaPercent', 'source'],
  (row) =>
    readRow(row, (fields) => {
      const millionths = fields.priceE4('dailySigmaPercent', 'rupees');
      // One percent is 10,000 millionths, as one rupee is 10,000 units; no share moves by a quarter on an average day.
      if (millionths > 250_000)
        return refuseRow('dailySigmaPercent is not the percentage of a day', row['dailySigmaPercent']);
      return {
        kind: 'daily-sigma' as const,
        symbol: fields.textLike('symbol', SYMBOL),
        millionths,
        said: fields.text('source'),
      };
    }),
);

/** Past returns of underlyings, one line a day: what value at risk replays. No underlying doubles or vanishes in a day. */
export const pastReturns = headedCsv<ReferenceRow>('past-returns', ['symbol', 'date', 'returnPercent'], (row) =>
  readRow(row, (fields) => {
    const millionths = computedE4(fields.text('returnPercent'));
    if (millionths === undefined || Math.abs(millionths) >= 1_000_000)
      return refuseRow('returnPercent is not the percentage of a day', row['returnPercent']);
    return {
      kind: 'past-return' as const,
      symbol: fields.textLike('symbol', SYMBOL),
      day: fields.date('date'),
      millionths,
    };
  }),
);
