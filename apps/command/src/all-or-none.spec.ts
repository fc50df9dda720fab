import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { ProcessDied, TearingEventLog } from '#event-log/tearing-event-log';
import { faultsOf, readBooks } from '../../../test/support/books';
import { type Death, MortalEventLog } from '../../../test/support/mortal-event-log';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, openAccount, openWorkOf, place, sideOn, TEN_O_CLOCK_MS } from '../../../test/support/write-side';
import type { OrderLine } from './order-line';
import type { WriteSide } from './write-side';

let database: TestDatabase;
let log: PostgresEventLog;
let broker: RecordingBroker;
let side: WriteSide;
let failures: unknown[];
let accountId: string;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
  const { side: first } = sideOn({ log, brokers: [] });
  const meta = { userId: 'asha', accountId: '', correlationId: 'test', causationId: 'test', at: 0, schemaVersion: 1 };
  await first.settings.changeUser('asha', { expectedVersion: 0, meta }, (present) => ({
    ...present,
    allowPartialMultiOrder: false,
  }));
  await first.stop();
});
afterAll(async () => {
  await log.close();
  await database.drop();
});
beforeEach(async () => {
  broker = new RecordingBroker();
  ({ side, failures } = sideOn({ log, brokers: [broker] }));
  accountId = await openAccount(side, 'recording');
});
afterEach(async () => {
  await side.stop();
  expect(failures).toEqual([]);
  expect(faultsOf(await readBooks(log), { settled: true })).toEqual([]);
});

const tooMany = line({ quantity: 70_900 }); // worth more than Rs 10 crore

const ask = (lines: readonly OrderLine[]) => place(side, { accountId, key: 'k1', lines });

const reservedE4 = async () => (await side.ledgers.read(`account-${accountId}`)).state.reservedE4;

/** The checks that a line failed. */
const failed = ({ verdicts = [] }: Awaited<ReturnType<typeof ask>>['results'][number]): string[] =>
  verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check);

describe('who wants all lines of a request or none', () => {
  it('has none sent when one is denied, and is told of each why', async () => {
    const { status, results } = await ask([line(), tooMany, line({ quantity: 5 })]);
    expect(status).toBe('REJECTED');
    expect(results.map((result) => [result.status, failed(result)])).toEqual([
      ['DENIED', ['all-or-none']],
      ['DENIED', ['order-value']],
      ['DENIED', ['all-or-none']],
    ]);
    expect(broker.calls).toEqual([]);
    expect(await reservedE4()).toBe(0);
  });

  it('is told which line the money did not reach for', async () => {
    accountId = await openAccount(side, 'recording', 20_000_0000);
    const { results } = await ask([line(), line()]); // Rs 14,123 each
    expect(results.map(failed)).toEqual([['all-or-none'], ['balance']]);
    expect(await reservedE4()).toBe(0);
  });

  it('has all of them sent when all pass, whatever the broker makes of them', async () => {
    broker.onPlace = ({ details }) => (details.line === 0 ? { kind: 'reject' } : { kind: 'accept' });
    const { results } = await ask([line(), line({ quantity: 5 })]);
    expect(results.map(({ status }) => status)).toEqual(['REJECTED', 'ACCEPTED']);
    expect(broker.calls).toHaveLength(2);
  });

  it('has a line that is cut sent whole or not at all', async () => {
    const { results } = await ask([line({ quantity: 250_000, price: 390 })]); // three slices, and money for none
    expect(results).toMatchObject([{ status: 'DENIED' }]);
    expect(results[0]?.slices?.map((slice) => slice.status)).toEqual(['DENIED', 'DENIED', 'DENIED']);
    expect(broker.calls).toEqual([]);
  });

  it('gets the same answer for the same key', async () => {
    const first = await ask([line(), tooMany]);
    expect(await ask([line(), tooMany])).toEqual({ ...first, replayed: true });
  });

  it('has a single line judged for itself', async () => {
    const { results } = await ask([tooMany]);
    expect(results.map(failed)).toEqual([['order-value']]);
  });
});

describe('wherever the process dies', () => {
  const requests: Readonly<Record<string, { readonly lines: readonly OrderLine[]; readonly denied: number }>> = {
    'all of a request is denied with the line that is': { lines: [line(), tooMany, line()], denied: 3 },
    'none of a request that passes is denied': { lines: [line(), line(), line()], denied: 0 },
  };

  const tell = async (lines: readonly OrderLine[], death?: Death) => {
    const from = await log.head();
    accountId = await openAccount(side, 'recording');
    const mortal = new MortalEventLog(log, death);
    const openWork = (beforeMs: number) => openWorkOf(log, beforeMs, from);
    const { side: first } = sideOn({ log: new TearingEventLog(mortal), brokers: [broker], openWork });
    await place(first, { accountId, key: 'k1', lines }).catch((error: unknown) => {
      if (!(error instanceof ProcessDied)) throw error;
    });
    await first.stop();
    const { side: next, failures: failed } = sideOn({
      log,
      brokers: [broker],
      now: () => TEN_O_CLOCK_MS + 1_000,
      openWork,
    });
    await next.recover();
    await next.stop();
    expect(failed).toEqual([]);
    const { orders } = await readBooks(log, from);
    return { appends: mortal.appends, denied: [...orders.values()].map(({ status }) => status === 'denied') };
  };

  it.each(Object.entries(requests))(
    '%s',
    async (_, { lines, denied }) => {
      const { appends } = await tell(lines);
      expect(appends).toBeGreaterThan(lines.length);
      for (let append = 0; append < appends; append += 1)
        for (const when of ['before', 'after'] as const) {
          const left = await tell(lines, { when, append });
          // Before the intent is durable nobody knows of the request.
          const known = append > 0 || when === 'after' ? lines.length : 0;
          expect(left.denied).toHaveLength(known);
          expect(left.denied.filter((one) => one)).toHaveLength(Math.min(known, denied));
        }
    },
    60_000,
  );
});
