import { randomUUID } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { startHttpApp, type HttpApp } from '#platform/http';
import { InProcessHotState } from '#platform/hot-state-in-process';
import { Identities } from '#platform/identities';
import { OPEN_ACCOUNT } from '#platform/identity';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { createLogger } from '#platform/logging';
import { PlatformModule } from '#platform/platform.module';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres';
import { AuthController } from './auth.controller';

@Module({})
class TestModule {
  static of(platform: DynamicModule): DynamicModule {
    const openAccount = (): Promise<string> => Promise.resolve(randomUUID());
    return {
      module: TestModule,
      imports: [platform],
      controllers: [AuthController],
      providers: [{ provide: OPEN_ACCOUNT, useValue: openAccount }],
    };
  }
}

const logger = createLogger({ name: 'test', level: 'silent' });
const password = 'correct horse battery staple';
let database: TestDatabase;
let dataSource: DataSource;
let identities: Identities;
let app: HttpApp;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await connect(
    createDataSource(database.url, { name: 'test', entities: identityEntities, migrations: identityMigrations }),
  );
  identities = new Identities({ dataSource, jwtSecret: 'a secret for tests only, long enough', logger });
});
beforeEach(async () => {
  const platform = PlatformModule.forRoot({
    config: readConfig({}),
    logger,
    dataSource,
    identities,
    hotState: new InProcessHotState(),
  });
  app = await startHttpApp(TestModule.of(platform), {
    host: '127.0.0.1',
    port: 0,
    portVariable: 'PORT',
    title: 'Test',
    description: 'For tests',
    logger,
    shutdownTimeoutMs: 1_000,
  });
});
afterEach(() => app.close());
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const post = async (path: string, body: unknown) => {
  const response = await fetch(`${app.url}/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, string>;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: answer };
};
const newEmail = () => `${randomUUID()}@example.com`;

it('registers a person, logs them in, and keeps them logged in', async () => {
  const email = newEmail();
  const registered = await post('register', { email, password });
  expect(registered).toMatchObject({
    status: 201,
    body: { userId: expect.any(String), accountId: expect.any(String), apiKey: expect.stringMatching(/^ck_/) },
  });
  const login = await post('login', { email, password });
  expect(login).toMatchObject({ status: 200, body: { expiresInSec: 900 } });
  const refreshed = await post('refresh', { refreshToken: login.body['refreshToken'] });
  expect(refreshed).toMatchObject({ status: 200, body: { accessToken: expect.any(String) } });
  expect(await identities.byAccessToken(refreshed.body['accessToken'] ?? '')).toMatchObject({ email });
});

it('says no with a code', async () => {
  const email = newEmail();
  await post('register', { email, password });
  expect(await post('register', { email, password })).toMatchObject({ status: 409, body: { code: 'EMAIL_TAKEN' } });
  expect(await post('login', { email, password: 'wrong' })).toMatchObject({
    status: 401,
    body: { code: 'WRONG_CREDENTIALS' },
  });
  expect(await post('refresh', { refreshToken: 'wrong' })).toMatchObject({
    status: 401,
    body: { code: 'INVALID_REFRESH_TOKEN' },
  });
});

it.each([
  ['register', { email: 'nobody', password }, 'email'],
  ['register', { email: `${'x'.repeat(300)}@example.com`, password }, 'email'],
  ['register', { email: 'a@example.com', password: 'short' }, 'password'],
  ['register', { email: 'a@example.com', password: 'x'.repeat(129) }, 'password'],
  ['register', { email: 'a@example.com', password, role: 'admin' }, 'role'],
  ['login', { email: { $ne: '' }, password }, 'email'],
  ['login', { email: 'a@example.com' }, 'password'],
  ['refresh', { refreshToken: ['x'] }, 'refreshToken'],
])('refuses a wrong %s and names the field (%#)', async (path, body, field) => {
  expect(await post(path, body)).toMatchObject({
    status: 400,
    body: { code: 'VALIDATION_FAILED', errors: [{ field, message: expect.any(String) }] },
  });
});

it('lets nobody guess a password for long', async () => {
  const email = newEmail();
  const answers = [];
  for (let tries = 0; tries < 11; tries += 1) answers.push(await post('login', { email, password: 'wrong' }));
  expect(answers.map(({ status }) => status)).toEqual([...Array<number>(10).fill(401), 429]);
  expect(answers.at(-1)).toMatchObject({
    body: { code: 'TOO_MANY_TRIES' },
    retryAfter: expect.stringMatching(/^\d+$/),
  });
  expect(await post('login', { email: email.toUpperCase(), password: 'wrong' })).toMatchObject({ status: 429 });
  expect(await post('login', { email: newEmail(), password: 'wrong' })).toMatchObject({ status: 401 });
});
