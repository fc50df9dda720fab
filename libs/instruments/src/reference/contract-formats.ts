import type { Segment } from '#domain/instruments/instrument';

import { readRow, refuseRow, type RawRow } from '../row';
import { headedCsv } from '../table';
import { printedDay } from './figures';
import { printedCsv, SYMBOL } from './printed-csv';
import type { ReferenceRow } from './rows';

const UDIFF_COLUMNS = [
  ...['TradDt', 'BizDt', 'Sgmt', 'Src', 'FinInstrmTp', 'FinInstrmId', 'ISIN', 'TckrSymb', 'SctySrs', 'XpryDt'],
  ...['FininstrmActlXpryDt', 'StrkPric', 'OptnTp', 'FinInstrmNm', 'OpnPric', 'HghPric', 'LwPric', 'ClsPric'],
  ...['LastPric', 'PrvsClsgPric', 'UndrlygPric', 'SttlmPric', 'OpnIntrst', 'ChngInOpnIntrst', 'TtlTradgVol'],
  ...['TtlTrfVal', 'TtlNbOfTxsExctd', 'SsnId', 'NewBrdLotQty', 'Rmks', 'Rsvd1', 'Rsvd2', 'Rsvd3', 'Rsvd4'],
];

const UDIFF_TYPES = new Map([
  ['STO', { underlyingKind: 'stock', isOption: true }],
  ['STF', { underlyingKind: 'stock', isOption: false }],
  ['IDO', { underlyingKind: 'index', isOption: true }],
  ['IDF', { underlyingKind: 'index', isOption: false }],
] as const);

const OPTIONS = new Map([
  ['CE', 'CE'],
  ['PE', 'PE'],
] as const);

const DERIVATIVE_SEGMENTS = new Map<string, Segment>([
  ['NSE', 'NSE_FO'],
  ['BSE', 'BSE_FO'],
]);

/**
 * The bhavcopy of derivatives, same columns at NSE and BSE. A future is worth about what its underlying is, a call never more than
 * it, a put never more than its strike: anything else is another unit or a shifted column.
 */
export const contractPrices = headedCsv<ReferenceRow>('udiff-contract-prices', UDIFF_COLUMNS, (row) =>
  readRow(row, (fields) => {
    if (fields.text('Sgmt') !== 'FO') return refuseRow('Sgmt is not one we know', row['Sgmt']);
    const { underlyingKind, isOption } = fields.lookup('FinInstrmTp', UDIFF_TYPES);
    const isLastDay = fields.date('XpryDt') === fields.date('TradDt');
    // What an option settles at on its last day is the price of the underlying, not its own.
    const priceE4 = fields.priceE4(isOption && isLastDay ? 'ClsPric' : 'SttlmPric', 'rupees');
    const underlyingPriceE4 = fields.priceE4('UndrlygPric', 'rupees');
    const terms = { underlyingSymbol: fields.textLike('TckrSymb', SYMBOL), expiry: fields.date('XpryDt') };
    const contract = isOption
      ? {
          ...terms,
          instrumentType: fields.lookup('OptnTp', OPTIONS),
          strikeE4: fields.priceE4('StrkPric', 'rupees'),
        }
      : { ...terms, instrumentType: 'FUT' as const };
    if (!isPlausible({ ...contract, priceE4, underlyingPriceE4 }))
      return refuseRow('SttlmPric does not fit UndrlygPric', [row['SttlmPric'], row['UndrlygPric']]);
    return {
      kind: 'contract-price' as const,
      segment: fields.lookup('Src', DERIVATIVE_SEGMENTS),
      contract,
      underlyingKind,
      priceE4,
      underlyingPriceE4,
      date: fields.date('TradDt'),
    };
  }),
);

