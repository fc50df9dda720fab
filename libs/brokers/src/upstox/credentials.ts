import { z } from 'zod';
import type { Credentials } from '../client';
import { credentialsBy, jwtExpiresAt, secretField } from '../credentials';
import { nextIst } from '../fields';

/** The key of the app, and what the login handed out. Only the token travels; the key tells apps of one client apart. */
const schema = z.object({ apiKey: secretField(100), accessToken: secretField(4096) });

export const readCredentials = (input: Readonly<Record<string, unknown>>): Credentials => credentialsBy(schema, input);

/** Every token dies at 03:30, whenever it was made. */
export const sessionEndsAt = (nowMs: number, { accessToken = '' }: Credentials): number =>
  Math.min(nextIst(nowMs, 3, 30), jwtExpiresAt(accessToken) ?? Infinity);
