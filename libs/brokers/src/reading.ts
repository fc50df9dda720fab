/**
 * Reading brokers that print one thing in many ways: numbers as text and as numbers, blank, null or left out. Ids stay
 * text, numbers are read exactly or not at all. Builds on `answers.ts`.
 */

import { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import { driftOf, readJson, tellOf } from './answers';
import type { Credentials, ErrorClass, Read, Sent } from './client';
import { roundedE4 } from './fields';
import type { WireReply } from './wire';

/* ---------------------------------------------------------------------------------------------------- fields */

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A word or number as it was printed. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;

const printed = z.union([z.string(), z.number()], { error: 'neither text nor a number' });

const readBy = <Value>(read: (printed: string | number) => Value | undefined, expected: string) =>
  printed.transform((value, context) => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });

const wholeNumber = (value: string | number): number | undefined => {
  if (typeof value === 'string' && !/^-?\d{1,15}$/.test(value.trim())) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
};

const notNegative = (value: number | undefined): number | undefined =>
  value !== undefined && value >= 0 ? value : undefined;

/** An id, whether it was printed as text or as a number. */
export const idField = readBy((value) => {
  const text = String(value).trim();
  const isWhole = typeof value === 'string' || Number.isSafeInteger(value);
  return isWhole && /^[\x21-\x7e]{1,64}$/.test(text) ? text : undefined;
}, 'not an id');

/** A name, which may have spaces inside (`Nifty 50`). */
export const nameField = readBy((value) => String(value).trim() || undefined, 'is empty');

/** A quantity: whole and not negative. */
export const countField = readBy((value) => notNegative(wholeNumber(value)), 'not a whole number of units');

/** A quantity with a direction. */
export const signedCountField = readBy(wholeNumber, 'not a whole number');

/**
 * A price, rounded to the four places there are: what brokers compute in binary fractions shows in what they print
 * (`58.150000000000006`).
 */
export const priceField = readBy((value) => notNegative(roundedE4(value)), 'not a price');

/** An amount, which may be negative. */
export const amountField = readBy(roundedE4, 'not an amount');

/** A broker's word or text, trimmed; numbers are taken as they are printed. */
export const wordField = printed.transform((value) => String(value).trim());

/** Blank, null or left out are the same to many brokers. */
export const blankable = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (isBlank(value) ? undefined : value), schema.optional());

const isBlank = (value: unknown): boolean =>
  value === null || (typeof value === 'string' && ['', 'null', 'NA'].includes(value.trim()));

/** Looks a broker's word up; one that is not in the table is drift. */
export const wordOf = <Value>(table: Readonly<Record<string, Value>>, expected: string) =>
  readBy((value) => {
    const word = String(value).trim().toUpperCase();
    return Object.hasOwn(table, word) ? table[word] : undefined;
  }, expected);

/** A date and time, read by `read`. */
export const instantBy = (read: (text: string) => number | undefined) =>
  readBy((value) => read(String(value)), 'not a date and time');

/* --------------------------------------------------------------------------------------------------- evidence */

/** Says something as evidence, cut to size and without the credentials it was made with. */
export type Say = (code: string, message?: unknown) => Evidence;

export const sayOf = (credentials: Credentials): Say => {
  const tell = tellOf(credentials);
  return (code, message) => tell(code, typeof message === 'string' ? message : undefined);
};

/** Of a page or text that is no answer: what it was, and how it begins. */
export const strangeReply = (say: Say, { status, contentType, body }: Answered): Evidence => {
  const kind = /html/i.test(contentType) || /^\s*</.test(body) ? 'a web page' : 'no reply of this API';
  return say(`HTTP_${String(status)}`, `${kind}: ${body.slice(0, 2_000).replace(/\s+/g, ' ').trim()}`);
};

/* ---------------------------------------------------------------------------------------------------- answers */

export type Answered = Extract<WireReply, { kind: 'reply' }>;

/** How a broker said no. */
export interface No {
  readonly errorClass: ErrorClass;
  readonly evidence: Evidence;
  readonly retryAfterMs?: number;
}

/** Answers that exclude that anything was done. */
const NOT_DONE: ReadonlySet<ErrorClass> = new Set(['auth', 'address', 'throttled']);
/** Answers that do not say whether anything was done. */
const NOT_SAID: ReadonlySet<ErrorClass> = new Set(['transient', 'drift']);

/** What a no means for a call that changes something. */
export const sentNo = ({ errorClass, evidence, retryAfterMs }: No): Sent => {
  if (NOT_DONE.has(errorClass))
    return { outcome: 'notSent', errorClass, evidence, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (NOT_SAID.has(errorClass)) return { outcome: 'unknown', evidence };
  return { outcome: 'rejected', errorClass, evidence };
};

/** A call that changes something: silence is unknown, a connection that never stood is proof that nothing was sent. */
export const sentBy = (reply: WireReply, read: (answered: Answered) => Sent): Sent =>
  reply.kind === 'reply' ? read(reply) : noReply(reply);

export const noReply = ({ kind, evidence }: Exclude<WireReply, Answered>): Sent =>
  kind === 'refused' ? { outcome: 'notSent', errorClass: 'transient', evidence } : { outcome: 'unknown', evidence };

export const readReply = <Value>(reply: WireReply, read: (answered: Answered) => Read<Value>): Read<Value> =>
  reply.kind === 'reply' ? read(reply) : { outcome: 'failed', errorClass: 'transient', evidence: reply.evidence };

/** Holds a value against its schema; names the first field that does not fit. */
export const held = <Output>(say: Say, schema: z.ZodType<Output>, value: unknown): Read<Output> => {
  const result = schema.safeParse(value);
  return result.success
    ? { outcome: 'ok', value: result.data }
    : { outcome: 'failed', errorClass: 'drift', evidence: drifted(say, result.error) };
};

export const drifted = (say: Say, error: z.ZodError): Evidence => driftOf(error, say);

/** What cannot be said in a broker's words. Thrown by builders, and never sent. */
export class Unspeakable extends Error {
  override readonly name = 'Unspeakable';
}

/** Builds a call; what the broker has no words for is not sent. */
export const spoken = <Call extends object>(say: Say, speak: () => Call): Call | { readonly cannot: No } => {
  try {
    return speak();
  } catch (error) {
    if (!(error instanceof Unspeakable)) throw error;
    return { cannot: { errorClass: 'validation', evidence: say('CANNOT_SAY', error.message) } };
  }
};

/** What a JSON web token claims. Nobody has checked its signature: believe nothing in it that makes things easier. */
export const claimsOf = (token: string): Readonly<Record<string, unknown>> => {
  const [, payload = ''] = token.split('.');
  const claims = readJson(Buffer.from(payload, 'base64url').toString('utf8'));
  return isObject(claims) ? claims : {};
};
