import { E4_PER_RUPEE } from '../money';
import { fitsTick, tickOf, type TickKind } from './ticks';

const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);
const tick = (kind: TickKind, price: number, date = '2026-11-20'): number | undefined => {
  const found = tickOf({ exchange: 'NSE', kind, priceE4: rupees(price), date });
  return found === undefined ? undefined : found.tickE4 / E4_PER_RUPEE;
};

describe('ticks', () => {
  it.each([
    ['cash', 249.99, 0.01],
    ['cash', 250, 0.05],
    ['cash', 1_000, 0.05],
    ['cash', 1_000.05, 0.1],
    ['cash', 5_000, 0.1],
    ['cash', 5_000.1, 0.5],
    ['cash', 10_000, 0.5],
    ['cash', 20_000, 1],
    ['cash', 20_001, 5],
    ['stock-future', 20_001, 5],
    ['index-future', 15_000, 0.05],
    ['index-future', 15_000.05, 0.1],
    ['index-future', 30_000, 0.1],
    ['index-future', 30_000.1, 0.2],
    ['index-option', 0.05, 0.05],
    ['currency', 84.5, 0.0025],
  ] as const)('%s at %p: %p', (kind, price, expected) => expect(tick(kind, price)).toBe(expected));

  it('S9: 5,020.30 does not fit a tick of 0.50, 5,020.50 does', () => {
    const tickE4 = rupees(tick('cash', 5_020.3) ?? 0);
    expect(tickE4).toBe(rupees(0.5));
    expect(fitsTick(rupees(5_020.3), tickE4)).toBe(false);
    expect(fitsTick(rupees(5_020.5), tickE4)).toBe(true);
  });
  it('are not known before the first table, of BSE, nor of stock options since their revision', () => {
    expect(tick('cash', 100, '2025-04-14')).toBeUndefined();
    expect(tick('cash', 100, '2025-04-15')).toBe(0.01);
    expect(tick('stock-option', 100, '2025-09-22')).toBe(0.05);
    expect(tick('stock-option', 100, '2025-09-23')).toBeUndefined();
    expect(tickOf({ exchange: 'BSE', kind: 'cash', priceE4: 100, date: '2026-11-20' })).toBeUndefined();
  });
});
