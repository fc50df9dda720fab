import { ANGEL_COLUMNS, parseAngelRow } from './angel';
import { isSameContract } from './broker-listing';
import { FYERS_COLUMNS, parseFyersRow } from './fyers';
import { KITE_COLUMNS, parseKiteRow } from './kite';

const named = (columns: readonly string[], line: string) => {
  const cells = line.split(',');
  return Object.fromEntries(columns.map((column, i) => [column, cells[i]]));
};

describe('Kite (Zerodha)', () => {
  const kite = (line: string) => parseKiteRow(named(KITE_COLUMNS, line));

  it('names a share by exchange and symbol, without an ISIN', () =>
    expect(kite('738561,2885,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.1,1,EQ,NSE,NSE')).toEqual({
      broker: 'zerodha',
      symbol: 'NSE:RELIANCE',
      token: '738561',
      segment: 'NSE_EQ',
      exchangeToken: '2885',
      exchangeSymbol: 'RELIANCE',
      lotSize: 1,
      tickSizeE4: 1000,
    }));

  it('may leave the name of a share empty', () =>
    expect(kite('194804737,760956,1225DCCL27-N0,,0.0,,0.0,0.01,1,EQ,NSE,NSE')).toMatchObject({
      symbol: 'NSE:1225DCCL27-N0',
      tickSizeE4: 100,
    }));

  it('gives an index the type of a share, a lot of 0 and a tick of 0', () => {
    const nifty = kite('256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE');
    expect(nifty).toMatchObject({ segment: 'NSE_INDEX', exchangeSymbol: 'NIFTY 50' });
    expect(nifty).not.toHaveProperty('lotSize');
  });

  it('names the underlying, strike in rupees and expiry of an option', () =>
    expect(
      kite('39662082,154930,ZYDUSLIFE26FEB1120PE,ZYDUSLIFE,0.0,2026-02-24,1120.0,0.05,900,PE,NFO-OPT,NFO'),
    ).toMatchObject({
      symbol: 'NFO:ZYDUSLIFE26FEB1120PE',
      segment: 'NSE_FO',
      contract: { underlyingSymbol: 'ZYDUSLIFE', instrumentType: 'PE', expiry: '2026-02-24', strikeE4: 11_200_000 },
    }));

  it('prints a strike of 0.0 for a future, which has none', () =>
    expect(kite('12683010,49543,NIFTY25DECFUT,NIFTY,0.0,2025-12-30,0.0,0.1,75,FUT,NFO-FUT,NFO')).toMatchObject({
      contract: { underlyingSymbol: 'NIFTY', instrumentType: 'FUT', expiry: '2025-12-30' },
    }));

  it.each([
    ['exchange is not one we know', '1,1,X,X,0.0,,0.0,0.05,1,EQ,LSE,LSE'],
    ['tick_size is not above zero', '1,1,X,X,0.0,,0.0,0.0,1,EQ,NSE,NSE'],
    ['name is missing', '1,1,NIFTY25DECFUT,,0.0,2025-12-30,0.0,0.1,75,FUT,NFO-FUT,NFO'],
    ['instrument_token is malformed', 'x,1,X,X,0.0,,0.0,0.05,1,EQ,NSE,NSE'],
  ])('is refused because %s', (reason, line) => {
    expect(kite(line)).toMatchObject({ reason });
  });
});

