import type { Evidence } from '#domain/orders/order';
import { readJson } from '../answers';
import type { ErrorClass, OrderRow } from '../client';
import { held, isObject, type Say, textOf } from '../reading';
import { z } from 'zod';
import { orderRow } from './rows';

/**
 * What a frame of the order socket was. It carries sums and the id of the last fill, never a fill's own quantity and
 * price: trades come from the trade book.
 */
export type OrderFrame =
  | { readonly kind: 'row'; readonly row: OrderRow }
  | { readonly kind: 'connected' }
  | { readonly kind: 'refused'; readonly errorClass: ErrorClass; readonly evidence: Evidence }
  /** An answer to our ping. */
  | { readonly kind: 'other' }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

export const PING = { everyMs: 10_000, text: 'ping' };

const CONNECTED = 'AB00';

const REFUSALS: Readonly<Record<string, ErrorClass>> = { '401': 'auth', '403': 'auth', '429': 'throttled' };

export const readOrderFrame = (say: Say, text: string): OrderFrame => {
  if (['ping', 'pong'].includes(text.trim().toLowerCase())) return { kind: 'other' };
  const frame = readJson(text);
  if (!isObject(frame)) return { kind: 'drift', evidence: say('DRIFT', '$: not a frame') };
  const statusCode = textOf(frame['status-code']) ?? '';
  const errorClass = Object.hasOwn(REFUSALS, statusCode) ? REFUSALS[statusCode] : undefined;
  if (errorClass) return { kind: 'refused', errorClass, evidence: say(statusCode, frame['error-message']) };
  const status = frame['order-status'];
  if (typeof status !== 'string' || status === '')
    return { kind: 'drift', evidence: say('DRIFT', "$.order-status: not the order's state") };
  if (status === CONNECTED) return { kind: 'connected' };
  const row = held(say, z.object({ orderData: orderRow(say, status) }), frame);
  return row.outcome === 'ok' ? { kind: 'row', row: row.value.orderData } : { kind: 'drift', evidence: row.evidence };
};
