import type { OrderLine } from '../../apps/command/src/order-line';
import { toRupees } from '#domain/money';
import type { Share } from './market';

/** Of a hundred orders; what is neither is a limit order that fills at once. */
const MARKET_ORDERS = 70;
const RESTING_ORDERS = 10;
const QUANTITY_MAX = 10;

/** Numbers from 0 (inclusive) to 1 (exclusive), the same ones for the same seed, so that two runs ask for the same. */
export const randomNumbers = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    // mulberry32, public domain
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/**
 * Makes orders as clients place them: buys and sells of real shares in small quantities; most at the market, some with
 * a limit that fills at once, one in ten with a limit far from the market.
 * @param resting what becomes of the last kind: `DAY` orders stay open, `IOC` orders are cancelled at once.
 */
export const orderMix = (shares: readonly Share[], random: () => number, resting: 'DAY' | 'IOC'): (() => OrderLine) => {
  if (shares.length === 0) throw new RangeError('no share to make orders for');
  return () => {
    const index = Math.floor(random() * shares.length);
    const share = shares[index];
    if (share === undefined) throw new RangeError('a random number lay outside of 0 to 1');
    const side = sideIn(index);
    const line: OrderLine = {
      symbol: share.symbol,
      side,
      product: 'MIS',
      orderType: 'MARKET',
      quantity: 1 + Math.floor(random() * QUANTITY_MAX),
    };
    const kind = random() * 100;
    if (kind < MARKET_ORDERS) return line;
    const fills = kind >= MARKET_ORDERS + RESTING_ORDERS;
    return {
      ...line,
      orderType: 'LIMIT',
      price: toRupees(side === 'BUY' ? (fills ? aboveE4 : farBelowE4)(share) : (fills ? belowE4 : farAboveE4)(share)),
      ...(!fills && { validity: resting }),
    };
  };
};

/** A share is bought or sold, never both: orders of one client that are under way at once must not meet. */
const sideIn = (index: number): 'BUY' | 'SELL' => (index % 2 === 0 ? 'BUY' : 'SELL');

/** What a resting order is away from all that was paid that day, and by how much the day of its share may have moved. */
const AWAY = 0.05;
const MOVED_MAX = 0.1;

/**
 * Makes orders that any broker takes and nothing fills: away from what was paid that day, but within the fifth of a
 * price by which exchanges let it move.
 */
export const restingOrders = (shares: readonly Share[], random: () => number): (() => OrderLine) => {
  const calm = shares.filter(({ lowE4, highE4 }) => highE4 <= lowE4 * (1 + MOVED_MAX));
  if (calm.length === 0) throw new RangeError('no share to make orders for');
  return () => {
    const index = Math.floor(random() * calm.length);
    const share = calm[index];
    if (share === undefined) throw new RangeError('a random number lay outside of 0 to 1');
    const { symbol, lowE4, highE4, tickSizeE4 } = share;
    const side = sideIn(index);
    const ticks =
      side === 'BUY' ? Math.floor((lowE4 * (1 - AWAY)) / tickSizeE4) : Math.ceil((highE4 * (1 + AWAY)) / tickSizeE4);
    return {
      symbol,
      side,
      product: 'MIS',
      orderType: 'LIMIT',
      quantity: 1 + Math.floor(random() * QUANTITY_MAX),
      price: toRupees(ticks * tickSizeE4),
      validity: 'DAY',
    };
  };
};

/** A price on a tick that the whole recorded day lies below, or above: near enough to be taken for meant. */
const aboveE4 = ({ highE4, tickSizeE4 }: Share): number => Math.ceil(highE4 / tickSizeE4) * tickSizeE4;
const belowE4 = ({ lowE4, tickSizeE4 }: Share): number => Math.floor(lowE4 / tickSizeE4) * tickSizeE4;

/** So far away that it rests, and that no market order of the same client could reach it. */
const farAboveE4 = ({ highE4, tickSizeE4 }: Share): number => Math.ceil((highE4 * 1.045) / tickSizeE4) * tickSizeE4;
const farBelowE4 = ({ lowE4, tickSizeE4 }: Share): number => Math.floor((lowE4 * 0.955) / tickSizeE4) * tickSizeE4;
