/** One instrument's recorded day. Prices in 1/10,000 rupee, volume in units. */
export interface RecordedDay {
  readonly openE4: number;
  readonly highE4: number;
  readonly lowE4: number;
  readonly closeE4: number;
  readonly volume: number;
}

export interface Quote {
  readonly priceE4: number;
  /** Units one order may take at this price in this tick. */
  readonly availableQuantity: number;
}

/** A recorded bar becomes four ticks, each with a quarter of its volume. */
export const TICKS_PER_DAY = 4;

/** The part of a tick's recorded volume that one order may take: a paper order must not be larger than its market. */
const PARTICIPATION_PERCENT = 10;

/**
 * The paper broker's market: real recorded prices, replayed in a circle. What it quotes depends on the clock alone,
 * so that every process, and the same process after a restart, sees the same market. A day is walked open, the extreme
 * nearer to the open, the other one, close: the usual reading of a bar whose inside is not known.
 */
export class PaperMarket {
  constructor(
    private readonly days: ReadonlyMap<string, RecordedDay>,
    private readonly tickMs: number,
  ) {}

  /** Number of the tick that `atMs` (epoch milliseconds) falls into. */
  tickAt(atMs: number): number {
    return Math.floor(atMs / this.tickMs);
  }

  /** The quote of one instrument in one tick; `undefined` when nothing was recorded for it. */
  quoteAt(instrumentKey: string, tick: number): Quote | undefined {
    const day = this.days.get(instrumentKey);
    if (!day) return undefined;
    const { openE4, highE4, lowE4, closeE4, volume } = day;
    const highFirst = highE4 - openE4 < openE4 - lowE4;
    const path = highFirst ? [openE4, highE4, lowE4, closeE4] : [openE4, lowE4, highE4, closeE4];
    const priceE4 = path[tick % TICKS_PER_DAY] ?? closeE4;
    return { priceE4, availableQuantity: Math.ceil((volume / TICKS_PER_DAY) * (PARTICIPATION_PERCENT / 100)) };
  }
}
