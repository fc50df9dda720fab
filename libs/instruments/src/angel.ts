import type { BrokerListing } from './broker-listing';
import { readRow, refuseRow, type Fields, type RawRow, type RowRefusal } from './row';
import type { Contract } from './symbols';

/** Angel One's scrip master, saved as CSV. */
export const ANGEL_COLUMNS = [
  'token',
  'symbol',
  'name',
  'expiry',
  'strike',
  'lotsize',
  'instrumenttype',
  'exch_seg',
  'tick_size',
] as const;

/**
 * Exchange segments of which real rows have been seen; how others (currency, commodity) scale their strikes is not
 * known.
 */
const MARKETS: ReadonlyMap<string, 'NSE' | 'BSE' | 'NFO'> = new Map([
  ['NSE', 'NSE'],
  ['BSE', 'BSE'],
  ['NFO', 'NFO'],
]);

const DERIVATIVE_KINDS: ReadonlyMap<string, 'future' | 'option'> = new Map([
  ['FUTIDX', 'future'],
  ['FUTSTK', 'future'],
  ['OPTIDX', 'option'],
  ['OPTSTK', 'option'],
]);

/**
 * One line of the file. Ticks and strikes are paise (`2300000.000000` is a strike of 23000), -1 where there is no
 * strike; expiries read `25JUN2026`. An index has the type `AMXIDX`, or none and a tick of zero.
 */
export const parseAngelRow = (row: RawRow): BrokerListing | RowRefusal =>
  readRow(row, (fields) => {
    const market = fields.lookup('exch_seg', MARKETS);
    const exchangeSymbol = fields.text('symbol');
    const token = fields.textLike('token', /^\d{1,12}$/);
    const identity = {
      broker: 'angelone' as const,
      symbol: `${market}:${exchangeSymbol}`,
      token,
      exchangeToken: token,
      exchangeSymbol,
    };
    if (market === 'NFO')
      return {
        ...identity,
        segment: 'NSE_FO' as const,
        ...readTrading(fields),
        contract: readContract(fields, exchangeSymbol),
      };
    const kind = fields.optionalText('instrumenttype');
    if (kind === 'AMXIDX' || (kind === undefined && fields.optionalPriceE4('tick_size', 'paise') === 0))
      return { ...identity, segment: `${market}_INDEX` as const };
    if (kind !== undefined) return refuseRow('instrumenttype is not one we know', kind);
    return { ...identity, segment: `${market}_EQ` as const, ...readTrading(fields) };
  });

const readTrading = (fields: Fields) => ({
  lotSize: fields.count('lotsize'),
  tickSizeE4: fields.priceE4('tick_size', 'paise'),
});

const readContract = (fields: Fields, symbol: string): Contract => {
  const contract = { underlyingSymbol: fields.text('name'), expiry: fields.compactDate('expiry') };
  if (fields.lookup('instrumenttype', DERIVATIVE_KINDS) === 'future') return { ...contract, instrumentType: 'FUT' };
  const [right] = /(CE|PE)$/.exec(symbol) ?? [];
  return {
    ...contract,
    instrumentType: right === 'CE' || right === 'PE' ? right : refuseRow('symbol ends neither in CE nor PE', symbol),
    strikeE4: fields.priceE4('strike', 'paise'),
  };
};
