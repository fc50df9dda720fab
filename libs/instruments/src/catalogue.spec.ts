import { Readable } from 'node:stream';

import { Catalogue, InstrumentCatalogue, isExpired } from './catalogue';
import { DEMO_DAY, demoDataPath, type DemoFile } from './demo-data';
import { loadInstruments, loadListings, type InstrumentLoad, type ListingLoad } from './load';

let today: InstrumentLoad;
let before: InstrumentLoad;
let listings: readonly ListingLoad[];
let catalogue: Catalogue;

beforeAll(async () => {
  const listingFiles: DemoFile[] = [
    'instruments.kite.2025-12.csv.gz',
    'instruments.fyers.2025-05-15.csv.gz',
    'instruments.angelone.2025-04-08.csv.gz',
  ];
  today = await loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), { validFrom: DEMO_DAY });
  before = await loadInstruments(demoDataPath('instruments.upstox.2025-12-12.json.gz'), { validFrom: '2025-12-12' });
  listings = await Promise.all(listingFiles.map((file) => loadListings(demoDataPath(file))));
  catalogue = new Catalogue(
    today.instruments,
    listings.flatMap((load) => load.listings),
  );
});

describe('a symbol', () => {
  it.each([
    ['NSE:RELIANCE', 'NSE_EQ|INE002A01018'],
    ['BSE:RELIANCE', 'BSE_EQ|INE002A01018'],
    ['NSE:M&M', 'NSE_EQ|INE101A01026'],
    ['NSE:BAJAJ-AUTO', 'NSE_EQ|INE917I01010'],
    ['  nse:reliance\n', 'NSE_EQ|INE002A01018'],
    ['NSE_EQ|INE002A01018', 'NSE_EQ|INE002A01018'],
    ['NSE:RADIOCITY', 'NSE_EQ|INE919I01024'],
    ['NSE:RADIOCITY-P1', 'NSE_EQ|INE919I04010'],
    ['NSE:IMC1-N2', 'NSE_EQ|INE00QS24027'],
    ['BSE:875PFL26-974653', 'BSE_EQ|INE140A07732'],
    ['NSE:NIFTY 26000 CE 27 JAN 26', 'NSE_FO|58801'],
    ['nse:nifty fut 27 jan 26', 'NSE_FO|49229'],
    ['NSE:NIFTY', 'NSE_INDEX|Nifty 50'],
    ['NSE:Nifty 50', 'NSE_INDEX|Nifty 50'],
    ['NSE_INDEX|Nifty 50', 'NSE_INDEX|Nifty 50'],
    ['BSE:METAL', 'BSE_EQ|INF769K01LY7'],
    ['BSE:METAL-INDEX', 'BSE_INDEX|METAL'],
    ['NSE:SILVER-COM', 'NSE_COM|3'],
  ])('%s is %s', (symbol, instrumentKey) => {
    expect(catalogue.resolve(symbol)?.instrumentKey).toBe(instrumentKey);
  });

  it.each(['', 'RELIANCE', 'NSE:', 'NSE:NOSUCH', 'NSE:IMC1', 'MCX:RELIANCE', '__proto__', 'NSE:'.padEnd(10_000, 'X')])(
    'that nobody has is nothing: %.40s',
    (symbol) => {
      expect(catalogue.resolve(symbol)).toBeUndefined();
    },
  );

  it('and the key lead to the same instrument, for each of them', () => {
    const lost = today.instruments.filter((instrument) => {
      const { symbol, instrumentKey } = instrument;
      return [symbol, symbol.toLowerCase(), instrumentKey].some((name) => catalogue.resolve(name) !== instrument);
    });
    expect(lost).toEqual([]);
  });

  it('that two instruments would share is a mistake of the caller', () => {
    const [first] = today.instruments;
    if (first === undefined) throw new Error('no instruments');
    expect(
      () => new Catalogue([first, { ...first, instrumentKey: 'NSE_EQ|X', symbol: first.symbol.toLowerCase() }]),
    ).toThrow('unique');
  });
});

