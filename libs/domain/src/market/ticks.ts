import type { Exchange } from '../instruments/instrument';
import { type Dated, inForceOn } from '../dated';

export type TickKind = 'cash' | 'stock-future' | 'index-future' | 'index-option' | 'stock-option' | 'currency';

/** Tick by price, at the close of the month before. The slab counts all month, wherever the price goes. */
export interface TickTable extends Dated {
  readonly exchange: Exchange;
  readonly kind: TickKind;
  /** In order; `below` is not part of the slab, `upTo` is. Prices and ticks in 1/10,000 rupee. None: not known. */
  readonly slabs: readonly Slab[];
}

export interface Slab {
  readonly belowE4?: number;
  readonly upToE4?: number;
  readonly tickE4: number;
}

const RUPEE = 10_000;
const REVIEW = {
  from: '2025-04-15',
  certainty: 'confirmed',
  source: 'NSE circulars on tick sizes of 15 Apr 2025',
} as const;

const SHARES: readonly Slab[] = [
  { belowE4: 250 * RUPEE, tickE4: 100 },
  { upToE4: 1_000 * RUPEE, tickE4: 500 },
  { upToE4: 5_000 * RUPEE, tickE4: 1_000 },
  { upToE4: 10_000 * RUPEE, tickE4: 5_000 },
  { upToE4: 20_000 * RUPEE, tickE4: RUPEE },
  { tickE4: 5 * RUPEE },
];
/** By the level of the index, not by the price of the future. */
const INDEX_FUTURES: readonly Slab[] = [
  { upToE4: 15_000 * RUPEE, tickE4: 500 },
  { upToE4: 30_000 * RUPEE, tickE4: 1_000 },
  { tickE4: 2_000 },
];

export const TICK_TABLES: readonly TickTable[] = [
  { ...REVIEW, exchange: 'NSE', kind: 'cash', slabs: SHARES },
  { ...REVIEW, exchange: 'NSE', kind: 'stock-future', slabs: SHARES },
  { ...REVIEW, exchange: 'NSE', kind: 'index-future', slabs: INDEX_FUTURES },
  { ...REVIEW, exchange: 'NSE', kind: 'index-option', slabs: [{ tickE4: 500 }] },
  { ...REVIEW, exchange: 'NSE', kind: 'stock-option', slabs: [{ tickE4: 500 }] },
  // Revised, to a value that nobody here has seen: the master says.
  {
    exchange: 'NSE',
    kind: 'stock-option',
    slabs: [],
    from: '2025-09-23',
    certainty: 'unconfirmed',
    source: 'NSE/FAOP/70382',
  },
  { ...REVIEW, exchange: 'NSE', kind: 'currency', slabs: [{ tickE4: 25 }] },
];

export interface Tick {
  readonly tickE4: number;
  readonly rule: string;
  readonly effectiveFrom: string;
}

/**
 * The tick that a price belongs to by the exchange's table. A cross-check: the tick of an instrument is what its master says.
 * Undefined where no table covers exchange, kind and date.
 */
export const tickOf = (
  { exchange, kind, priceE4, date }: { exchange: Exchange; kind: TickKind; priceE4: number; date: string },
  tables: readonly TickTable[] = TICK_TABLES,
): Tick | undefined => {
  const table = inForceOn(
    tables.filter((row) => row.exchange === exchange && row.kind === kind),
    date,
  );
  const slab = table?.slabs.find(
    ({ belowE4, upToE4 }) =>
      (belowE4 === undefined || priceE4 < belowE4) && (upToE4 === undefined || priceE4 <= upToE4),
  );
  return table === undefined || slab === undefined
    ? undefined
    : { tickE4: slab.tickE4, rule: table.source, effectiveFrom: table.from };
};

export const fitsTick = (priceE4: number, tickE4: number): boolean => priceE4 % tickE4 === 0;
