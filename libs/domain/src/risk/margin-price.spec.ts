import type { OrderTerms } from '../orders/order';
import { marginPriceE4 } from './margin-price';

const limit: OrderTerms = { orderType: 'LIMIT', quantity: 1, priceE4: 1_000_000, validity: 'DAY' };
const market: OrderTerms = { orderType: 'MARKET', quantity: 1, validity: 'DAY' };
const stop: OrderTerms = { orderType: 'SL_M', quantity: 1, triggerPriceE4: 1_000_000, validity: 'DAY' };
const stopLimit: OrderTerms = { ...stop, orderType: 'SL', priceE4: 1_010_000 };

const now = { side: 'BUY', tradingDate: '2026-01-02' } as const;
const sell = { ...now, side: 'SELL' } as const;

it('margins a buy with a limit at its limit, whatever the market does', () => {
  expect(marginPriceE4(limit, { ...now, lastPriceE4: 2_000_000 })).toBe(1_000_000);
  expect(marginPriceE4(limit, now)).toBe(1_000_000);
});
it('margins a sell far below the market at the market: it will fill there', () =>
  expect(marginPriceE4(limit, { ...sell, lastPriceE4: 2_000_000 })).toBe(2_000_000));
it('margins a sell above the market at its limit', () =>
  expect(marginPriceE4(limit, { ...sell, lastPriceE4: 500_000 })).toBe(1_000_000));
it('margins a sell stop-limit order at no less than its trigger and the market', () => {
  expect(marginPriceE4({ ...stopLimit, priceE4: 900_000 }, sell)).toBe(1_000_000);
  expect(marginPriceE4({ ...stopLimit, priceE4: 900_000 }, { ...sell, lastPriceE4: 2_000_000 })).toBe(2_000_000);
});
it('margins a stop-limit buy at its limit', () => expect(marginPriceE4(stopLimit, now)).toBe(1_010_000));
it('margins a stop order at its trigger and the collar', () => {
  expect(marginPriceE4(stop, now)).toBe(1_030_000);
  expect(marginPriceE4(stop, { ...now, lastPriceE4: 900_000 })).toBe(1_030_000);
});
it('margins a stop order whose trigger the market has passed at the market: it will fill there', () =>
  expect(marginPriceE4(stop, { ...now, lastPriceE4: 2_000_000 })).toBe(2_060_000));
it('margins a market order at the last price and the collar', () =>
  expect(marginPriceE4(market, { ...now, lastPriceE4: 2_000_000 })).toBe(2_060_000));
it('rounds the collar up', () => expect(marginPriceE4(market, { ...now, lastPriceE4: 1 })).toBe(2));
it('knows no price for a market order without a last price', () => expect(marginPriceE4(market, now)).toBeUndefined());

it.each([
  ['1999-12-31', 2_000_000],
  ['2024-12-31', 2_000_000],
  ['2025-01-01', 2_060_000],
  ['2025-01-02', 2_060_000],
  ['2099-12-31', 2_060_000],
])('on %s a market order at Rs 200 is margined at %p', (tradingDate, priceE4) =>
  expect(marginPriceE4(market, { side: 'BUY', tradingDate, lastPriceE4: 2_000_000 })).toBe(priceE4),
);
