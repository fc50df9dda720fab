import { parseUpstoxCsvRow, parseUpstoxJsonRow, UPSTOX_CSV_COLUMNS } from './upstox';

const context = { validFrom: '2026-01-02' };
const json = (row: object) => parseUpstoxJsonRow({ ...row }, context);

// Real rows of 2026-01-02.
const reliance = {
  segment: 'NSE_EQ',
  name: 'RELIANCE INDUSTRIES LTD',
  exchange: 'NSE',
  isin: 'INE002A01018',
  instrument_type: 'EQ',
  instrument_key: 'NSE_EQ|INE002A01018',
  lot_size: 1,
  freeze_quantity: 100000.0,
  exchange_token: '2885',
  tick_size: 10.0,
  trading_symbol: 'RELIANCE',
  short_name: 'Reliance Industries',
  qty_multiplier: 1.0,
  security_type: 'NORMAL',
};
const niftyCall = {
  weekly: false,
  segment: 'NSE_FO',
  name: 'NIFTY',
  exchange: 'NSE',
  expiry: 1769538599000,
  instrument_type: 'CE',
  asset_symbol: 'NIFTY',
  underlying_symbol: 'NIFTY',
  instrument_key: 'NSE_FO|58801',
  lot_size: 65,
  freeze_quantity: 1755.0,
  exchange_token: '58801',
  minimum_lot: 65,
  asset_key: 'NSE_INDEX|Nifty 50',
  underlying_key: 'NSE_INDEX|Nifty 50',
  tick_size: 5.0,
  asset_type: 'INDEX',
  underlying_type: 'INDEX',
  trading_symbol: 'NIFTY 26000 CE 27 JAN 26',
  strike_price: 26000.0,
  qty_multiplier: 1.0,
};
const without = (row: Readonly<Record<string, unknown>>, ...fields: string[]) =>
  Object.fromEntries(Object.entries(row).filter(([field]) => !fields.includes(field)));

describe('a share', () => {
  it('has its tick in rupees although the file prints paise, and no freeze quantity although the file prints 100000', () =>
    expect(json(reliance)).toEqual({
      instrumentKey: 'NSE_EQ|INE002A01018',
      validFrom: '2026-01-02',
      symbol: 'NSE:RELIANCE',
      tradingSymbol: 'RELIANCE',
      name: 'RELIANCE INDUSTRIES LTD',
      exchange: 'NSE',
      segment: 'NSE_EQ',
      instrumentType: 'EQ',
      exchangeToken: '2885',
      isin: 'INE002A01018',
      lotSize: 1,
      tickSizeE4: 1000,
      securityType: 'NORMAL',
    }));

  it('needs no short name', () =>
    expect(json(without(reliance, 'short_name', 'qty_multiplier'))).toEqual(json(reliance)));

  it.each(['SME', 'PCA', 'IPO'])('of security type %s says so', (securityType) =>
    expect(json({ ...reliance, security_type: securityType })).toMatchObject({ securityType }),
  );

  it.each([undefined, 'BRANDNEW'])('of security type %s is loaded, and its type is not known', (type) => {
    expect(json({ ...without(reliance, 'security_type'), ...(type !== undefined && { security_type: type }) })).toEqual(
      json(without(reliance, 'security_type')),
    );
    expect(json(without(reliance, 'security_type'))).not.toHaveProperty('securityType');
  });

  it.each([
    [25, 2_500],
    [36.52, 3_652],
  ])('that may be bought with the broker’s money at %d % asks for a margin of %i basis points', (bracket, marginBp) => {
    expect(json({ ...reliance, mtf_enabled: true, mtf_bracket: bracket })).toMatchObject({ funded: { marginBp } });
  });

  it('is not funded when the file says nothing, or no', () => {
    expect(json(reliance)).not.toHaveProperty('funded');
    expect(json({ ...reliance, mtf_enabled: false, mtf_bracket: 25 })).not.toHaveProperty('funded');
  });

  it.each([undefined, 0, 101, 25.125, -25, 'many'])('is refused when it is funded at a margin of %p', (bracket) => {
    expect(json({ ...reliance, mtf_enabled: true, mtf_bracket: bracket })).toMatchObject({
      reason: 'mtf_bracket is not a share in percent',
    });
  });

  it('may be called M&M or BAJAJ-AUTO', () => {
    expect(json({ ...reliance, trading_symbol: 'M&M' })).toMatchObject({ symbol: 'NSE:M&M' });
    expect(json({ ...reliance, trading_symbol: 'BAJAJ-AUTO' })).toMatchObject({ symbol: 'NSE:BAJAJ-AUTO' });
  });

  it('keeps an ISIN that was mistyped at the source, because the key is made of it', () =>
    expect(json({ ...reliance, isin: 'INEl48I07QA5', instrument_key: 'NSE_EQ|INEl48I07QA5' })).toMatchObject({
      isin: 'INEl48I07QA5',
    }));
});

