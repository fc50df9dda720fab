import { readJson } from '../answers';
import type { Postback } from '../client';
import { idField, isObject } from '../reading';

/** Fyers keeps a secret for postbacks, and how it is to be checked to itself: worth a look at the order, no more. */
export const readPostback = (body: string): Postback => {
  const said = readJson(body);
  const id = idField.safeParse(isObject(said) ? said['id'] : undefined);
  return id.success
    ? { kind: 'hint', brokerOrderId: id.data }
    : { kind: 'refused', evidence: { code: 'DRIFT', message: '$.id: no order id in the postback' } };
};