describe("a broker's own name", () => {
  it.each([
    ['upstox', 'NSE_EQ|INE002A01018', 'NSE:RELIANCE'],
    ['zerodha', 'NSE:RELIANCE', 'NSE:RELIANCE'],
    ['zerodha', 'NSE:BAJAJ-AUTO', 'NSE:BAJAJ-AUTO'],
    ['zerodha', 'NFO:NIFTY26JANFUT', 'NSE:NIFTY FUT 27 JAN 26'],
    ['zerodha', 'NSE:NIFTY 50', 'NSE:NIFTY'],
    ['fyers', 'NSE:SBIN-EQ', 'NSE:SBIN'],
    ['fyers', 'NSE:ARE&M-EQ', 'NSE:ARE&M'],
    ['fyers', 'NSE:NIFTY50-INDEX', 'NSE:NIFTY'],
    ['angelone', 'NSE:NIFTYBEES-EQ', 'NSE:NIFTYBEES'],
    ['angelone', 'NSE:Nifty 50', 'NSE:NIFTY'],
  ] as const)('of %s, %s, is %s', (broker, name, symbol) => {
    expect(catalogue.resolveBroker(broker, name)?.symbol).toBe(symbol);
  });

  it('leads back from the instrument, with the number the broker wants', () => {
    const sbin = catalogue.resolve('NSE:SBIN')?.instrumentKey ?? '';
    expect(catalogue.listingOf('fyers', sbin)).toMatchObject({ symbol: 'NSE:SBIN-EQ' });
    expect(catalogue.listingOf('zerodha', sbin)).toMatchObject({ symbol: 'NSE:SBIN', token: '779521' });
    expect(catalogue.listingOf('angelone', sbin)).toBeUndefined();
  });

  it('is not believed when the exchange gave the token to another contract', () => {
    const kite = listings[0]?.listings ?? [];
    const byToken = new Map(
      today.instruments.map((instrument) => [`${instrument.segment}|${instrument.exchangeToken}`, instrument]),
    );
    const reused = kite.filter(({ segment, exchangeToken, contract }) => {
      const instrument = byToken.get(`${segment}|${exchangeToken}`);
      return contract !== undefined && instrument !== undefined && contract.expiry !== instrument.expiry;
    });
    expect(reused.length).toBeGreaterThan(10);
    for (const { symbol } of reused) expect(catalogue.resolveBroker('zerodha', symbol)).toBeUndefined();
  });

  it('survives a new ISIN when symbol, series and token stayed (a split)', () =>
    expect(catalogue.resolveBroker('fyers', 'NSE:COFORGE-EQ')?.isin).toBe('INE591G01025'));

  it('survives a new symbol when the ISIN stayed', () =>
    expect(catalogue.resolveBroker('fyers', 'NSE:UTINIFTETF-EQ')?.symbol).toBe('NSE:NIFTYBETA'));

  it('is not believed when the share moved to another series under another token', () =>
    expect(catalogue.resolveBroker('fyers', 'NSE:ORICONENT-EQ')).toBeUndefined());

  it('is counted for each broker', () => {
    expect(catalogue.mappingOf('zerodha')).toEqual({ mapped: 167, unknown: 18, different: 20, lotSizeDiffers: 2 });
    expect(catalogue.mappingOf('fyers')).toEqual({ mapped: 223, unknown: 6, different: 0, lotSizeDiffers: 0 });
    expect(catalogue.mappingOf('angelone')).toEqual({ mapped: 76, unknown: 204, different: 2, lotSizeDiffers: 0 });
    expect(Catalogue.empty.mappingOf('fyers')).toBeUndefined();
  });
});

