import { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import { driftOf, readJson, type Tell } from '../answers';
import type { OrderRow } from '../client';
import { type Lookup, orderRow } from './replies';

/** One frame of the socket: JSON text. Nothing has to be sent: the address says what is wanted. */
export type OrderFrame =
  | { readonly kind: 'rows'; readonly rows: readonly OrderRow[] }
  | { readonly kind: 'other' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

/** What the address asks for. Positions and holdings are made from trades here. */
export const ORDER_FEED_QUERY = 'update_types=order';

const OTHERS = new Set(['position', 'holding', 'gtt_order']);
const update = z.object({ update_type: z.string() });

export const readOrderFrame = (text: string, lookup: Lookup, tell: Tell): OrderFrame => {
  const json = readJson(text);
  if (json === undefined) return { kind: 'drift', evidence: tell('DRIFT', '$: no JSON') };
  const head = update.safeParse(json);
  if (!head.success) return { kind: 'drift', evidence: driftOf(head.error, tell) };
  const kind = head.data.update_type.toLowerCase();
  if (OTHERS.has(kind)) return { kind: 'other' };
  if (kind !== 'order') return { kind: 'drift', evidence: tell('DRIFT', '$.update_type: an unknown word') };
  const row = orderRow(lookup, tell).safeParse(json);
  return row.success ? { kind: 'rows', rows: [row.data] } : { kind: 'drift', evidence: driftOf(row.error, tell) };
};
