import { z } from 'zod';
import { driftOf, idField, readJson, type Tell } from '../answers';
import type { Postback } from '../client';

const payload = z.object({ update_type: z.string().optional(), order_id: idField });

/** Nobody signs these: whatever they say of an order is worth a look at it, and no more. */
export const readPostback = (body: string, tell: Tell): Postback => {
  const json = readJson(body);
  if (json === undefined) return { kind: 'refused', evidence: tell('DRIFT', '$: no JSON') };
  const parsed = payload.safeParse(json);
  if (!parsed.success) return { kind: 'refused', evidence: driftOf(parsed.error, tell) };
  const { update_type = 'order', order_id } = parsed.data;
  return update_type === 'order'
    ? { kind: 'hint', brokerOrderId: order_id }
    : { kind: 'refused', evidence: tell('DRIFT', '$.update_type: nothing about an order') };
};
