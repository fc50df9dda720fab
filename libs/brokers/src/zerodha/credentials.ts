import { z } from 'zod';
import type { Credentials } from '../client';
import { credentialsBy, secretField } from '../credentials';
import { nextIst } from '../fields';

/** The secret of the app never travels: it proves that a postback is the broker's. */
const schema = z.object({ apiKey: secretField(100), apiSecret: secretField(200), accessToken: secretField(4096) });

export const readCredentials = (input: Readonly<Record<string, unknown>>): Credentials => credentialsBy(schema, input);

/** Every token dies at 06:00. A login elsewhere with the same app ends it earlier: nothing tells but the next refusal. */
export const sessionEndsAt = (nowMs: number, _: Credentials): number => nextIst(nowMs, 6, 0);