describe('an option', () => {
  it('has strike and expiry, and the freeze figure counts as the first quantity refused', () =>
    expect(json(niftyCall)).toEqual({
      instrumentKey: 'NSE_FO|58801',
      validFrom: '2026-01-02',
      symbol: 'NSE:NIFTY 26000 CE 27 JAN 26',
      tradingSymbol: 'NIFTY 26000 CE 27 JAN 26',
      name: 'NIFTY',
      exchange: 'NSE',
      segment: 'NSE_FO',
      instrumentType: 'CE',
      exchangeToken: '58801',
      lotSize: 65,
      tickSizeE4: 500,
      freezeQuantity: 1755,
      expiry: '2026-01-27',
      strikeE4: 260_000_000,
      underlyingSymbol: 'NIFTY',
      underlyingKind: 'index',
    }));

  it.each([
    ['EQUITY', 'stock'],
    ['INDEX', 'index'],
    ['CUR', undefined],
    ['COM', undefined],
    [undefined, undefined],
  ])('on what the file calls %p is on a %p', (type, kind) => {
    const row = json({ ...niftyCall, underlying_type: type });
    expect(row).toHaveProperty('instrumentKey');
    expect((row as { underlyingKind?: string }).underlyingKind).toBe(kind);
  });

  it('on a currency has a tick of Rs 0.0025 and strikes of three decimals', () =>
    expect(
      json({
        ...niftyCall,
        segment: 'NCD_FO',
        instrument_key: 'NCD_FO|14222',
        underlying_symbol: 'USDINR',
        trading_symbol: 'USDINR 91.375 PE 09 JAN 26',
        instrument_type: 'PE',
        strike_price: 91.375,
        tick_size: 0.25,
        expiry: 1767983399000,
      }),
    ).toMatchObject({
      symbol: 'NSE:USDINR 91.375 PE 09 JAN 26',
      strikeE4: 913_750,
      tickSizeE4: 25,
      expiry: '2026-01-09',
    }));

  it('in BSE_FO has no quantity multiplier', () =>
    expect(
      json({ ...without(niftyCall, 'qty_multiplier'), segment: 'BSE_FO', exchange: 'BSE', instrument_key: 'BSE_FO|1' }),
    ).toMatchObject({ symbol: 'BSE:NIFTY 26000 CE 27 JAN 26' }));

  it('without a strike is refused', () =>
    expect(json({ ...niftyCall, strike_price: 0.0 })).toEqual({
      reason: 'strike_price is not above zero',
      detail: '0',
    }));
});

describe('a future', () => {
  const future = { ...niftyCall, instrument_type: 'FUT', strike_price: 0.0, trading_symbol: 'NIFTY FUT 27 JAN 26' };

  it('has no strike although the file prints 0.0', () => {
    expect(json(future)).toMatchObject({ symbol: 'NSE:NIFTY FUT 27 JAN 26' });
    expect(json(future)).not.toHaveProperty('strikeE4');
  });

  it('has a real freeze quantity, even one of 100000', () =>
    expect(json({ ...future, freeze_quantity: 100000.0 })).toMatchObject({ freezeQuantity: 100_000 }));

  it('without a freeze quantity has none', () =>
    expect(json(without(future, 'freeze_quantity'))).not.toHaveProperty('freezeQuantity'));

  it('without an expiry is refused', () =>
    expect(json(without(future, 'expiry'))).toMatchObject({ reason: 'expiry is missing' }));
});

it('an index has a key with a space in it, no lot, no tick and no ISIN', () =>
  expect(
    json({
      segment: 'NSE_INDEX',
      name: 'Nifty 50',
      exchange: 'NSE',
      instrument_type: 'INDEX',
      instrument_key: 'NSE_INDEX|Nifty 50',
      exchange_token: '26000',
      trading_symbol: 'NIFTY',
    }),
  ).toEqual({
    instrumentKey: 'NSE_INDEX|Nifty 50',
    validFrom: '2026-01-02',
    symbol: 'NSE:NIFTY',
    tradingSymbol: 'NIFTY',
    name: 'Nifty 50',
    exchange: 'NSE',
    segment: 'NSE_INDEX',
    instrumentType: 'INDEX',
    exchangeToken: '26000',
  }));

it('a commodity spot row has no expiry and takes no orders: no lot, no tick', () => {
  const spot = json({
    segment: 'NSE_COM',
    name: 'SILVERMIC',
    exchange: 'NSE',
    instrument_type: 'COM',
    instrument_key: 'NSE_COM|13',
    lot_size: 1,
    freeze_quantity: 600.0,
    exchange_token: '13',
    tick_size: 100.0,
    trading_symbol: 'SILVERMIC',
    strike_price: 0.0,
    qty_multiplier: 1.0,
  });
  expect(spot).toMatchObject({ symbol: 'NSE:SILVERMIC', instrumentType: 'COM' });
  expect(spot).not.toHaveProperty('lotSize');
  expect(spot).not.toHaveProperty('expiry');
});