describe('Fyers', () => {
  const fyers = (line: string) => parseFyersRow(named(FYERS_COLUMNS, line));

  it('names a share with exchange and series, and knows its ISIN', () =>
    expect(
      fyers(
        '10100000003045,STATE BANK OF INDIA,0,1,0.05,INE062A01020,0915-1530|1815-1915:,2025-05-15,,NSE:SBIN-EQ,10,10,3045,SBIN,3045,-1.0,XX,10100000003045,None,1,5.4',
      ),
    ).toEqual({
      broker: 'fyers',
      symbol: 'NSE:SBIN-EQ',
      token: '10100000003045',
      segment: 'NSE_EQ',
      exchangeToken: '3045',
      exchangeSymbol: 'SBIN-EQ',
      isin: 'INE062A01020',
      lotSize: 1,
      tickSizeE4: 500,
    }));

  it('prints None for the dates of an index, and a lot and tick that mean nothing', () => {
    const index = fyers(
      '1010000000999063,NIFTYMICROCAP250-INDEX,10,1,0.05,,0915-1530|1815-1915:,None,,NSE:NIFTYMICROCAP250-INDEX,10,10,999063,NIFTY MICROCAP250,999063,-1.0,XX,1010000000999063,None,0,0.0',
    );
    expect(index).toMatchObject({ segment: 'NSE_INDEX', exchangeSymbol: 'NIFTY MICROCAP250' });
    expect(index).not.toHaveProperty('tickSizeE4');
  });

  it('is refused outside of the cash segment, of which no real file was seen', () =>
    expect(
      fyers('1,X,11,75,0.05,,s,d,1769538599,NSE:NIFTY26JANFUT,10,11,1,NIFTY,26000,-1.0,XX,1,None,0,0.0'),
    ).toMatchObject({
      reason: 'segment is not one we know',
    }));
});

describe('Angel One', () => {
  const angel = (line: string) => parseAngelRow(named(ANGEL_COLUMNS, line));

  it('prints strikes and ticks in paise and expiries without separators', () =>
    expect(angel('37799,NIFTY25JUN2623000CE,NIFTY,25JUN2026,2300000.000000,75,OPTIDX,NFO,5.000000')).toEqual({
      broker: 'angelone',
      symbol: 'NFO:NIFTY25JUN2623000CE',
      token: '37799',
      segment: 'NSE_FO',
      exchangeToken: '37799',
      exchangeSymbol: 'NIFTY25JUN2623000CE',
      lotSize: 75,
      tickSizeE4: 500,
      contract: { underlyingSymbol: 'NIFTY', instrumentType: 'CE', expiry: '2026-06-25', strikeE4: 230_000_000 },
    }));

  it('prints a strike of -1 for a future', () =>
    expect(angel('56782,BANKNIFTY26JUN25FUT,BANKNIFTY,26JUN2025,-1.000000,30,FUTIDX,NFO,5.000000')).toMatchObject({
      contract: { underlyingSymbol: 'BANKNIFTY', instrumentType: 'FUT', expiry: '2025-06-26' },
    }));

  it('names a share with its series', () =>
    expect(angel('10576,NIFTYBEES-EQ,NIFTYBEES,,-1.000000,1,,NSE,1.000000')).toMatchObject({
      symbol: 'NSE:NIFTYBEES-EQ',
      segment: 'NSE_EQ',
      tickSizeE4: 100,
    }));

  it('marks an index by its type, or by having neither type nor tick', () => {
    expect(angel('99926033,Nifty 200,NIFTY 200,,0.000000,1,AMXIDX,NSE,0.000000')).toMatchObject({
      segment: 'NSE_INDEX',
    });
    expect(angel('26074,MIDCPNIFTY,MIDCPNIFTY,,-1.000000,-1,,NSE,0.000000')).toMatchObject({ segment: 'NSE_INDEX' });
  });

  it('is refused in segments of which no contract has been seen', () =>
    expect(angel('2,NIFTY50,NIFTY,,-1.000000,1,INDEX,CDS,25000.000000')).toMatchObject({
      reason: 'exch_seg is not one we know',
    }));
});

it.each([
  [{ underlyingSymbol: 'BANKNIFTY' }],
  [{ instrumentType: 'PE' }],
  [{ expiry: '2026-01-29' }],
  [{ strikeE4: 260_500_000 }],
])('a contract is another one with %j', (change) => {
  const contract = { underlyingSymbol: 'NIFTY', instrumentType: 'CE', expiry: '2026-01-27', strikeE4: 260_000_000 };
  expect(isSameContract(contract, { ...contract })).toBe(true);
  expect(isSameContract(contract, { ...contract, ...change })).toBe(false);
});
