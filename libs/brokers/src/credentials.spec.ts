import { z } from 'zod';
import { CredentialsError } from './client';
import { credentialsBy, jwtExpiresAt, secretField } from './credentials';

const schema = z.object({ apiKey: secretField(20), accessToken: secretField(20) });

describe('credentials', () => {
  it('are trimmed, and what was not asked for is left out', () => {
    const given = { apiKey: ' key-1 ', accessToken: 'token', password: 'not wanted' };
    expect(credentialsBy(schema, given)).toEqual({ apiKey: 'key-1', accessToken: 'token' });
  });

  it.each([
    ['missing', undefined, 'is missing'],
    ['no text', 12_345, 'is missing'],
    ['too short', 'x', 'is too short'],
    ['too long', 'x'.repeat(21), 'is too long'],
    ['a header of its own', 'abcd\r\nx-admin: 1', 'has characters that no broker gives out'],
    ['beyond ASCII', 'schlüssel', 'has characters that no broker gives out'],
  ])('that are %s are refused by field, and never repeated', (_, accessToken, message) => {
    try {
      credentialsBy(schema, { apiKey: 'key-1', accessToken });
      throw new Error('taken');
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      expect(error.fields).toEqual([{ field: 'accessToken', message }]);
    }
  });
});

describe('the expiry of a token', () => {
  const jwt = (claims: unknown): string =>
    `${Buffer.from('{}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;

  it('is what it says', () => expect(jwtExpiresAt(jwt({ exp: 1_795_305_600 }))).toBe(1_795_305_600_000));

  it.each(['opaque', 'a.b', 'a.%%%.c', jwt({}), jwt({ exp: 'soon' }), jwt({ exp: -1 })])(
    'is not known for %s',
    (token) => expect(jwtExpiresAt(token)).toBeUndefined(),
  );
});