it('a contract may still trade on its last day, and is expired the day after', () => {
  const call = catalogue.resolve('NSE:NIFTY 26000 CE 27 JAN 26');
  const share = catalogue.resolve('NSE:RELIANCE');
  if (call === undefined || share === undefined) throw new Error('not in the recorded file');
  expect(isExpired(call, '2026-01-27')).toBe(false);
  expect(isExpired(call, '2026-01-28')).toBe(true);
  expect(isExpired(share, '2099-01-01')).toBe(false);
});

describe('the catalogue in use', () => {
  const holding = async (load: InstrumentLoad): Promise<InstrumentCatalogue> => {
    const held = new InstrumentCatalogue();
    await held.replace(() => Promise.resolve({ instruments: load }));
    return held;
  };
  const shrunk = (load: InstrumentLoad, keep: (segment: string, i: number) => boolean): InstrumentLoad => ({
    ...load,
    instruments: load.instruments.filter(({ segment }, i) => keep(segment, i)),
  });

  it('is empty at first', () => expect(new InstrumentCatalogue().current.size).toBe(0));

  it('is swapped whole by a new day: who holds the old one keeps a consistent day', async () => {
    const held = await holding(before);
    const old = held.current;
    const result = await held.replace(() => Promise.resolve({ instruments: today, listings }));
    expect(result).toMatchObject({ outcome: 'replaced', added: 3982, removed: 60 });
    expect(held.current.size).toBe(4178);
    expect(held.validFrom).toBe('2026-01-02');
    expect(held.current.resolveBroker('fyers', 'NSE:SBIN-EQ')?.symbol).toBe('NSE:SBIN');
    expect(old.size).toBe(256);
  });

  it('says how many derivative keys changed hands', async () => {
    const held = await holding(before);
    const result = await held.replace(() => Promise.resolve({ instruments: today }));
    expect(result.outcome === 'replaced' && result.reusedKeys).toBeGreaterThan(60);
  });

  it('stays when the new file is torn, and says where', async () => {
    const held = await holding(today);
    const current = held.current;
    const torn = () =>
      loadInstruments(Readable.from([Buffer.from('[{"segment":"NSE_EQ"')]), { validFrom: '2026-01-05' });
    const result = await held.replace(async () => ({ instruments: await torn() }));
    expect(result).toEqual({ outcome: 'kept', reason: expect.stringMatching(/cut off in row 1.*\(byte 20\)$/) });
    expect(held.current).toBe(current);
  });

  it('stays when the new file is suspiciously small, in all or in one cash segment', async () => {
    const held = await holding(today);
    const half = shrunk(today, (_, i) => i % 2 === 0);
    expect(await held.replace(() => Promise.resolve({ instruments: half }))).toEqual({
      outcome: 'kept',
      reason: 'only 2089 instruments where the catalogue holds 4178',
    });
    const withoutBse = shrunk(today, (segment) => segment !== 'BSE_EQ');
    expect(await held.replace(() => Promise.resolve({ instruments: withoutBse }))).toEqual({
      outcome: 'kept',
      reason: 'only 0 BSE_EQ instruments where the catalogue holds 180',
    });
    expect(held.current.size).toBe(4178);
  });

  it('stays when the new file is of an earlier day', async () => {
    const held = await holding(today);
    expect(
      await held.replace(() => Promise.resolve({ instruments: { ...today, validFrom: '2026-01-01' } })),
    ).toMatchObject({
      outcome: 'kept',
      reason: 'the file is of 2026-01-01, older than the catalogue of 2026-01-02',
    });
  });

  it('stays when too many rows of the new file were refused', async () => {
    const held = await holding(today);
    const spoilt = {
      ...today,
      summary: {
        ...today.summary,
        rows: 100,
        refused: 6,
        refusals: [{ reason: 'tick_size is missing', count: 6, examples: [] }],
      },
    };
    expect(await held.replace(() => Promise.resolve({ instruments: spoilt }))).toEqual({
      outcome: 'kept',
      reason: '6 of 100 rows were refused, mostly: tick_size is missing',
    });
  });

  it('does not hide a bug behind yesterday', async () => {
    const held = await holding(today);
    await expect(held.replace(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
  });
});
