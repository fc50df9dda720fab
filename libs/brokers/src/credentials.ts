/** What credentials of all brokers have in common. */

import { z } from 'zod';
import { type Credentials, CredentialsError } from './client';

/** Printable and without spaces, because it becomes a header or a part of an address. */
export const secretField = (max: number) =>
  z
    .string({ error: 'is missing' })
    .trim()
    .min(4, { error: 'is too short' })
    .max(max, { error: 'is too long' })
    .regex(/^[\x21-\x7e]+$/, { error: 'has characters that no broker gives out' });

/** @throws CredentialsError naming each field that is missing or makes no sense. */
export const credentialsBy = (
  schema: z.ZodType<Record<string, string>>,
  input: Readonly<Record<string, unknown>>,
): Credentials => {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const byField = new Map(parsed.error.issues.map(({ path, message }) => [path.join('.'), message]));
  throw new CredentialsError([...byField].map(([field, message]) => ({ field, message })));
};

const claims = z.object({ exp: z.number().positive() });

/**
 * When a JWT says that it expires, epoch milliseconds; `undefined` where it is none or does not say. Nothing is verified:
 * good for noticing that a session ends early, never for believing that it lasts.
 */
export const jwtExpiresAt = (token: string): number | undefined => {
  const [, payload, signature] = token.split('.');
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const { exp } = claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    return exp * 1000;
  } catch {
    return undefined;
  }
};
