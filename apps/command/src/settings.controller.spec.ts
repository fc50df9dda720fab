import { randomUUID } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Account } from '#domain/accounts/account';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { type HttpApp, startHttpApp } from '#platform/http';
import { InProcessHotState } from '#platform/hot-state-in-process';
import { Identities } from '#platform/identities';
import type { Role } from '#platform/identity';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { createLogger } from '#platform/logging';
import { PlatformModule } from '#platform/platform.module';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import type { AccountLedgers } from './account-ledger';
import { AccountOwners } from './account-owners';
import { Settings } from './settings';
import { SettingsController } from './settings.controller';

const CONFIGURED = { idempotencyWindowSec: 86_400, maxOrdersPerBatch: 20 };
const CRORE_10 = 100_000_000;

@Module({})
class TestModule {
  static of(platform: DynamicModule, settings: Settings, accountOwners: AccountOwners): DynamicModule {
    return {
      module: TestModule,
      imports: [platform],
      controllers: [SettingsController],
      providers: [
        { provide: Settings, useValue: settings },
        { provide: AccountOwners, useValue: accountOwners },
      ],
    };
  }
}

interface Person {
  readonly apiKey: string;
  readonly userId: string;
  readonly accountId: string;
}

const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let dataSource: DataSource;
let log: PostgresEventLog;
let identities: Identities;
let app: HttpApp;
let admin: Person;
let auditor: Person;
let asha: Person;
const owners = new Map<string, string>();

const join = async (role: Role = 'trader'): Promise<Person> => {
  const openAccount = (userId: string): Promise<string> => {
    const accountId = randomUUID();
    owners.set(accountId, userId);
    return Promise.resolve(accountId);
  };
  return identities.register(
    { email: `${randomUUID()}@example.com`, password: 'correct horse battery', role },
    openAccount,
  );
};

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
  dataSource = await connect(
    createDataSource(database.url, { name: 'test', entities: identityEntities, migrations: identityMigrations }),
  );
  identities = new Identities({ dataSource, jwtSecret: 'a secret for tests only, long enough', logger });
  const hotState = new InProcessHotState();
  const platform = PlatformModule.forRoot({ config: readConfig({}), logger, dataSource, identities, hotState });
  const ledger = {
    read: (stream: string) =>
      Promise.resolve({ state: { userId: owners.get(stream.slice('account-'.length)) ?? '' } as Account, revision: 0 }),
  };
  const accountOwners = new AccountOwners(ledger as unknown as AccountLedgers);
  app = await startHttpApp(TestModule.of(platform, new Settings(log, CONFIGURED), accountOwners), {
    host: '127.0.0.1',
    port: 0,
    portVariable: 'PORT',
    title: 'Test',
    description: 'For tests',
    logger,
    shutdownTimeoutMs: 1_000,
  });
  [admin, auditor] = await Promise.all([join('admin'), join('auditor')]);
});
beforeEach(async () => {
  asha = await join();
});
afterAll(async () => {
  await app.close();
  await dataSource.destroy();
  await log.close();
  await database.drop();
});

