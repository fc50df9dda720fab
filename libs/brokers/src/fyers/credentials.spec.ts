import { CredentialsError } from '../client';
import { authorization, hsmKeyOf, readCredentials, sessionEndsAt } from './credentials';
import { readPostback } from './postback';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const jwt = (claims: unknown): string =>
  ['{"alg":"HS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

/** 2 January 2026, 10:00 in India. */
const NOW = Date.parse('2026-01-02T10:00:00+05:30');

describe('credentials of Fyers', () => {
  it('are an app id and a token, with nothing around them', () =>
    expect(readCredentials({ appId: ' XC4EOD67IM-100 ', accessToken: ' abcdefgh\n', more: 'ignored' })).toEqual({
      appId: 'XC4EOD67IM-100',
      accessToken: 'abcdefgh',
    }));

  it('may hold the token as the SDKs hand it on, together with the app id', () => {
    const credentials = readCredentials({ appId: 'XC4EOD67IM-100', accessToken: 'XC4EOD67IM-100:abcdefgh' });
    expect(authorization(credentials)).toBe('XC4EOD67IM-100:abcdefgh');
  });

  it.each([
    ['is missing', {}, 'accessToken'],
    ['is no text', { appId: 12345678, accessToken: 'abcdefgh' }, 'appId'],
    ['would become a second header', { appId: 'XC4EOD67IM', accessToken: 'abc\r\nX-Evil: yes' }, 'accessToken'],
    ['is longer than any token', { appId: 'XC4EOD67IM', accessToken: 'a'.repeat(5_000) }, 'accessToken'],
  ])('name a field that %s, and never its value', (_, input, field) => {
    const read = () => readCredentials(input);
    expect(read).toThrow(CredentialsError);
    expect(read).toThrow(field);
    expect(read).not.toThrow(/abc|1234/);
  });

  it('last until three at night, or until the token says that it ends', () => {
    const three = Date.parse('2026-01-03T03:00:00+05:30');
    const at = (claims: unknown) => sessionEndsAt(NOW, { appId: 'A', accessToken: jwt(claims) });
    expect(at({})).toBe(three);
    expect(at({ exp: NOW / 1000 + 60 })).toBe(NOW + 60_000);
    expect(at({ exp: NOW / 1000 + 7 * 86_400 })).toBe(three);
    expect(sessionEndsAt(NOW, { appId: 'A', accessToken: 'no.token' })).toBe(three);
  });

  it('hold the key of the data socket inside of the token, if any', () => {
    expect(hsmKeyOf({ accessToken: jwt({ hsm_key: 'deadbeef' }) })).toBe('deadbeef');
    expect(hsmKeyOf({ accessToken: jwt({ hsm_key: 'two\nlines' }) })).toBeUndefined();
    expect(hsmKeyOf({ accessToken: 'opaque' })).toBeUndefined();
  });
});

describe('a postback of Fyers', () => {
  const body = readFileSync(join(__dirname, '../../fixtures/fyers/postback_order.json'), 'utf8');

  it('only says where to look, because nobody signed it', () =>
    expect(readPostback(body)).toEqual({ kind: 'hint', brokerOrderId: '23071800238607' }));

  it('keeps an id that is longer than a number can hold', () =>
    expect(readPostback('{"id":1200000009204725123}')).toEqual({ kind: 'hint', brokerOrderId: '1200000009204725123' }));

  it.each(['', '[]', '<html>', '{"id":', '{"id":{"$ne":1}}', '{"id":"1 2"}'])('is refused as %j', (text) =>
    expect(readPostback(text)).toMatchObject({ kind: 'refused', evidence: { code: 'DRIFT' } }),
  );
});
