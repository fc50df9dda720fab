import { parseOptions, verify } from '@node-rs/argon2';
import { Passwords } from './passwords';

jest.mock('@node-rs/argon2', () => {
  const real = jest.requireActual<typeof import('@node-rs/argon2')>('@node-rs/argon2');
  return { ...real, verify: jest.fn(real.verify) };
});

describe('a password', () => {
  const passwords = new Passwords();

  it('belongs to its hash and to no other', async () => {
    const hash = await passwords.hash('correct horse');
    expect(await passwords.matches('correct horse', hash)).toBe(true);
    expect(await passwords.matches('correct house', hash)).toBe(false);
    expect(await passwords.hash('correct horse')).not.toBe(hash);
  });

  it('is compared with a hash of the same cost when there is no user to compare it with', async () => {
    const fresh = new Passwords();
    const compared = jest.mocked(verify);
    compared.mockClear();
    expect(await fresh.matches('correct horse', undefined)).toBe(false);
    expect(compared).toHaveBeenCalledTimes(1);
    expect(parseOptions(String(compared.mock.calls[0]?.[0]))).toMatchObject({
      memoryCost: 19_456,
      timeCost: 2,
      parallelism: 1,
    });
    // Even who knew the made-up password would not get in.
    expect(await fresh.matches('correct horse', undefined)).toBe(false);
  });
});
