import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { driftOf, idField, readJson, type Tell } from '../answers';
import type { Postback } from '../client';
import { orderRow } from './replies';

const signed = z.object({
  order_id: idField,
  exchange: z.string(),
  order_timestamp: z.string(),
  checksum: z.string().regex(/^[0-9a-f]{64}$/i, { error: 'no checksum' }),
});

/** Signed with the app's secret over the order and its time: nothing else of it is protected, but nobody else can make one. */
export const readPostback = (body: string, apiSecret: string, tell: Tell): Postback => {
  const json = readJson(body);
  if (json === undefined) return { kind: 'refused', evidence: tell('DRIFT', '$: no JSON') };
  const parsed = signed.safeParse(json);
  if (!parsed.success) return { kind: 'refused', evidence: driftOf(parsed.error, tell) };
  const { order_id, exchange, order_timestamp, checksum } = parsed.data;
  const expected = createHash('sha256').update(`${order_id}${order_timestamp}${apiSecret}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(checksum, 'hex')))
    return { kind: 'refused', evidence: tell('CHECKSUM', 'the checksum is wrong') };
  // Commodities are counted in lots, and how many units a lot has does not stand here.
  if (exchange === 'MCX') return { kind: 'hint', brokerOrderId: order_id };
  const row = orderRow(() => undefined, tell).safeParse(json);
  return row.success ? { kind: 'order', row: row.data } : { kind: 'refused', evidence: driftOf(row.error, tell) };
};