describe('a row that makes no sense', () => {
  it.each([
    ['segment is missing', without(reliance, 'segment')],
    ['segment is not one we know', { ...reliance, segment: 'NYSE' }],
    ['segment is not one we know', { ...reliance, segment: 'constructor' }],
    ['segment is not text', { ...reliance, segment: 7 }],
    ['instrument_key does not fit the segment', { ...reliance, instrument_key: 'BSE_EQ|INE002A01018' }],
    ['instrument_key does not fit the segment', { ...reliance, instrument_key: 'NSE_EQ|' }],
    ['exchange does not fit the segment', { ...reliance, exchange: 'BSE' }],
    ['trading_symbol is missing', { ...reliance, trading_symbol: '' }],
    ['trading_symbol is malformed', { ...reliance, trading_symbol: 'BSE:RELIANCE' }],
    ['exchange_token is malformed', { ...reliance, exchange_token: '28x85' }],
    ['isin is missing', without(reliance, 'isin')],
    ['isin is malformed', { ...reliance, isin: 'INE002' }],
    ['lot_size is missing', without(reliance, 'lot_size')],
    ['lot_size is not a whole number above zero', { ...reliance, lot_size: 0 }],
    ['tick_size is not above zero', { ...reliance, tick_size: 0 }],
    ['tick_size is not a price in paise', { ...reliance, tick_size: -10 }],
    ['instrument_type is not one we know', { ...niftyCall, instrument_type: 'EQ' }],
    ['expiry is not a time in epoch milliseconds', { ...niftyCall, expiry: '27-JAN-26' }],
    ['freeze_quantity is not a whole number above zero', { ...niftyCall, freeze_quantity: 0.5 }],
  ])('is refused because %s', (reason, row) => {
    expect(json(row)).toMatchObject({ reason });
  });
});

describe('the CSV form', () => {
  const csv = (line: string) => {
    const cells = line.split(',');
    return parseUpstoxCsvRow(Object.fromEntries(UPSTOX_CSV_COLUMNS.map((column, i) => [column, cells[i]])), context);
  };

  it('prints equity ticks in rupees where JSON prints paise', () =>
    expect(
      csv('NSE_EQ|INE002A01018,2885,RELIANCE,RELIANCE INDUSTRIES LTD,1373.8,,,0.1,1,EQUITY,,NSE_EQ'),
    ).toMatchObject({
      symbol: 'NSE:RELIANCE',
      isin: 'INE002A01018',
      instrumentType: 'EQUITY',
      tickSizeE4: 1000,
    }));

  it('prints currency and commodity ticks in paise all the same', () => {
    expect(
      csv('NCD_FO|17637,17637,USDINR2591291.25PE,USDINR,0,2025-09-12,91.25,0.25,1,OPTCUR,PE,NCD_FO'),
    ).toMatchObject({ tickSizeE4: 25 });
    expect(
      csv('MCX_FO|445329,445329,GOLD25NOV80300PE,GOLD,1.0,2025-11-26,80300.0,50.0,1,OPTFUT,PE,MCX_FO'),
    ).toMatchObject({ tickSizeE4: 5000 });
  });

  it.each([
    [
      'NSE_FO|47176,47176,NIFTY2582124550PE,NIFTY,161.7,2025-08-21,24550.0,0.05,75,OPTIDX,PE,NSE_FO',
      'NSE:NIFTY 24550 PE 21 AUG 25',
    ],
    [
      'NSE_FO|130443,130443,SAIL25SEP110CE,STEEL AUTHORITY OF INDIA,13.0,2025-09-30,110.0,0.05,4700,OPTSTK,CE,NSE_FO',
      'NSE:SAIL 110 CE 30 SEP 25',
    ],
    [
      'NSE_FO|65176,65176,SJVN25AUGFUT,SJVN LTD,98.37,2025-08-28,0.0,0.01,5875,FUTSTK,FF,NSE_FO',
      'NSE:SJVN FUT 28 AUG 25',
    ],
    [
      'BCD_FO|2160947,2160947,USDINR25O2486PE,USDINR,0,2025-10-24,86.0,0.25,1,OPTCUR,PE,BCD_FO',
      'BSE:USDINR 86 PE 24 OCT 25',
    ],
    [
      'BCD_FO|2160691,2160691,718GS203725OCT100.75PE,718GS2037,0,2025-10-30,100.75,0.25,1,OPTIRD,PE,BCD_FO',
      'BSE:718GS2037 100.75 PE 30 OCT 25',
    ],
  ])('names a contract as the JSON form does: %s', (line, symbol) => {
    expect(csv(line)).toMatchObject({ symbol });
  });

  it('knows neither lot nor tick of an index', () =>
    expect(csv('BSE_INDEX|SMLCAP,31,SMLCAP,BSE SMALLCAP,51796.74,,,,,INDEX,INDEX,BSE_INDEX')).toMatchObject({
      symbol: 'BSE:SMLCAP',
    }));

  it('refuses a contract whose symbol does not fit its expiry and strike', () =>
    expect(csv('NSE_FO|1,1,NIFTY25AUG24500PE,NIFTY,1,2025-09-30,24500.0,0.05,75,OPTIDX,PE,NSE_FO')).toMatchObject({
      reason: 'tradingsymbol does not fit expiry and strike',
    }));
});
