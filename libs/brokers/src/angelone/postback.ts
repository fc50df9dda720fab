import { readJson } from '../answers';
import type { Postback } from '../client';
import { idField, isObject } from '../reading';

/** Postbacks are not signed: anybody could have sent it. Worth a look at the order, no more. */
export const readPostback = (body: string): Postback => {
  const said = readJson(body);
  const id = idField.safeParse(isObject(said) ? said['orderid'] : undefined);
  return id.success
    ? { kind: 'hint', brokerOrderId: id.data }
    : { kind: 'refused', evidence: { code: 'DRIFT', message: '$.orderid: no order id in the postback' } };
};
