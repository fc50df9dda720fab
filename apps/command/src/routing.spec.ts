import { accountRouting, fallback } from '#domain/settings/routing';
import { sharedBrokers } from '#brokers/broker';
import { execute } from '#event-log/execute';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { FALLBACK_STREAM, type RoutePreferences, Routing, routingStreamOf } from './routing';

const META = { userId: 'u', accountId: 'a', correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 };

let database: TestDatabase;
let log: PostgresEventLog;
let preferences: { user: RoutePreferences['user']; house: RoutePreferences['house'] };
let accounts = 0;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
  const data = { brokers: ['third', 'second'], failover: true, maxAttempts: 4 };
  await execute(log, fallback, FALLBACK_STREAM, { type: 'SetFallback', data }, META);
});
beforeEach(() => {
  preferences = {
    user: { autoRetryOnNetworkFailure: true, allowPartialMultiOrder: true },
    house: { brokerFailoverEnabled: true },
  };
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

/** Of an account for which this broker was chosen, or none. */
const routesOf = async (chosen?: string) => {
  const accountId = `account-${String((accounts += 1))}`;
  const brokers = sharedBrokers(['first', 'second', 'third'].map((name) => new RecordingBroker(name)));
  if (chosen !== undefined) {
    const data = { defaultBroker: chosen, strategyBrokers: {} };
    await execute(log, accountRouting, routingStreamOf(accountId), { type: 'SetAccountRouting', data }, META);
  }
  const routing = new Routing(log, brokers, () => Promise.resolve(preferences));
  const routes = await routing.of(accountId);
  return { ...routes, brokers: routes.of({}, 'first').map(({ broker }) => broker) };
};

describe('the routes of an account', () => {
  it('are as they were set, where nobody prefers anything', async () =>
    expect(await routesOf()).toMatchObject({ brokers: ['first', 'third', 'second'], failover: true, maxAttempts: 4 }));

  it('begin at the broker that its owner prefers', async () => {
    preferences.user = { defaultBroker: 'second', autoRetryOnNetworkFailure: true, allowPartialMultiOrder: true };
    expect((await routesOf()).brokers).toEqual(['second', 'first', 'third']);
  });

  it('begin at the broker that was chosen for the account, whatever its owner prefers elsewhere', async () => {
    preferences.user = { defaultBroker: 'second', autoRetryOnNetworkFailure: true, allowPartialMultiOrder: true };
    expect((await routesOf('third')).brokers).toEqual(['third', 'first', 'second']);
  });

  it('are one when the house has switched failing over off, whatever was set', async () => {
    preferences.house = { brokerFailoverEnabled: false };
    expect(await routesOf()).toMatchObject({ brokers: ['first'], failover: false, maxAttempts: 4 });
  });

  it('are tried once where the owner wants nothing sent again', async () => {
    preferences.user = { autoRetryOnNetworkFailure: false, allowPartialMultiOrder: true };
    expect((await routesOf()).maxAttempts).toBe(1);
  });
});
