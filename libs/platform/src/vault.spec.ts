import { inspect } from 'node:util';
import type { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { createDataSource } from './database';
import { Vault, VaultError, vaultMigrations } from './vault';

const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) });
const [first, second] = [key('first', 1), key('second', 2)];
const secret = { apiKey: 'hush-hush', accessToken: 'रहस्य "quoted"\n', empty: '' };

let database: TestDatabase;
let dataSource: DataSource;
let vault: Vault;

beforeAll(async () => {
  database = await createTestDatabase(vaultMigrations);
  dataSource = await createDataSource(database.url, { name: 'vault', entities: [], migrations: [] }).initialize();
});
beforeEach(async () => {
  await dataSource.query('truncate sealed_secrets');
  vault = new Vault({ dataSource, keys: [first] });
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const keyIds = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await dataSource.query<{ name: string; key_id: string }[]>('select name, key_id from sealed_secrets')).map(
      (row) => [row.name, row.key_id],
    ),
  );

/** The error of a call that must fail, as whoever prints it in full would show it. */
const failureOf = async (call: Promise<unknown>): Promise<string> => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(VaultError);
  const shown = inspect(error, { depth: null, showHidden: true });
  for (const value of ['hush-hush', Buffer.alloc(32, 1).toString('base64')]) expect(shown).not.toContain(value);
  return (error as VaultError).message;
};

describe('a secret', () => {
  it('comes out as it was put in, also in another process', async () => {
    await vault.put('connection-1', secret);
    expect(await vault.open('connection-1')).toEqual(secret);
    expect(await new Vault({ dataSource, keys: [first] }).open('connection-1')).toEqual(secret);
    expect(await vault.open('connection-2')).toBeUndefined();
  });

  it('takes the place of the one before', async () => {
    await vault.put('a', secret);
    await vault.put('a', { apiKey: 'another' });
    expect(await vault.open('a')).toEqual({ apiKey: 'another' });
  });

  it('is gone once erased, and may be erased twice', async () => {
    await vault.put('a', secret);
    await vault.put('b', secret);
    await vault.erase('a');
    await vault.erase('a');
    expect(await vault.open('a')).toBeUndefined();
    expect(await vault.names()).toEqual(['b']);
  });

  it('is found by the beginning of its name, which may be anything', async () => {
    for (const name of ['b_2', 'b%', 'b_1', 'B_1', 'bx1']) await vault.put(name, secret);
    expect(await vault.names('b_')).toEqual(['b_1', 'b_2']);
    expect(await vault.names('b%')).toEqual(['b%']);
    expect(await vault.names()).toEqual(['B_1', 'b%', 'b_1', 'b_2', 'bx1']);
  });

  it('cannot be read in the table, nor does the same secret look the same twice', async () => {
    await vault.put('a', secret);
    await vault.put('b', secret);
    const rows = await dataSource.query<{ nonce: Buffer; sealed: Buffer }[]>(
      'select nonce, sealed from sealed_secrets',
    );
    for (const { sealed } of rows) for (const part of ['hush', 'apiKey']) expect(sealed.includes(part)).toBe(false);
    const [one, two] = rows;
    expect(one?.nonce.equals(two?.nonce ?? Buffer.alloc(0))).toBe(false);
    expect(one?.sealed.equals(two?.sealed ?? Buffer.alloc(0))).toBe(false);
  });
});

describe('a secret that was tampered with', () => {
  it.each([
    ['a byte of it', 'sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1)'],
    ['its last byte', 'sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 128)'],
    ['its length', 'sealed = substring(sealed from 1 for length(sealed) - 1)'],
    ['all of it', `sealed = ''`],
    ['its nonce', 'nonce = set_byte(nonce, 3, get_byte(nonce, 3) # 4)'],
    ['its nonce, which is gone', `nonce = ''`],
  ])('does not open, and is named: %s', async (_, change) => {
    await vault.put('connection-7', secret);
    await dataSource.query(`update sealed_secrets set ${change}`);
    expect(await failureOf(vault.open('connection-7'))).toBe(
      'the secret "connection-7" cannot be opened: it was changed, or the key "first" is another than the one that sealed it',
    );
  });

  it('does not open under the name of another', async () => {
    await vault.put('connection-7', secret);
    await dataSource.query(`update sealed_secrets set name = 'connection-8'`);
    expect(await failureOf(vault.open('connection-8'))).toContain('"connection-8" cannot be opened: it was changed');
  });

  it('does not open with another key of the same id', async () => {
    await vault.put('a', secret);
    const other = new Vault({ dataSource, keys: [key('first', 9)] });
    expect(await failureOf(other.open('a'))).toContain('the key "first" is another');
  });

  it('says which key is missing', async () => {
    await vault.put('a', secret);
    const other = new Vault({ dataSource, keys: [second] });
    expect(await failureOf(other.open('a'))).toBe(
      'the secret "a" cannot be opened: its key "first" is not among CREDENTIALS_KEYS',
    );
  });
});

describe('exchanging keys', () => {
  const both = () => new Vault({ dataSource, keys: [second, first] });

  it('goes on with what the older key sealed, and seals with the newer one', async () => {
    await vault.put('old', secret);
    await both().put('new', secret);
    expect(await keyIds()).toEqual({ old: 'first', new: 'second' });
    expect(await both().open('old')).toEqual(secret);
  });

  it('seals the rest anew, once; the older key may go then', async () => {
    for (const name of ['a', 'b', 'c']) await vault.put(name, { ...secret, name });
    await both().put('d', secret);
    expect(await both().reseal()).toBe(3);
    expect(await both().reseal()).toBe(0);
    const later = new Vault({ dataSource, keys: [second] });
    expect(await later.open('b')).toEqual({ ...secret, name: 'b' });
    expect(await keyIds()).toEqual({ a: 'second', b: 'second', c: 'second', d: 'second' });
  });

  it('may be done by several at once', async () => {
    for (let n = 0; n < 10; n += 1) await vault.put(`secret-${String(n)}`, secret);
    const counts = await Promise.all([both().reseal(), both().reseal(), both().reseal()]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(await both().open('secret-3')).toEqual(secret);
  });

  it('leaves alone what is put meanwhile', async () => {
    await vault.put('a', { apiKey: 'old' });
    const slow = new Vault({
      dataSource: {
        query: async <T>(sql: string, parameters?: unknown[]): Promise<T> => {
          if (sql.includes('update sealed_secrets')) await both().put('a', { apiKey: 'new' });
          return dataSource.query<T>(sql, parameters);
        },
      },
      keys: [second, first],
    });
    expect(await slow.reseal()).toBe(0);
    expect(await vault.names()).toEqual(['a']);
    expect(await both().open('a')).toEqual({ apiKey: 'new' });
  });

  it('names what it cannot open, after it has done the rest', async () => {
    for (const name of ['a', 'b', 'c']) await vault.put(name, secret);
    await dataSource.query(`update sealed_secrets set key_id = 'lost' where name = 'b'`);
    expect(await failureOf(both().reseal())).toBe(
      'the secret "b" cannot be opened: its key "lost" is not among CREDENTIALS_KEYS',
    );
    expect(await keyIds()).toEqual({ a: 'second', b: 'lost', c: 'second' });
  });
});
