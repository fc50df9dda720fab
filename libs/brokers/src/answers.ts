/** What reading the answers of any broker has in common: JSON with long ids, fields by name, evidence without secrets. */

import { z } from 'zod';
import type { Evidence } from '#domain/orders/order';
import type { Credentials, ErrorClass, Read, Sent } from './client';
import { exactE4, istInstant, roundedE4 } from './fields';
import type { WireReply } from './wire';

const SHOWN_MAX = 300;
/** Shorter values are words that may stand anywhere in a text. */
const SECRET_MIN = 4;

/** Makes evidence of what a broker said. */
export type Tell = (code: string | undefined, message: string | undefined) => Evidence;

/** Evidence that shows none of the credentials, should a broker repeat them, and is cut before it fills the log. */
export const tellOf = (credentials: Credentials): Tell => {
  const secrets = Object.values(credentials)
    .filter((value) => value.length >= SECRET_MIN)
    .flatMap((value) => [value, encodeURIComponent(value)])
    .sort((one, other) => other.length - one.length);
  const shown = (text: string): string =>
    secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text).slice(0, SHOWN_MAX);
  return (code, message) => ({
    ...(code !== undefined && code !== '' && { code: shown(code) }),
    ...(message !== undefined && message !== '' && { message: shown(message) }),
  });
};

/**
 * The value of a JSON text, or `undefined`. Whole numbers of 16 digits or more become text, exactly as printed: ids reach
 * 19 digits, and JSON.parse would round them.
 */
export const readJson = (body: string): unknown => {
  try {
    return JSON.parse(/\d{16}/.test(body) ? body.replace(STRINGS_AND_NUMBERS, quoteLong) : body) as unknown;
  } catch {
    return undefined;
  }
};

const STRINGS_AND_NUMBERS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const quoteLong = (token: string): string => (/^-?\d{16,}$/.test(token) ? `"${token}"` : token);

/* -------------------------------------------------------------------------------------------------------- fields */

/** An id as text, however it was printed. */
export const idField = z
  .union([z.string().min(1).max(100), z.int().nonnegative()], { error: 'no id' })
  .transform((id) => String(id));

/** Text that brokers leave out, leave empty, or print as null or `NA`, when there is nothing to say. */
export const noteField = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .transform((text) => (text === null || text === undefined || text === '' || text === 'NA' ? undefined : text));

/** Shares or units: whole and not negative. */
export const quantityField = z.int({ error: 'no whole number' }).nonnegative({ error: 'negative' });
/** Shares or units held: negative when short. */
export const netQuantityField = z.int({ error: 'no whole number' });

const decimal = z.union([z.number(), z.string()], { error: 'no number' });
const e4 = (read: (printed: number | string) => number | undefined, error: string) =>
  decimal.transform((printed, context) => {
    const amountE4 = read(printed);
    if (amountE4 !== undefined) return amountE4;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });

/** A price with at most four places; zero stands for none. */
export const priceField = e4((printed) => notNegative(exactE4(printed)), 'no price');
/** A computed price, with any number of places. */
export const averageField = e4((printed) => notNegative(roundedE4(printed)), 'no price');
/** A computed amount, possibly negative. */
export const amountField = e4(roundedE4, 'no amount');

const notNegative = (amountE4: number | undefined): number | undefined =>
  amountE4 !== undefined && amountE4 >= 0 ? amountE4 : undefined;

/** A time in India without its zone, or nothing. */
export const instantField = noteField.transform((printed, context) => {
  if (printed === undefined) return undefined;
  const atMs = istInstant(printed);
  if (atMs !== undefined) return atMs;
  context.addIssue({ code: 'custom', message: 'no time' });
  return z.NEVER;
});

/**
 * The field that drifted, as a path into the answer, and how: never its value.
 *
 * @param within where in the answer the part stands that was read
 */
export const driftOf = (
  error: z.ZodError,
  tell: (code: string, message: string) => Evidence,
  within: readonly PropertyKey[] = [],
): Evidence => {
  const [issue] = error.issues;
  const path = [...within, ...(issue?.path ?? [])].map((step) =>
    typeof step === 'number' ? `[${String(step)}]` : `.${String(step)}`,
  );
  return tell('DRIFT', `$${path.join('')}: ${issue?.message ?? 'not as documented'}`);
};

