import type { PriceTick } from './client';
import { LastPrices } from './last-prices';

const tick = (instrumentKey: string, lastPriceE4: number, atMs: number): PriceTick => ({
  instrumentKey,
  lastPriceE4,
  atMs,
});

describe('last prices', () => {
  let prices: LastPrices;
  beforeEach(() => {
    jest.useFakeTimers();
    prices = new LastPrices();
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('are not known before a tick', () => expect(prices.of('A')).toBeUndefined());

  it('are those of the youngest tick, whichever broker told it and in whatever order', () => {
    prices.take([tick('A', 100, 20), tick('B', 7, 20)]);
    prices.take([tick('A', 90, 10)]);
    expect(prices.of('A')).toBe(100);
    prices.take([tick('A', 110, 20)]); // as old as the other, and told later
    expect([prices.of('A'), prices.of('B')]).toEqual([110, 7]);
  });

  it('are waited for until all of them are known', async () => {
    const known = jest.fn();
    const waiting = prices.known(['A', 'B'], 1_000).then(known);
    prices.take([tick('A', 100, 1)]);
    await jest.advanceTimersByTimeAsync(500);
    expect(known).not.toHaveBeenCalled();
    prices.take([tick('B', 100, 1)]);
    await waiting;
    expect(known).toHaveBeenCalled();
  });

  it('are not waited for beyond the time that there is', async () => {
    const known = jest.fn();
    void prices.known(['A'], 1_000).then(known);
    await jest.advanceTimersByTimeAsync(999);
    expect(known).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(known).toHaveBeenCalled();
  });

  it('are not waited for when they are known, or when nothing is wanted', async () => {
    prices.take([tick('A', 100, 1)]);
    await prices.known(['A'], 1_000);
    await prices.known([], 1_000);
  });
});
