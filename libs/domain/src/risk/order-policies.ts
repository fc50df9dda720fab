import type { Segment } from '../instruments/instrument';
import type { Dated } from '../dated';
import { collarOn } from './margin-price';

/**
 * Which orders may be sent to a segment at all, from a date on. Orders of programs come under the exchanges' rules for
 * algorithms, where an unprotected market order is none.
 *
 * - `allow`: sent as it is. The brokers' interfaces protect it by themselves, and it is margined with our own collar.
 * - `protect`: only where a last price is known, so that it can be bounded at `protectionBp` from it.
 * - `refuse`: not at all.
 */
export interface OrderPolicy extends Dated {
  readonly segments: readonly Segment[];
  readonly marketOrders: 'allow' | 'protect' | 'refuse';
  /** How far from the last price a market order may fill, basis points; absent: the collar it is margined with. */
  readonly protectionBp?: number;
}

const EQUITY: readonly Segment[] = ['NSE_EQ', 'BSE_EQ', 'NSE_FO', 'BSE_FO'];
const CURRENCY: readonly Segment[] = ['NCD_FO', 'BCD_FO'];
const COMMODITY: readonly Segment[] = ['MCX_FO', 'NSE_COM'];

const HOUSE = {
  from: '2025-01-01',
  marketOrders: 'allow',
  source: 'house: market orders are protected by the broker and margined with a collar',
  certainty: 'confirmed',
} as const;

/** By date within a segment. */
export const ORDER_POLICIES: readonly OrderPolicy[] = [
  { ...HOUSE, segments: EQUITY },
  { ...HOUSE, segments: CURRENCY },
  { ...HOUSE, segments: COMMODITY },
];

/** The row in force; a date before the first has none. */
export const orderPolicyOn = (
  tradingDate: string,
  segment: Segment,
  policies: readonly OrderPolicy[] = ORDER_POLICIES,
): OrderPolicy | undefined =>
  policies.findLast(({ from, segments }) => from <= tradingDate && segments.includes(segment));

export const protectionBpOf = ({ protectionBp }: OrderPolicy, tradingDate: string): number =>
  protectionBp ?? collarOn(tradingDate);
