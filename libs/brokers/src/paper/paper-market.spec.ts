import { PaperMarket, type RecordedDay } from './paper-market';

const TICK_MS = 1_000;
const KEY = 'NSE_EQ|INE002A01018';

const marketOf = (day: RecordedDay): PaperMarket => new PaperMarket(new Map([[KEY, day]]), TICK_MS);

/** RELIANCE on 2 January 2026. */
const reliance: RecordedDay = {
  openE4: 15_800_000,
  highE4: 15_946_000,
  lowE4: 15_782_000,
  closeE4: 15_923_000,
  volume: 6_602_230,
};

const pathOf = (market: PaperMarket, from = 0): (number | undefined)[] =>
  [0, 1, 2, 3].map((tick) => market.quoteAt(KEY, from + tick)?.priceE4);

describe('the replayed day', () => {
  it('goes from the open to the nearer extreme, to the other one, and to the close', () => {
    expect(pathOf(marketOf(reliance))).toEqual([15_800_000, 15_782_000, 15_946_000, 15_923_000]);
    expect(pathOf(marketOf({ ...reliance, highE4: 15_810_000, closeE4: 15_790_000 }))).toEqual([
      15_800_000, 15_810_000, 15_782_000, 15_790_000,
    ]);
  });

  it('begins again after its last tick', () => {
    const market = marketOf(reliance);
    expect(pathOf(market, 4)).toEqual(pathOf(market, 0));
    expect(pathOf(market, 4_000_000_000)).toEqual(pathOf(market, 0));
  });

  it('quotes nothing that was not recorded', () => {
    const market = marketOf(reliance);
    for (let tick = 0; tick < 40; tick += 1) {
      const { openE4, highE4, lowE4, closeE4 } = reliance;
      expect([openE4, highE4, lowE4, closeE4]).toContain(market.quoteAt(KEY, tick)?.priceE4);
    }
    expect(market.quoteAt('NSE_EQ|NOSUCH', 0)).toBeUndefined();
  });

  it('gives one order a tenth of a quarter of what was traded, and always something', () => {
    expect(marketOf(reliance).quoteAt(KEY, 0)?.availableQuantity).toBe(165_056);
    expect(marketOf({ ...reliance, volume: 21 }).quoteAt(KEY, 0)?.availableQuantity).toBe(1);
    expect(marketOf({ ...reliance, volume: 1 }).quoteAt(KEY, 0)?.availableQuantity).toBe(1);
  });

  it('depends on the clock alone: two processes see the same market', () => {
    const [here, there] = [marketOf(reliance), marketOf(reliance)];
    const at = Date.UTC(2026, 0, 2, 4, 30);
    for (const later of [0, 999, 1_000, 2_345, 86_400_000]) {
      expect(here.tickAt(at + later)).toBe(there.tickAt(at + later));
      expect(here.quoteAt(KEY, here.tickAt(at + later))).toEqual(there.quoteAt(KEY, there.tickAt(at + later)));
    }
    expect(here.tickAt(at + 999)).toBe(here.tickAt(at));
    expect(here.tickAt(at + 1_000)).toBe(here.tickAt(at) + 1);
  });
});
