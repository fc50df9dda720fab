import { randomUUID } from 'node:crypto';
import { Controller, Get, Module, Param, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { readConfig } from './config';
import { connect, createDataSource } from './database';
import { Health } from './health';
import { InProcessHotState } from './hot-state-in-process';
import { startHttpApp, type HttpApp } from './http';
import { Identities } from './identities';
import { accountOf, CurrentIdentity, Public, type Identity } from './identity';
import { identityEntities, identityMigrations } from './identity-tables';
import { createLogger } from './logging';
import { PlatformModule } from './platform.module';

@Controller('mine')
class Mine {
  @Get()
  whoAmI(@CurrentIdentity() identity: Identity) {
    return identity;
  }

  @Get('accounts/:accountId')
  account(@CurrentIdentity() identity: Identity, @Param('accountId') accountId: string) {
    return { accountId: accountOf(identity, accountId) };
  }

  @Public()
  @Get('door')
  door() {
    return { open: true };
  }
}

@Module({})
class TestModule {
  static of(...imports: DynamicModule[]): DynamicModule {
    return { module: TestModule, imports, controllers: [Mine] };
  }
}

const password = 'correct horse battery staple';
const openAccount = () => Promise.resolve(randomUUID());
const lines: string[] = [];
const logger = createLogger({ name: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });

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
afterAll(async () => {
  await app.close();
  await dataSource.destroy();
  await database.drop();
});

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${app.url}${path}`, { headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as unknown) : text };
};

describe('the guard', () => {
  let email: string;
  let apiKey: string;
  let accountId: string;
  beforeAll(async () => {
    email = `${randomUUID()}@example.com`;
    ({ apiKey, accountId } = await identities.register({ email, password }, openAccount));
  });

  it('lets in who brings a key or a token, and says who it is', async () => {
    const { accessToken } = await identities.login(email, password);
    const expected = { status: 200, body: { email, role: 'trader', accountIds: [accountId] } };
    expect(await get('/mine', { 'x-api-key': apiKey })).toMatchObject(expected);
    expect(await get('/mine', { authorization: `Bearer ${accessToken}` })).toMatchObject(expected);
    expect(await get('/mine', { authorization: `bearer ${accessToken}` })).toMatchObject(expected);
  });

  it.each([
    ['nothing', {}],
    ['a made-up key', { 'x-api-key': `ck_${'x'.repeat(43)}` }],
    ['a long key', { 'x-api-key': 'x'.repeat(10_000) }],
    ['a made-up token', { authorization: 'Bearer a.b.c' }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic dTpw' }],
  ])('turns away who brings %s', async (_, headers) => {
    const answer = await get('/mine', headers);
    expect(answer).toMatchObject({ status: 401, body: { status: 401, code: 'UNAUTHENTICATED' } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('does not fall back to a token when the key is wrong', async () => {
    const { accessToken } = await identities.login(email, password);
    const headers = { 'x-api-key': 'wrong', authorization: `Bearer ${accessToken}` };
    expect(await get('/mine', headers)).toMatchObject({ status: 401 });
  });

  it('shows nobody the account of somebody else', async () => {
    const other = await identities.register({ email: `${randomUUID()}@example.com`, password }, openAccount);
    const headers = { 'x-api-key': apiKey };
    expect(await get(`/mine/accounts/${accountId}`, headers)).toMatchObject({ status: 200, body: { accountId } });
    const foreign = await get(`/mine/accounts/${other.accountId}`, headers);
    const missing = await get(`/mine/accounts/${randomUUID()}`, headers);
    expect(foreign).toMatchObject({
      status: 404,
      body: { code: 'ACCOUNT_NOT_FOUND', detail: 'There is no such account.' },
    });
    expect(missing).toMatchObject({
      status: 404,
      body: { code: 'ACCOUNT_NOT_FOUND', detail: 'There is no such account.' },
    });
  });

  it('leaves public routes alone, and only those', async () => {
    expect(await get('/mine/door')).toMatchObject({ status: 200 });
    for (const path of ['/health/live', '/health/ready', '/metrics', '/openapi.json', '/docs']) {
      expect(await get(path)).toMatchObject({ status: 200 });
    }
  });

  it('appears in the OpenAPI document where it asks, not where it does not', async () => {
    const { body } = await get('/openapi.json');
    expect(body).toMatchObject({
      security: [{ apiKey: [] }, { bearer: [] }],
      paths: { '/mine/door': { get: { security: [{}] } }, '/health/live': { get: { security: [{}] } } },
    });
    expect(body).not.toHaveProperty(['paths', '/mine', 'get', 'security']);
  });
});

describe('health', () => {
  it('is live as long as it answers', async () =>
    expect(await get('/health/live')).toMatchObject({ status: 200, body: { status: 'live' } }));

  it('is ready when every part is up, and names the part that is down without saying why', async () => {
    const health = app.app.get(Health);
    const log = { up: false };
    health.require('event log', () => (log.up ? Promise.resolve(7) : Promise.reject(new Error('hush'))));
    const down = await get('/health/ready');
    expect(down).toMatchObject({
      status: 503,
      body: {
        status: 'not-ready',
        checks: [
          { name: 'database', status: 'up' },
          { name: 'event log', status: 'down' },
        ],
      },
    });
    expect(JSON.stringify(down.body)).not.toContain('hush');
    await get('/health/ready');
    expect(lines.filter((line) => line.includes('event log is down'))).toHaveLength(1);
    log.up = true;
    expect(await get('/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect(lines.filter((line) => line.includes('event log is up again'))).toHaveLength(1);
  });

  it('does not wait for a part that says nothing', async () => {
    const health = new Health(logger);
    jest.useFakeTimers();
    health.require('broker', () => new Promise(() => undefined));
    const readiness = health.readiness();
    await jest.advanceTimersByTimeAsync(2_000);
    jest.useRealTimers();
    expect(await readiness).toEqual({ status: 'not-ready', checks: [{ name: 'broker', status: 'down' }] });
  });

  it('asks once for all who ask at the same time', async () => {
    const health = new Health(logger);
    const check = jest.fn(() => Promise.resolve());
    health.require('part', check);
    await Promise.all([health.readiness(), health.readiness(), health.readiness()]);
    expect(check).toHaveBeenCalledTimes(1);
    await health.readiness();
    expect(check).toHaveBeenCalledTimes(2);
  });
});

describe('metrics', () => {
  it('show the process and every request by its route, not its address', async () => {
    await get('/mine/accounts/42');
    const { body, headers } = await get('/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    expect(body).toContain('process_resident_memory_bytes');
    expect(body).toContain(
      'coordinator_http_request_seconds_count{method="GET",route="/mine/accounts/:accountId",status="401"}',
    );
    expect(body).not.toContain('accounts/42');
  });
});
