import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CredentialsError } from '../client';
import { headersOf, readCredentials, sessionEndsAt } from './credentials';
import { readPostback } from './postback';

const given = { apiKey: 'abcd1234', clientCode: 'A123456', jwtToken: 'aaaa.bbbb.cccc', feedToken: 'dddd.eeee' };
const jwt = (claims: unknown): string =>
  ['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

/** 2 January 2026, 10:00 in India. */
const NOW = Date.parse('2026-01-02T10:00:00+05:30');

describe('credentials of Angel One', () => {
  it('become the headers that every call carries', () => {
    const credentials = readCredentials({ ...given, publicIp: '203.0.113.7', macAddress: 'AA-BB-CC-DD-EE-FF' });
    expect(headersOf(credentials)).toEqual({
      authorization: 'Bearer aaaa.bbbb.cccc',
      'x-privatekey': 'abcd1234',
      'x-usertype': 'USER',
      'x-sourceid': 'WEB',
      'x-clientlocalip': '127.0.0.1',
      'x-clientpublicip': '203.0.113.7',
      'x-macaddress': 'AA-BB-CC-DD-EE-FF',
      accept: 'application/json',
    });
  });

  it('say something sensible of the machine where nothing is given', () =>
    expect(readCredentials(given)).toMatchObject({
      publicIp: '127.0.0.1',
      localIp: '127.0.0.1',
      macAddress: '02:00:00:00:00:00',
    }));

  it('may hold the token with its scheme word, as one client hands it on', () =>
    expect(readCredentials({ ...given, jwtToken: 'Bearer aaaa.bbbb.cccc' })['jwtToken']).toBe('aaaa.bbbb.cccc'));

  it.each([
    ['is missing', { feedToken: undefined }, 'feedToken'],
    ['would become a second header', { apiKey: 'abcd\nX-Evil: 1' }, 'apiKey'],
    ['is no address', { publicIp: '203.0.113' }, 'publicIp'],
    ['is no card', { macAddress: 'AA-BB' }, 'macAddress'],
    ['is no token', { jwtToken: 'Bearer ' }, 'jwtToken'],
  ])('name a field that %s, and never its value', (_, change, field) => {
    const read = () => readCredentials({ ...given, ...change });
    expect(read).toThrow(CredentialsError);
    expect(read).toThrow(field);
    expect(read).not.toThrow(/abcd|203|AA-BB/);
  });

  it('last until midnight, or until the token says that it ends', () => {
    const midnight = Date.parse('2026-01-03T00:00:00+05:30');
    expect(sessionEndsAt(NOW, { jwtToken: jwt({}) })).toBe(midnight);
    expect(sessionEndsAt(NOW, { jwtToken: jwt({ exp: NOW / 1000 + 60 }) })).toBe(NOW + 60_000);
    expect(sessionEndsAt(NOW, { jwtToken: jwt({ exp: NOW / 1000 + 86_400 }) })).toBe(midnight);
  });
});

describe('a postback of Angel One', () => {
  const body = readFileSync(join(__dirname, '../../fixtures/angelone/postback_order_update.json'), 'utf8');

  it('only says where to look, because nobody signed it', () =>
    expect(readPostback(body)).toEqual({ kind: 'hint', brokerOrderId: '111111111111111' }));

  it('keeps an id that is longer than a number can hold', () =>
    expect(readPostback('{"orderid":1111111111111111111}')).toMatchObject({ brokerOrderId: '1111111111111111111' }));

  it.each(['', '[]', '<html>', '{"orderid":', '{"orderid":[]}', '{"orderid":" "}'])('is refused as %j', (text) =>
    expect(readPostback(text)).toMatchObject({ kind: 'refused', evidence: { code: 'DRIFT' } }),
  );
});
