import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { v5 as uuidv5 } from 'uuid';

/** Of the ids we derive ourselves: account id + key, never a user's own UUID namespace. */
const INTENTS = '6f9a2c1e-6d0b-5a43-9d58-3b1f2a7c4e10';

/**
 * The id of an intent follows from the account and the Idempotency-Key, so the same key is the same stream: the event
 * log itself tells a repeated request from a new one.
 */
export const intentIdOf = (accountId: string, idempotencyKey: string): string =>
  uuidv5(idempotencyKey, namespaceOf(accountId));

/** An account's own namespace, remembered: it is asked for with every request. */
const namespaces = new LRUCache<string, string>({ max: 10_000, memoMethod: (accountId) => uuidv5(accountId, INTENTS) });
const namespaceOf = (accountId: string): string => namespaces.memo(accountId);

/** The id of an intent's order: the same line, and slice of it, is the same order, however often it is sent. */
export const orderIdOf = (intentId: string, line: number, slice = 0): string =>
  uuidv5(slice === 0 ? String(line) : `${String(line)}.${String(slice)}`, intentId);

const TAG_DIGITS = 17;

/**
 * Our name for one dispatch attempt as the broker stores it: `C`, 17 base-36 digits of the order id's hash, one digit of
 * the attempt. At most 19 characters, A–Z and 0–9: what all four brokers keep unchanged.
 */
export const tagOf = (orderId: string, attempt: number): string => {
  const hash = BigInt(`0x${createHash('sha1').update(orderId).digest('hex').slice(0, 22)}`);
  const digits = hash.toString(36).toUpperCase().padStart(TAG_DIGITS, '0').slice(-TAG_DIGITS);
  return `C${digits}${(attempt % 36).toString(36).toUpperCase()}`;
};
