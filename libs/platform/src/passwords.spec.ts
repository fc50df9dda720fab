import { parseOptions } from '@node-rs/argon2';
import { Passwords } from './passwords';

describe('a password', () => {
  const passwords = new Passwords();

  it('belongs to its hash and to no other', async () => {
    const hash = await passwords.hash('correct horse');
    expect(await passwords.matches('correct horse', hash)).toBe(true);
    expect(await passwords.matches('correct house', hash)).toBe(false);
    expect(await passwords.hash('correct horse')).not.toBe(hash);
  });

  it('is compared with a hash of the same cost when there is no user to compare it with', async () => {
    const hash = jest.spyOn(Passwords.prototype, 'hash');
    const fresh = new Passwords();
    expect(await fresh.matches('correct horse', undefined)).toBe(false);
    expect(hash).toHaveBeenCalledTimes(1);
    const [call] = hash.mock.results;
    const madeUp = await (call?.value as Promise<string>);
    hash.mockRestore();
    expect(parseOptions(madeUp)).toMatchObject({ memoryCost: 19_456, timeCost: 2, parallelism: 1 });
    // Even who knew the made-up password would not get in.
    expect(await fresh.matches('correct horse', undefined)).toBe(false);
  });
});
