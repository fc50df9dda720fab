import { randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import type { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { connect, createDataSource } from './database';
import { Identities } from './identities';
import { identityEntities, identityMigrations } from './identity-tables';
import { createLogger } from './logging';
import { Passwords } from './passwords';

const jwtSecret = 'a secret for tests only, long enough';
const password = 'correct horse battery staple';
const lines: string[] = [];
const logger = createLogger({ name: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });

let database: TestDatabase;
let dataSource: DataSource;
let identities: Identities;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await connect(
    createDataSource(database.url, { name: 'test', entities: identityEntities, migrations: identityMigrations }),
  );
  identities = new Identities({ dataSource, jwtSecret, logger });
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

/** A process of its own: nothing remembered. */
const another = (): Identities => new Identities({ dataSource, jwtSecret, logger });
const openAccount = () => Promise.resolve(randomUUID());
const newEmail = () => `${randomUUID()}@example.com`;
const register = (email = newEmail()) => identities.register({ email, password }, openAccount);
const wrongCredentials = expect.objectContaining({ status: 401, code: 'WRONG_CREDENTIALS' });
const invalidRefreshToken = expect.objectContaining({ status: 401, code: 'INVALID_REFRESH_TOKEN' });

describe('registering', () => {
  it('makes a user with an account and a key that is recognised', async () => {
    const email = newEmail();
    const accountOfUser = new Map<string, string>();
    const { userId, accountId, apiKey } = await identities.register({ email, password }, async (user) => {
      const account = await openAccount();
      accountOfUser.set(user, account);
      return account;
    });
    expect(accountOfUser.get(userId)).toBe(accountId);
    expect(apiKey).toMatch(/^ck_[A-Za-z0-9_-]{43}$/);
    expect(await identities.byApiKey(apiKey)).toEqual({
      userId,
      email,
      role: 'trader',
      accountIds: [accountId],
      defaultAccountId: accountId,
    });
  });

  it('keeps neither the password nor the key', async () => {
    const { userId, apiKey } = await register();
    const stored = JSON.stringify([
      await dataSource.query('select * from users where id = $1', [userId]),
      await dataSource.query('select * from api_keys where user_id = $1', [userId]),
    ]);
    expect(stored).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
    expect(stored).not.toContain(password);
    expect(stored).not.toContain(apiKey);
  });

  it('refuses an e-mail address that is taken, whatever its case, also when two come at once', async () => {
    const email = newEmail();
    const taken = expect.objectContaining({ status: 409, code: 'EMAIL_TAKEN' });
    const both = await Promise.allSettled([register(email), register(email.toUpperCase())]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both).toContainEqual({ status: 'rejected', reason: taken });
    await expect(register(` ${email.toUpperCase()} `)).rejects.toEqual(taken);
  });

  it('leaves the e-mail address free when no account could be opened', async () => {
    const email = newEmail();
    const fails = () => Promise.reject(new Error('the log is away'));
    await expect(identities.register({ email, password }, fails)).rejects.toThrow('the log is away');
    await expect(register(email)).resolves.toMatchObject({ apiKey: expect.any(String) });
  });
});

describe('logging in', () => {
  it('gives an access token that is recognised, in any process with the same secret', async () => {
    const email = newEmail();
    const { userId, accountId } = await register(email);
    const tokens = await identities.login(email.toUpperCase(), password);
    expect(tokens.expiresInSec).toBe(900);
    expect(await another().byAccessToken(tokens.accessToken)).toMatchObject({ userId, accountIds: [accountId] });
  });

  it('works as hard for an unknown e-mail address as for a wrong password, and says the same', async () => {
    const email = newEmail();
    await register(email);
    await expect(identities.login(email, `${password}!`)).rejects.toEqual(wrongCredentials);
    const matches = jest.spyOn(Passwords.prototype, 'matches');
    await expect(identities.login(newEmail(), password)).rejects.toEqual(wrongCredentials);
    expect(matches).toHaveBeenCalledTimes(1);
    matches.mockRestore();
  });

  it('knows the same password from another keyboard', async () => {
    const email = newEmail();
    await identities.register({ email, password: 'caf\u00e9 au lait' }, openAccount);
    await expect(identities.login(email, 'cafe\u0301 au lait')).resolves.toBeDefined();
  });

  it('answers many at once, a few at a time, and refuses a flood', async () => {
    const email = newEmail();
    await register(email);
    const answers = await Promise.allSettled(Array.from({ length: 100 }, () => identities.login(email, 'wrong')));
    const codes = answers.map((answer) =>
      answer.status === 'rejected' ? (answer.reason as { code: string }).code : '',
    );
    expect(new Set(codes)).toEqual(new Set(['WRONG_CREDENTIALS', 'BUSY']));
    await expect(identities.login(email, password)).resolves.toBeDefined();
  }, 30_000);
});

describe('an access token', () => {
  let userId: string;
  beforeAll(async () => ({ userId } = await register()));

  const claims = { issuer: 'coordinator', audience: 'coordinator', expiresIn: 60 } as const;
  const sign = (options: object, secret = jwtSecret) => new JwtService({ secret }).sign({}, { ...options });

  it('is good as long as it lasts', async () => {
    expect(await identities.byAccessToken(sign({ ...claims, subject: userId }))).toMatchObject({ userId });
  });

  it.each([
    ['that has expired', () => sign({ ...claims, subject: userId, expiresIn: -1 })],
    ['with another secret', () => sign({ ...claims, subject: userId }, 'another secret that is also long')],
    ['of another algorithm', () => sign({ ...claims, subject: userId, algorithm: 'HS512' })],
    ['for somebody else', () => sign({ ...claims, subject: userId, audience: 'shop' })],
    ['from somebody else', () => sign({ ...claims, subject: userId, issuer: 'shop' })],
    ['without a subject', () => sign(claims)],
    ['of a user who does not exist', () => sign({ ...claims, subject: randomUUID() })],
    ['without a signature', () => unsigned({ sub: userId, iss: 'coordinator', aud: 'coordinator' })],
    ['that is no token', () => 'nonsense'],
  ])('%s is nobody', async (_, token) => {
    expect(await identities.byAccessToken(token())).toBeUndefined();
  });

  const unsigned = (payload: object): string =>
    `${[{ alg: 'none', typ: 'JWT' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
});

describe('a refresh token', () => {
  const login = async () => {
    const email = newEmail();
    await register(email);
    return identities.login(email, password);
  };

  it('is exchanged for new tokens, once', async () => {
    const first = await login();
    const second = await identities.refresh(first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await identities.byAccessToken(second.accessToken)).toBeDefined();
    await expect(identities.refresh(second.refreshToken)).resolves.toBeDefined();
  });

  it('that is used twice ends the whole login, and no other', async () => {
    const stolen = await login();
    const other = await login();
    const rightful = await identities.refresh(stolen.refreshToken);
    await expect(identities.refresh(stolen.refreshToken)).rejects.toEqual(invalidRefreshToken);
    await expect(identities.refresh(rightful.refreshToken)).rejects.toEqual(invalidRefreshToken);
    await expect(identities.refresh(other.refreshToken)).resolves.toBeDefined();
    expect(lines.join()).toContain('a refresh token was used twice');
  });

  it('is exchanged by one of two who come at once', async () => {
    const { refreshToken } = await login();
    const both = await Promise.allSettled([identities.refresh(refreshToken), another().refresh(refreshToken)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is worth nothing when it is too old, made up, or known by its hash only', async () => {
    const { refreshToken } = await login();
    const sql = `select hash from refresh_tokens where used_at is null order by expires_at desc limit 1`;
    const [newest] = await dataSource.query<{ hash: string }[]>(sql);
    await dataSource.query(`update refresh_tokens set expires_at = now() where hash = $1`, [newest?.hash]);
    await expect(identities.refresh(refreshToken)).rejects.toEqual(invalidRefreshToken);
    await expect(identities.refresh('rt_made-up')).rejects.toEqual(invalidRefreshToken);
    await expect(identities.refresh(newest?.hash ?? '')).rejects.toEqual(invalidRefreshToken);
  });
});

describe('an API key', () => {
  it.each(['', 'ck_', 'ck_short', `ck_${'x'.repeat(10_000)}`, `rt_${'x'.repeat(43)}`, `ck_${"'".repeat(43)}`])(
    'like %.20s is nobody',
    async (apiKey) => expect(await identities.byApiKey(apiKey)).toBeUndefined(),
  );

  it('that does not exist is nobody, and is not looked up again at once', async () => {
    const query = jest.spyOn(dataSource, 'query');
    const made = `ck_${'x'.repeat(43)}`;
    expect(await identities.byApiKey(made)).toBeUndefined();
    expect(await identities.byApiKey(made)).toBeUndefined();
    expect(query).toHaveBeenCalledTimes(1);
    query.mockRestore();
  });

  it('is looked up once, also by many who come at once', async () => {
    const { apiKey } = await register();
    const query = jest.spyOn(dataSource, 'query');
    const found = await Promise.all(Array.from({ length: 20 }, () => identities.byApiKey(apiKey)));
    expect(await identities.byApiKey(apiKey)).toBe(found[0]);
    expect(query).toHaveBeenCalledTimes(1);
    query.mockRestore();
  });

  it('can be added, and revoked: here at once, elsewhere when it is no longer believed', async () => {
    const { userId, apiKey } = await register();
    const second = await identities.createApiKey(userId, 'strategy');
    const elsewhere = new Identities({ dataSource, jwtSecret, logger, believedForMs: 1 });
    expect(await elsewhere.byApiKey(second)).toMatchObject({ userId });
    expect(await identities.byApiKey(second)).toMatchObject({ userId });
    await identities.revokeApiKey(second);
    expect(await identities.byApiKey(second)).toBeUndefined();
    expect(await identities.byApiKey(apiKey)).toMatchObject({ userId });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await elsewhere.byApiKey(second)).toBeUndefined();
  });

  it('knows an account that was added, and the oldest as default', async () => {
    const { userId, apiKey, accountId } = await register();
    expect((await identities.byApiKey(apiKey))?.accountIds).toEqual([accountId]);
    const second = randomUUID();
    await identities.addAccount(userId, second, 'live');
    expect(await identities.byApiKey(apiKey)).toMatchObject({
      accountIds: [accountId, second],
      defaultAccountId: accountId,
    });
  });

  it('is found out also when somebody gets an account meanwhile', async () => {
    const { apiKey } = await register();
    const { userId } = await register();
    const elsewhere = another();
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const ask = dataSource.query.bind(dataSource);
    const query = jest.spyOn(dataSource, 'query').mockImplementationOnce(async (...asked) => {
      await held;
      return ask(...asked);
    });
    const finding = elsewhere.byApiKey(apiKey);
    await elsewhere.addAccount(userId, randomUUID(), 'live');
    goOn();
    expect(await finding).toBeDefined();
    query.mockRestore();
  });

  it('cannot be judged while the database is away, which is no verdict', async () => {
    const { apiKey } = await register();
    const elsewhere = another();
    const query = jest.spyOn(dataSource, 'query').mockRejectedValueOnce(new Error('ECONNREFUSED'));
    await expect(elsewhere.byApiKey(apiKey)).rejects.toMatchObject({ status: 503, code: 'IDENTITY_UNAVAILABLE' });
    query.mockRestore();
    expect(await elsewhere.byApiKey(apiKey)).toBeDefined();
  });
});