/* ------------------------------------------------------------------------------------------------------ outcomes */

/** What an answer says, before it is known what was asked. */
export type Heard =
  | { readonly kind: 'data'; readonly json: unknown; readonly status: number }
  | {
      readonly kind: 'error';
      readonly errorClass: ErrorClass;
      readonly evidence: Evidence;
      readonly retryAfterMs?: number;
      /** The broker may have done it all the same. */
      readonly isInDoubt: boolean;
    };

/**
 * What a reply is before anything broker-specific: a failed connection, silence, too fast, a session that is over, a page
 * for people, an error of the server; or else JSON, given to `read`, with its HTTP status.
 */
export const hear = (reply: WireReply, tell: Tell, read: (json: unknown, status: number) => Heard): Heard => {
  if (reply.kind !== 'reply') {
    const evidence = tell(reply.evidence.code, reply.evidence.message);
    return { kind: 'error', errorClass: 'transient', evidence, isInDoubt: reply.kind === 'silent' };
  }
  const { status, contentType, headers, body } = reply;
  const isPage = /html/i.test(contentType) || body.trimStart().startsWith('<');
  const json = isPage ? undefined : readJson(body);
  if (json === undefined) {
    const errorClass = classOfStatus(status);
    const retryAfterMs = retryAfterMsOf(headers);
    return {
      kind: 'error',
      errorClass: status === 403 ? 'transient' : (errorClass ?? 'drift'),
      evidence: tell(`HTTP_${String(status)}`, `answered with ${contentType || 'no content type'}, not with JSON`),
      isInDoubt: errorClass !== 'throttled' && errorClass !== 'auth',
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }
  const heard = read(json, status);
  if (heard.kind === 'data') return heard;
  const retryAfterMs = retryAfterMsOf(headers);
  return {
    ...heard,
    isInDoubt: heard.isInDoubt || status >= 500 || status === 408 || (status >= 300 && status < 400),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
};

/** What an HTTP status alone proves. */
export const classOfStatus = (status: number): ErrorClass | undefined =>
  status === 401 ? 'auth' : status === 429 ? 'throttled' : status >= 500 || status === 408 ? 'transient' : undefined;

const retryAfterMsOf = (headers: Readonly<Record<string, string>>): number | undefined => {
  const seconds = headers['retry-after'];
  return seconds !== undefined && /^\d{1,5}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
};

/**
 * A no to a mutating call. Whoever is too fast, logged out or at the wrong address was turned away at the door: nothing was
 * sent. What is in doubt, or cannot be read, is unknown. The rest is the broker's final word.
 */
export const sentOf = (error: Extract<Heard, { kind: 'error' }>): Sent => {
  const { errorClass, evidence, isInDoubt, retryAfterMs } = error;
  if (isInDoubt || errorClass === 'drift') return { outcome: 'unknown', evidence };
  if (TURNED_AWAY.has(errorClass))
    return { outcome: 'notSent', errorClass, evidence, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return { outcome: 'rejected', errorClass, evidence };
};

/** `transient` gets here only where no connection came about: everything else of that class is in doubt. */
const TURNED_AWAY: ReadonlySet<ErrorClass> = new Set(['auth', 'address', 'throttled', 'transient']);

/** A no to a reading call. */
export const failedOf = <Value>({
  errorClass,
  evidence,
  retryAfterMs,
}: Extract<Heard, { kind: 'error' }>): Read<Value> => ({
  outcome: 'failed',
  errorClass,
  evidence,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});

/** The answer to a reading call, by its schema. */
export const readAs = <Value>(heard: Heard, schema: z.ZodType<Value>, tell: Tell): Read<Value> => {
  if (heard.kind === 'error') return failedOf(heard);
  const parsed = schema.safeParse(heard.json);
  return parsed.success
    ? { outcome: 'ok', value: parsed.data }
    : { outcome: 'failed', errorClass: 'drift', evidence: driftOf(parsed.error, tell) };
};

export const mapRead = <One, Other>(read: Read<One>, map: (value: One) => Other): Read<Other> =>
  read.outcome === 'ok' ? { ...read, value: map(read.value) } : read;
