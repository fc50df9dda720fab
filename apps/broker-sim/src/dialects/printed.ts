/** What Fyers and Angel One print and read alike, beyond what all brokers share. */

import { createHash, createHmac, randomUUID } from 'node:crypto';

import { istDay } from '#brokers/fields';
import { formatE4, parseE4 } from '#domain/money';

import { istTime } from '../words';

export type Fields = Readonly<Record<string, unknown>>;

/** A price as a request carries it, in 1/10,000 rupee; `undefined` unless it is a plain decimal, not negative. */
export const requestedE4 = (value: unknown): number | undefined =>
  typeof value === 'number' || typeof value === 'string' ? parseE4(value) : undefined;

/** `194.00`, and a bare `0` for nothing. */
export const decimalText = (amountE4: number): string => (amountE4 === 0 ? '0' : formatE4(amountE4));

/** `07-08-2020 13:51:12` */
export const istNumeric = (atMs: number): string => `${istDay(atMs).split('-').reverse().join('-')} ${istTime(atMs)}`;

export const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A token of the shape of a JWT, never the same twice. Nobody checks its signature: a session is known by its text. */
export const jwtShaped = (claims: Fields, secret: string): string => {
  const encode = (part: Fields) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const unsigned = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ ...claims, jti: randomUUID() })}`;
  return `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`;
};
