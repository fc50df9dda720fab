import type { BrokerListing } from './broker-listing';
import { readRow, refuseRow, type RawRow, type RowRefusal } from './row';

/**
 * Fyers' cash symbol master: 21 columns without a header. These names are ours; a header in a saved copy may name them
 * wrongly.
 */
export const FYERS_COLUMNS = [
  'token',
  'name',
  'instrument type',
  'lot size',
  'tick size',
  'isin',
  'sessions',
  'last update',
  'expiry',
  'symbol',
  'exchange',
  'segment',
  'exchange token',
  'underlying symbol',
  'underlying exchange token',
  'strike',
  'option type',
  'underlying token',
  'reserved 1',
  'reserved 2',
  'reserved 3',
] as const;

const CASH = '10';
const EXCHANGES = new Map([
  ['10', { name: 'NSE', cash: 'NSE_EQ', index: 'NSE_INDEX' } as const],
  ['12', { name: 'BSE', cash: 'BSE_EQ', index: 'BSE_INDEX' } as const],
]);
const INDEX_INSTRUMENT = '10';

/**
 * One line of the cash file. Ticks are rupees; the symbol carries exchange and series (`NSE:SBIN-EQ`); an index has
 * instrument type 10, a made-up lot and tick, and its exchange symbol in the underlying's column. Lines of other
 * segments are refused: no real file of one has been seen.
 */
export const parseFyersRow = (row: RawRow): BrokerListing | RowRefusal =>
  readRow(row, (fields) => {
    const exchange = fields.lookup('exchange', EXCHANGES);
    if (fields.text('segment') !== CASH) return refuseRow('segment is not one we know', row['segment']);
    const symbol = fields.text('symbol');
    if (!symbol.startsWith(`${exchange.name}:`)) return refuseRow('symbol does not fit the exchange', symbol);
    const identity = {
      broker: 'fyers' as const,
      symbol,
      token: fields.textLike('token', /^\d{1,24}$/),
      exchangeToken: fields.textLike('exchange token', /^\d{1,12}$/),
    };
    if (fields.text('instrument type') === INDEX_INSTRUMENT)
      return { ...identity, segment: exchange.index, exchangeSymbol: fields.text('underlying symbol') };
    const isin = fields.optionalText('isin');
    return {
      ...identity,
      segment: exchange.cash,
      exchangeSymbol: symbol.slice(exchange.name.length + 1),
      ...(isin !== undefined && { isin }),
      lotSize: fields.count('lot size'),
      tickSizeE4: fields.priceE4('tick size', 'rupees'),
    };
  });
