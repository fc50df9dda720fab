import type { Instrument } from '#domain/instruments/instrument';

import { Catalogue } from './catalogue';
import { demoDataPath } from './demo-data';
import { countsOf, diffCatalogues } from './diff';
import { loadInstruments, loadListings, loadSuspended } from './load';
import { rolloverOf } from './rollover';

const share = (change: Partial<Instrument> = {}): Instrument => ({
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
  tickSizeE4: 1_000,
  ...change,
});
const call = (change: Partial<Instrument> = {}): Instrument => ({
  ...share(),
  instrumentKey: 'NSE_FO|58801',
  symbol: `NSE:NIFTY ${String((change.strikeE4 ?? 260_000_000) / 10_000)} CE ${change.expiry ?? '2026-01-27'}`,
  segment: 'NSE_FO',
  instrumentType: 'CE',
  underlyingSymbol: 'NIFTY',
  expiry: '2026-01-27',
  strikeE4: 260_000_000,
  ...change,
});

describe('from one day to the next', () => {
  it('the same instruments are no difference, whatever their day and order', () =>
    expect(diffCatalogues([share(), call()], [call({ validFrom: '2026-01-05' }), share()])).toEqual({
      added: [],
      removed: [],
      changed: [],
      reusedKeys: [],
    }));

  it('what is new was added and what is gone was removed', () =>
    expect(diffCatalogues([share()], [call()])).toMatchObject({ added: [call()], removed: [share()] }));

  it.each([
    ['lotSize', { lotSize: 2 }],
    ['tickSizeE4', { tickSizeE4: 500 }],
    ['instrumentType', { instrumentType: 'BE' }],
    ['securityType', { securityType: 'SME' as const }],
    ['funded', { funded: { marginBp: 2_500 } }],
    ['exchangeToken', { exchangeToken: '1' }],
  ])('another %s is a change, and named', (field, change) => {
    const { changed } = diffCatalogues([share()], [share(change)]);
    expect(changed).toEqual([{ before: share(), after: share(change), fields: [field] }]);
  });

  it('another margin of the broker is a change, the same one is none', () => {
    const at = (marginBp: number) => share({ funded: { marginBp } });
    expect(diffCatalogues([at(2_500)], [at(2_600)]).changed[0]?.fields).toEqual(['funded']);
    expect(diffCatalogues([at(2_500)], [at(2_500)]).changed).toEqual([]);
  });

  it('a key that names another contract was used again', () => {
    const [before, after] = [call(), call({ strikeE4: 250_000_000, validFrom: '2026-02-02' })];
    expect(diffCatalogues([before], [after])).toMatchObject({ changed: [], reusedKeys: [{ before, after }] });
  });

  it('a key whose contract was over was used again, also by the next month’s', () => {
    const after = call({ expiry: '2026-02-24', validFrom: '2026-01-28' });
    expect(countsOf(diffCatalogues([call()], [after]))).toMatchObject({ changed: 0, reusedKeys: 1 });
  });

  it('a contract that is still alive and expires on another day is the same, with its last day moved', () => {
    const after = call({ expiry: '2026-01-26', validFrom: '2026-01-05' });
    expect(diffCatalogues([call()], [after]).changed[0]?.fields).toEqual(['symbol', 'expiry']);
  });
});

describe('with the recorded files', () => {
  const load = () =>
    loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), { validFrom: '2026-01-02' });

  it('what brokers do not agree on is counted by kind, with examples', async () => {
    const { instruments } = await load();
    const { listings } = await loadListings(demoDataPath('instruments.kite.2025-12.csv.gz'));
    const conflicts = new Catalogue(instruments, listings).conflicts();
    const of = (kind: string) => conflicts.find((conflict) => conflict.kind === kind);
    expect(of('different-instrument')).toMatchObject({ broker: 'zerodha', count: 20 });
    expect(of('lot-size')).toMatchObject({ count: 2 });
    expect(of('lot-size')?.examples[0]?.ours).not.toBe(of('lot-size')?.examples[0]?.theirs);
    expect(of('different-instrument')?.examples).toHaveLength(5);
    // BSE is not in Kite's file: nothing of it is missing there.
    expect(of('missing')?.count).toBeGreaterThan(1_000);
    expect(of('missing')?.examples.filter(({ symbol }) => symbol.startsWith('BSE:'))).toEqual([]);
  });

  it('brokers whose file was not given are in no conflict', async () => {
    expect(new Catalogue((await load()).instruments).conflicts()).toEqual([]);
  });

  it('an expired contract is not tradable on the day after, though it is still known', async () => {
    const catalogue = new Catalogue((await load()).instruments);
    const name = 'NSE:NIFTY 26000 CE 27 JAN 26';
    expect(catalogue.tradable(name, '2026-01-27')?.instrumentKey).toBe('NSE_FO|58801');
    expect(catalogue.tradable(name, '2026-01-28')).toBeUndefined();
    expect(catalogue.resolve(name)?.instrumentKey).toBe('NSE_FO|58801');
    expect(catalogue.tradable('NSE:RELIANCE', '2099-01-01')?.symbol).toBe('NSE:RELIANCE');
    expect(catalogue.tradable('NSE:NOSUCH', '2026-01-02')).toBeUndefined();
  });

  it.each([
    ['NSE:NIFTY FUT 27 JAN 26', 'NSE:NIFTY FUT 24 FEB 26'],
    ['NSE:NIFTY 26000 CE 06 JAN 26', 'NSE:NIFTY 26000 CE 27 JAN 26'],
    ['NSE:RELIANCE', undefined],
    ['NSE:NOSUCH', undefined],
  ])('%s is rolled over to %s', async (symbol, next) => {
    const catalogue = new Catalogue((await load()).instruments);
    const key = catalogue.resolve(symbol)?.instrumentKey ?? symbol;
    expect(rolloverOf(catalogue, key)?.symbol).toBe(next);
  });

  it('a list of suspended instruments has the form of the master, and only its keys are read', async () => {
    const file = demoDataPath('instruments.upstox.2025-12-12.json.gz');
    const suspended = await loadSuspended(file, { validFrom: '2025-12-12' });
    const { instruments } = await loadInstruments(file, { validFrom: '2025-12-12' });
    expect([...suspended.instrumentKeys]).toEqual(instruments.map(({ instrumentKey }) => instrumentKey));
  });
});