const isPlausible = ({
  instrumentType,
  strikeE4 = 0,
  priceE4,
  underlyingPriceE4,
}: {
  instrumentType: 'FUT' | 'CE' | 'PE';
  strikeE4?: number;
  priceE4: number;
  underlyingPriceE4: number;
}): boolean => {
  switch (instrumentType) {
    case 'FUT':
      return priceE4 > underlyingPriceE4 / 2 && priceE4 < underlyingPriceE4 * 2;
    case 'CE':
      return priceE4 <= underlyingPriceE4 * 1.1;
    case 'PE':
      return priceE4 <= strikeE4;
  }
};

const FORMER_TYPES = new Map([
  ['OPTSTK', { underlyingKind: 'stock', isOption: true }],
  ['FUTSTK', { underlyingKind: 'stock', isOption: false }],
  ['OPTIDX', { underlyingKind: 'index', isOption: true }],
  ['FUTIDX', { underlyingKind: 'index', isOption: false }],
] as const);

interface FormerColumns {
  readonly expiry: string;
  readonly strike?: string;
  readonly option?: string;
  readonly price: string;
  readonly date?: string;
}

/** Layouts that name a contract in columns of their own and do not print the price of the underlying. */
const formerContract = (row: RawRow, { expiry, strike, option, price, date }: FormerColumns) =>
  readRow(row, (fields): ReferenceRow => {
    const { underlyingKind, isOption } = fields.lookup('INSTRUMENT', FORMER_TYPES);
    const terms = { underlyingSymbol: fields.textLike('SYMBOL', SYMBOL), expiry: printedDay(fields, expiry) };
    if (isOption && (strike === undefined || option === undefined))
      return refuseRow('an option among futures', row['INSTRUMENT']);
    return {
      kind: 'contract-price',
      segment: 'NSE_FO',
      contract:
        isOption && strike !== undefined && option !== undefined
          ? {
              ...terms,
              instrumentType: fields.lookup(option, OPTIONS),
              strikeE4: fields.priceE4(strike, 'rupees'),
            }
          : { ...terms, instrumentType: 'FUT' },
      underlyingKind,
      priceE4: fields.priceE4(price, 'rupees'),
      ...(date !== undefined && { date: printedDay(fields, date) }),
    };
  });

export const formerContractPrices = headedCsv<ReferenceRow>(
  'nse-contract-prices until 2024',
  [
    ...['INSTRUMENT', 'SYMBOL', 'EXPIRY_DT', 'STRIKE_PR', 'OPTION_TYP', 'OPEN', 'HIGH', 'LOW', 'CLOSE', 'SETTLE_PR'],
    ...['CONTRACTS', 'VAL_INLAKH', 'OPEN_INT', 'CHG_IN_OI', 'TIMESTAMP', ''],
  ],
  (row) =>
    formerContract(row, {
      expiry: 'EXPIRY_DT',
      strike: 'STRIKE_PR',
      option: 'OPTION_TYP',
      price: 'SETTLE_PR',
      date: 'TIMESTAMP',
    }),
);

const PRESS_PRICES = ['OPEN_PRICE', 'HI_PRICE', 'LO_PRICE', 'CLOSE_PRICE', 'OPEN_INT*'];

export const pressFutures = printedCsv(
  'nse-market-activity futures',
  ['INSTRUMENT', 'SYMBOL', 'EXP_DATE', ...PRESS_PRICES, 'TRD_VAL', 'TRD_QTY', 'NO_OF_CONT', 'NO_OF_TRADE'],
  (row) => formerContract(row, { expiry: 'EXP_DATE', price: 'CLOSE_PRICE' }),
);

export const pressOptions = printedCsv(
  'nse-market-activity options',
  [
    ...['INSTRUMENT', 'SYMBOL', 'EXP_DATE', 'STR_PRICE', 'OPT_TYPE', ...PRESS_PRICES],
    ...['TRD_QTY', 'NO_OF_CONT', 'NO_OF_TRADE', 'NOTION_VAL', 'PR_VAL'],
  ],
  (row) => formerContract(row, { expiry: 'EXP_DATE', strike: 'STR_PRICE', option: 'OPT_TYPE', price: 'CLOSE_PRICE' }),
);
