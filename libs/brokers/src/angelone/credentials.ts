import { z } from 'zod';
import type { Credentials } from '../client';
import { credentialsBy, jwtExpiresAt, secretField } from '../credentials';
import { nextIst } from '../fields';

/** Angel One wants to be told which machine asks. Only the public address is compared with what was registered. */
const LOOPBACK = '127.0.0.1';
/** An address of the kind that nobody is given. */
const SOME_MAC = '02:00:00:00:00:00';

/** The official Python client hands the token on with its scheme word. */
const withoutScheme = (value: unknown): unknown =>
  typeof value === 'string' ? value.trim().replace(/^bearer(\s+|$)/i, '') : value;

const address = z.ipv4({ error: 'is no IPv4 address' });

const schema = z.object({
  apiKey: secretField(128),
  clientCode: secretField(32),
  jwtToken: z.preprocess(withoutScheme, secretField(4_096)),
  feedToken: secretField(4_096),
  publicIp: address.default(LOOPBACK),
  localIp: address.default(LOOPBACK),
  macAddress: z
    .string()
    .trim()
    .regex(/^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$/, { error: 'is no MAC address' })
    .default(SOME_MAC),
});

export const readCredentials = (input: Readonly<Record<string, unknown>>): Credentials => credentialsBy(schema, input);

/** A session ends with the day it was opened on. */
export const sessionEndsAt = (nowMs: number, { jwtToken = '' }: Credentials): number =>
  Math.min(nextIst(nowMs, 0, 0), jwtExpiresAt(jwtToken) ?? Number.POSITIVE_INFINITY);

export const headersOf = (credentials: Credentials): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${credentials['jwtToken'] ?? ''}`,
  'x-privatekey': credentials['apiKey'] ?? '',
  'x-usertype': 'USER',
  'x-sourceid': 'WEB',
  'x-clientlocalip': credentials['localIp'] ?? LOOPBACK,
  'x-clientpublicip': credentials['publicIp'] ?? LOOPBACK,
  'x-macaddress': credentials['macAddress'] ?? SOME_MAC,
  accept: 'application/json',
});

export const orderFeedHeaders = ({ jwtToken = '' }: Credentials): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${jwtToken}`,
});

export const priceFeedHeaders = (credentials: Credentials): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${credentials['jwtToken'] ?? ''}`,
  'x-api-key': credentials['apiKey'] ?? '',
  'x-client-code': credentials['clientCode'] ?? '',
  'x-feed-token': credentials['feedToken'] ?? '',
});
