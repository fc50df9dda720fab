import { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import { driftOf, readJson, type Tell } from '../answers';
import type { OrderRow } from '../client';
import { type Lookup, orderRow } from './replies';

/** A text frame of the socket. Every order of the client comes by itself, whoever placed it: nothing is subscribed to. */
export type OrderFrame =
  | { readonly kind: 'rows'; readonly rows: readonly OrderRow[] }
  | { readonly kind: 'other' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

const OTHERS = new Set(['message', 'instruments_meta', 'app_code']);
const frame = z.object({ type: z.string(), data: z.unknown() });

export const readOrderFrame = (text: string, lookup: Lookup, tell: Tell): OrderFrame => {
  const json = readJson(text);
  if (json === undefined) return { kind: 'drift', evidence: tell('DRIFT', '$: no JSON') };
  const head = frame.safeParse(json);
  if (!head.success) return { kind: 'drift', evidence: driftOf(head.error, tell) };
  const { type, data } = head.data;
  if (OTHERS.has(type)) return { kind: 'other' };
  if (type === 'error')
    return { kind: 'drift', evidence: tell('FEED_ERROR', typeof data === 'string' ? data : JSON.stringify(data)) };
  if (type !== 'order') return { kind: 'drift', evidence: tell('DRIFT', '$.type: an unknown word') };
  const row = z.object({ data: orderRow(lookup, tell) }).safeParse(json);
  return row.success ? { kind: 'rows', rows: [row.data.data] } : { kind: 'drift', evidence: driftOf(row.error, tell) };
};