const ask = async (
  { apiKey }: Person,
  method: string,
  path: string,
  { version, body }: { version?: number | string; body?: unknown } = {},
) => {
  const response = await fetch(`${app.url}/v2/settings/${path}`, {
    method,
    headers: {
      'x-api-key': apiKey,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(version !== undefined && { 'if-match': typeof version === 'number' ? `"${String(version)}"` : version }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    etag: response.headers.get('etag'),
    position: Number(response.headers.get('coordinator-position')),
    body: (await response.json()) as Record<string, unknown>,
  };
};
const get = (person: Person, path: string) => ask(person, 'GET', path);
/** As somebody who has just looked. */
const patch = async (person: Person, path: 'user' | 'house', body: unknown) => {
  const { etag } = await get(person, path);
  return ask(person, 'PATCH', path, { body, ...(etag !== null && { version: etag }) });
};
const fieldsOf = ({ body }: { body: Record<string, unknown> }): string[] =>
  (body['errors'] as { field: string }[]).map(({ field }) => field);

const INITIAL = {
  allowPartialMultiOrder: true,
  readConsistency: 'EVENTUAL',
  autoRetryOnNetworkFailure: true,
  limits: {},
  halt: 'open',
};

describe('your settings', () => {
  it('are what nobody has set, at version 0', async () =>
    expect(await get(asha, 'user')).toMatchObject({ status: 200, etag: '"0"', body: INITIAL }));

  it('are replaced by PUT, amounts in rupees', async () => {
    const limits = { orderValueMax: 1_500.75, symbolCaps: { 'NSE:TCS': { quantityMax: 3, valueMax: 9_000.5 } } };
    const put = await ask(asha, 'PUT', 'user', { version: 0, body: { defaultBroker: 'zerodha', limits } });
    expect(put).toMatchObject({ status: 200, etag: '"1"' });
    expect(put.position).toBeGreaterThan(0);
    expect(put.body).toEqual({ ...INITIAL, defaultBroker: 'zerodha', limits });
    expect((await get(asha, 'user')).body).toEqual(put.body);
    const [event] = await log.readStream(`settings-user-${asha.userId}`);
    expect(event?.data).toMatchObject({
      settings: {
        limits: { orderValueMaxE4: 15_007_500, symbolCaps: { 'NSE:TCS': { quantityMax: 3, valueMaxE4: 90_005_000 } } },
      },
    });
    expect((await ask(asha, 'PUT', 'user', { version: 1, body: {} })).body).toEqual(INITIAL);
  });

  it('are changed by PATCH where it names them, and null takes away', async () => {
    await patch(asha, 'user', { defaultBroker: 'zerodha', limits: { openOrdersMax: 5, exposureMax: 10 } });
    const changed = await patch(asha, 'user', { halt: 'killed', limits: { exposureMax: null } });
    expect(changed.body).toEqual({
      ...INITIAL,
      defaultBroker: 'zerodha',
      limits: { openOrdersMax: 5 },
      halt: 'killed',
    });
    expect((await patch(asha, 'user', { defaultBroker: null, halt: null })).body).toEqual({
      ...INITIAL,
      limits: { openOrdersMax: 5 },
    });
  });

  it('are not changed twice by one who sends the same again', async () => {
    const body = { halt: 'reduce-only' };
    const [first, second] = [
      await ask(asha, 'PATCH', 'user', { version: 0, body }),
      await ask(asha, 'PATCH', 'user', { version: 0, body }),
    ];
    expect([first.status, second.status, second.etag]).toEqual([200, 200, '"1"']);
    expect(second.body).toEqual(first.body);
  });

  it('are changed only by who says what they have seen', async () => {
    const body = { halt: 'killed' };
    expect(await ask(asha, 'PUT', 'user', { body })).toMatchObject({ status: 428, body: { code: 'VERSION_REQUIRED' } });
    expect(await ask(asha, 'PUT', 'user', { body, version: 'x' })).toMatchObject({ status: 400 });
    await patch(asha, 'user', { readConsistency: 'STRONG' });
    const stale = await ask(asha, 'PATCH', 'user', { version: 0, body });
    expect(stale).toMatchObject({ status: 412, body: { code: 'SETTINGS_STALE' } });
    expect(fieldsOf(stale)).toEqual(['If-Match']);
    expect((await ask(asha, 'PATCH', 'user', { version: 7, body })).status).toBe(412);
  });

  it.each<[object, string]>([
    [{ halt: 'off' }, 'halt'],
    [{ defaultBroker: 'nobody' }, 'defaultBroker'],
    [{ readConsistency: 'SOMETIMES' }, 'readConsistency'],
    [{ allowPartialMultiOrder: 'yes' }, 'allowPartialMultiOrder'],
    [{ colour: 'red' }, 'colour'],
    [{ limits: { orderValueMaxE4: 1 } }, 'limits.orderValueMaxE4'],
    [{ limits: { orderValueMax: '5' } }, 'limits.orderValueMax'],
    [{ limits: { orderValueMax: 1.000001 } }, 'limits.orderValueMax'],
    [{ limits: { openOrdersMax: -1 } }, 'limits.openOrdersMax'],
    [{ limits: { priceDeviationMaxBp: { cash: 20_000 } } }, 'limits.priceDeviationMaxBp.cash'],
    [{ limits: { intradayVar: { method: 'guess' } } }, 'limits.intradayVar.method'],
    [{ limits: { symbolCaps: { 'NSE:TCS': { most: 1 } } } }, 'limits.symbolCaps.NSE:TCS.most'],
    [{ limits: { symbolCaps: { 'NSE:TCS': { quantityMax: 1.5 } } } }, 'limits.symbolCaps.NSE:TCS.quantityMax'],
    [{ limits: { symbolCaps: { 'NSE:TCS': 7 } } }, 'limits.symbolCaps.NSE:TCS'],
    [{ limits: { symbolCaps: { 'a\u0001': {} } } }, 'limits.symbolCaps.a\u0001'],
  ])('refuse %j and name the field', async (body, field) => {
    const refused = await ask(asha, 'PATCH', 'user', { version: 0, body });
    expect(refused).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect(fieldsOf(refused)).toEqual([field]);
  });

  it('refuse a limit that is not whole, and name what is missing', async () => {
    const refused = await patch(asha, 'user', { limits: { intradayVar: { limit: 100, method: 'historical' } } });
    expect(refused).toMatchObject({ status: 422, body: { code: 'SETTINGS_INVALID' } });
    expect(fieldsOf(refused)).toEqual(['limits.intradayVar.confidenceBp']);
  });

  it('refuse more than the house allows, naming field and ceiling', async () => {
    const refused = await patch(asha, 'user', { limits: { orderValueMax: CRORE_10 + 0.01 } });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        code: 'SETTINGS_BEYOND_CEILING',
        errors: [{ field: 'limits.orderValueMax', message: 'must be at most 100000000' }],
      },
    });
  });

  it('have a history that says who changed what from what', async () => {
    await patch(asha, 'user', { limits: { orderValueMax: 10.5 } });
    await patch(asha, 'user', { limits: { orderValueMax: null }, halt: 'killed' });
    expect((await get(asha, 'user/history')).body).toEqual({
      items: [
        {
          version: 1,
          at: expect.stringMatching(/^20.*Z$/),
          userId: asha.userId,
          changes: [{ field: 'limits.orderValueMax', to: 10.5 }],
        },
        {
          version: 2,
          at: expect.stringMatching(/^20.*Z$/),
          userId: asha.userId,
          changes: [
            { field: 'limits.orderValueMax', from: 10.5 },
            { field: 'halt', from: 'open', to: 'killed' },
          ],
        },
      ],
    });
  });

  it('are nobody else’s', async () => {
    await patch(asha, 'user', { halt: 'killed' });
    const bela = await join();
    expect((await get(bela, 'user')).body).toEqual(INITIAL);
    expect((await get(bela, 'user/history')).body).toEqual({ items: [] });
  });
});

