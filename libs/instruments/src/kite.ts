import type { Segment } from '#domain/instruments/instrument';

import type { BrokerListing } from './broker-listing';
import { readRow, refuseRow, type Fields, type RawRow, type RowRefusal } from './row';
import { DERIVATIVE_TYPES } from './segments';
import type { Contract } from './symbols';

/** Kite Connect's instruments dump (Zerodha). A copy saved by pandas has one more column without a name in front. */
export const KITE_COLUMNS = [
  'instrument_token',
  'exchange_token',
  'tradingsymbol',
  'name',
  'last_price',
  'expiry',
  'strike',
  'tick_size',
  'lot_size',
  'instrument_type',
  'segment',
  'exchange',
] as const;

/** Kite's exchange codes. */
const SEGMENT_OF: ReadonlyMap<string, Segment> = new Map([
  ['NSE', 'NSE_EQ'],
  ['BSE', 'BSE_EQ'],
  ['NFO', 'NSE_FO'],
  ['BFO', 'BSE_FO'],
  ['CDS', 'NCD_FO'],
  ['BCD', 'BCD_FO'],
  ['MCX', 'MCX_FO'],
  ['NCO', 'NSE_COM'],
]);

const INDEX_SEGMENT_OF: ReadonlyMap<string, Segment> = new Map([
  ['NSE', 'NSE_INDEX'],
  ['BSE', 'BSE_INDEX'],
]);

/**
 * One line of the file. Ticks and strikes are rupees; every share has the type `EQ` and its series, except EQ, at the
 * end of the symbol; an index has lot size 0; there is no ISIN. Orders name `exchange` and `tradingsymbol`.
 */
export const parseKiteRow = (row: RawRow): BrokerListing | RowRefusal =>
  readRow(row, (fields) => {
    const exchange = fields.text('exchange');
    const exchangeSymbol = fields.text('tradingsymbol');
    const identity = {
      broker: 'zerodha' as const,
      symbol: `${exchange}:${exchangeSymbol}`,
      token: fields.textLike('instrument_token', /^\d{1,15}$/),
      exchangeToken: fields.textLike('exchange_token', /^\d{1,12}$/),
      exchangeSymbol,
    };
    if (fields.text('segment') === 'INDICES')
      return { ...identity, segment: fields.lookup('exchange', INDEX_SEGMENT_OF) };
    const segment = fields.lookup('exchange', SEGMENT_OF);
    const trading = { lotSize: fields.count('lot_size'), tickSizeE4: fields.priceE4('tick_size', 'rupees') };
    if (segment === 'NSE_EQ' || segment === 'BSE_EQ')
      return fields.text('instrument_type') === 'EQ'
        ? { ...identity, segment, ...trading }
        : refuseRow('instrument_type is not one we know', row['instrument_type']);
    return { ...identity, segment, ...trading, contract: readContract(fields) };
  });

const readContract = (fields: Fields): Contract => {
  const instrumentType = fields.lookup('instrument_type', DERIVATIVE_TYPES);
  return {
    underlyingSymbol: fields.text('name'),
    instrumentType,
    expiry: fields.date('expiry'),
    ...(instrumentType !== 'FUT' && { strikeE4: fields.priceE4('strike', 'rupees') }),
  };
};
