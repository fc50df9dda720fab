import { z } from 'zod';
import type { Credentials } from '../client';
import { credentialsBy, jwtExpiresAt, secretField } from '../credentials';
import { nextIst } from '../fields';
import { claimsOf } from '../reading';

/** The app's id (`XC4EOD67IM-100`) and the day's token, which some hand on as `appId:token`. */
const schema = z
  .object({ appId: secretField(64), accessToken: secretField(4_096) })
  .transform(({ appId, accessToken }) => ({
    appId,
    accessToken: accessToken.startsWith(`${appId}:`) ? accessToken.slice(appId.length + 1) : accessToken,
  }));

export const readCredentials = (input: Readonly<Record<string, unknown>>): Credentials => credentialsBy(schema, input);

/** Tokens roll over around three at night. */
const ROLL_HOUR = 3;

export const sessionEndsAt = (nowMs: number, { accessToken = '' }: Credentials): number =>
  Math.min(nextIst(nowMs, ROLL_HOUR, 0), jwtExpiresAt(accessToken) ?? Number.POSITIVE_INFINITY);

/** The data socket has a key of its own, inside of the token. */
export const hsmKeyOf = ({ accessToken = '' }: Credentials): string | undefined => {
  const { hsm_key: key } = claimsOf(accessToken);
  return typeof key === 'string' && /^[\x21-\x7e]{1,4096}$/.test(key) ? key : undefined;
};

/** No scheme word: Fyers wants both, joined. */
export const authorization = ({ appId = '', accessToken = '' }: Credentials): string => `${appId}:${accessToken}`;