describe('the settings of the house', () => {
  it('are an admin’s to change', async () => {
    for (const person of [asha, auditor])
      expect(await patch(person, 'house', { maxOrdersPerBatch: 1 })).toMatchObject({
        status: 403,
        body: { code: 'ADMIN_ONLY' },
      });
    const changed = await patch(admin, 'house', { maxOrdersPerBatch: 7, halts: { brokers: { fyers: 'killed' } } });
    expect(changed).toMatchObject({
      status: 200,
      body: {
        maxOrdersPerBatch: 7,
        idempotencyWindowSec: 86_400,
        halts: { house: 'open', brokers: { fyers: 'killed' } },
      },
    });
    expect((await get(asha, 'house')).body).toEqual(changed.body);
    const back = await patch(admin, 'house', { maxOrdersPerBatch: null, halts: { brokers: { fyers: null } } });
    expect(back.body).toMatchObject({ maxOrdersPerBatch: 20, halts: { brokers: {} } });
  });

  it('are replaced by PUT: what is not named is as if nobody had set it', async () => {
    await patch(admin, 'house', { auditLevel: 'WRITES', ceilings: { openOrdersMax: 9 } });
    const { etag } = await get(admin, 'house');
    const put = await ask(admin, 'PUT', 'house', { version: etag ?? '', body: { asyncCancelEnabled: false } });
    expect(put.body).toMatchObject({
      auditLevel: 'FULL',
      asyncCancelEnabled: false,
      ceilings: { orderValueMax: CRORE_10 },
    });
    expect(put.body['ceilings']).not.toHaveProperty('openOrdersMax');
  });

  it('show a trader no switch of somebody else’s account, neither now nor in the history', async () => {
    const bela = await join();
    const accounts = { [asha.accountId]: 'reduce-only', [bela.accountId]: 'killed' };
    await patch(admin, 'house', { halts: { accounts } });
    const seenBy = async (person: Person) => ({
      now: ((await get(person, 'house')).body['halts'] as { accounts: object }).accounts,
      then: JSON.stringify((await get(person, 'house/history')).body),
    });
    const hers = await seenBy(asha);
    expect(hers.now).toEqual({ [asha.accountId]: 'reduce-only' });
    expect(hers.then).toContain(asha.accountId);
    expect(hers.then).not.toContain(bela.accountId);
    for (const person of [admin, auditor]) {
      const all = await seenBy(person);
      expect(all.now).toMatchObject(accounts);
      expect(all.then).toContain(bela.accountId);
    }
  });

  it.each<[object, string]>([
    [{ maxOrdersPerBatch: 101 }, 'maxOrdersPerBatch'],
    [{ idempotencyWindowSec: 0 }, 'idempotencyWindowSec'],
    [{ halts: { house: 'shut' } }, 'halts.house'],
    [{ halts: { brokers: { fyers: 'shut' } } }, 'halts.brokers.fyers'],
    [{ halts: { rooms: {} } }, 'halts.rooms'],
    [{ ceilings: { symbolCaps: { X: { valueMax: -1 } } } }, 'ceilings.symbolCaps.X.valueMax'],
    [{ defaults: { most: 1 } }, 'defaults.most'],
    [{ corrections: { calendar: 'all' } }, 'corrections.calendar'],
    [{ corrections: { weather: {} } }, 'corrections.weather'],
  ])('refuse %j and name the field', async (body, field) => {
    const refused = await patch(admin, 'house', body);
    expect(refused).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect(fieldsOf(refused)).toEqual([field]);
  });

  it('take a special session that has times, and refuse one that has none', async () => {
    const session = {
      date: '2026-11-08',
      classes: ['equity'],
      name: 'Muhurat',
      hours: [{ phase: 'continuous', start: '18:00', end: '19:15' }],
      expires: false,
      certainty: 'confirmed',
      source: 'a circular',
    };
    const correct = (sessions: object[]) => patch(admin, 'house', { corrections: { calendar: { sessions } } });
    expect((await correct([session])).body).toMatchObject({ corrections: { calendar: { sessions: [session] } } });
    const refused = await correct([session, { ...session, hours: 'in the evening' }]);
    expect(refused).toMatchObject({ status: 422, body: { code: 'SETTINGS_INVALID' } });
    expect(fieldsOf(refused)).toEqual(['corrections.calendar.sessions[1].hours']);
    expect((await patch(admin, 'house', { corrections: { calendar: { sessions: null } } })).body).toMatchObject({
      corrections: { calendar: {} },
    });
  });
});

