/** For specs of the adapters: recorded answers, and replies as the wire hands them over. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerInstrument, BrokerInstruments, BrokerName } from './client';
import type { WireReply } from './wire';

export const fixture = (broker: BrokerName, name: string): string =>
  readFileSync(join(__dirname, '../fixtures', broker, name), 'utf8');

export const replied = (body: string, status = 200, contentType = 'application/json'): WireReply => ({
  kind: 'reply',
  status,
  contentType,
  headers: { 'content-type': contentType },
  body,
});

export const repliedJson = (body: unknown, status = 200): WireReply => replied(JSON.stringify(body), status);

export const instrumentsOf = (...instruments: readonly BrokerInstrument[]): BrokerInstruments => ({
  of: (key) => instruments.find(({ instrumentKey }) => instrumentKey === key),
  bySymbol: (name) => instruments.find(({ symbol }) => symbol === name),
});