describe('the limits that count', () => {
  it('say whose word each of them is', async () => {
    await patch(admin, 'house', {
      ceilings: { exposureMax: 500.5 },
      halts: { accounts: { [asha.accountId]: 'killed' } },
    });
    await patch(asha, 'user', { limits: { openOrdersMax: 4 } });
    const { body } = await get(asha, 'limits');
    const { etag } = await get(admin, 'house');
    expect(body).toMatchObject({
      accountId: asha.accountId,
      userVersion: 1,
      houseVersion: Number(etag?.replaceAll('"', '')),
      limits: { openOrdersMax: 4, exposureMax: 500.5, orderValueMax: CRORE_10 },
      sources: { openOrdersMax: 'user', exposureMax: 'ceiling', orderValueMax: 'default' },
      halt: { state: 'killed', by: 'account' },
    });
    await patch(admin, 'house', { ceilings: { exposureMax: null } });
  });

  it('are those of the account’s owner, whoever asks, and a stranger does not learn of the account', async () => {
    await patch(asha, 'user', { limits: { openOrdersMax: 3 } });
    const path = `limits?accountId=${asha.accountId}`;
    expect((await get(auditor, path)).body).toMatchObject({ limits: { openOrdersMax: 3 }, userVersion: 1 });
    expect(await get(await join(), path)).toMatchObject({ status: 404, body: { code: 'ACCOUNT_NOT_FOUND' } });
    expect(await get(auditor, `limits?accountId=${randomUUID()}`)).toMatchObject({ status: 404 });
  });
});
