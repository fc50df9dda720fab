import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as connectTo, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/postgres';
import { type EventLog, EventLogUnavailable, type NewEvent, type Write, WrongExpectedRevision } from '../event-log';
import { eventLogContract } from '../event-log.contract';
import { TearingEventLog } from '../tearing-event-log';
import { EventLog1767225600000 } from './migrations';
import { type Flush, PostgresEventLog, type PostgresEventLogOptions } from './postgres-event-log';

jest.setTimeout(30_000);

const support = resolve(__dirname, '../../../../test/support');

let database: TestDatabase;
let admin: Client;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  admin = new Client({ connectionString: database.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await database.drop();
});

async function runWriters(prefix: string, appends: number, seed: number): Promise<readonly string[]> {
  const child = fork(resolve(support, 'event-log-writers.ts'), [database.url, prefix, String(appends), String(seed)], {
    execArgv: ['-r', resolve(support, 'register-typescript.cjs')],
  });
  const ended = once(child, 'exit');
  const [ids]: unknown[] = await Promise.race([once(child, 'message'), ended]);
  await ended;
  if (!Array.isArray(ids)) throw new Error('the writers failed');
  return ids.map(String);
}

async function dropConnections(): Promise<void> {
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'event-log'`,
  );
}

eventLogContract('Postgres', () => ({
  open: () => new PostgresEventLog({ url: database.url }),
  runWriters,
  dropConnections,
}));

eventLogContract('Postgres with its multi-writes torn apart', () => ({
  open: () => new TearingEventLog(new PostgresEventLog({ url: database.url })),
  runWriters,
  dropConnections,
}));

const newEvent = (): NewEvent => ({
  id: randomUUID(),
  type: 'Happened',
  data: {},
  meta: { userId: 'u', accountId: 'a', correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 },
});
const newWrite = (stream = `order-${randomUUID()}`): Write => ({
  stream,
  expected: 'no-stream',
  events: [newEvent(), newEvent()],
});

describe('the Postgres event log', () => {
  const opened: EventLog[] = [];
  const open = (options: Partial<PostgresEventLogOptions> = {}): PostgresEventLog => {
    const log = new PostgresEventLog({ url: database.url, ...options });
    opened.push(log);
    return log;
  };

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });

  /** Statements of event logs that are running or waiting on the server at this moment. */
  async function busyStatements(): Promise<number> {
    const { rows } = await admin.query<{ busy: string }>(
      `select count(*) as busy from pg_stat_activity
       where datname = current_database() and application_name = 'event-log' and state = 'active'`,
    );
    return Number(rows[0]?.busy);
  }

  /** Holds what every append waits for, like a writer that got stuck, for as long as the work takes. */
  async function withStuckWriter(work: () => Promise<void>): Promise<void> {
    const stuck = new Client({ connectionString: database.url });
    await stuck.connect();
    await stuck.query('select pg_advisory_lock(4991526044102915)');
    try {
      await work();
    } finally {
      await stuck.end();
    }
  }

  it('stores all writes of an append or none', async () => {
    const log = open();
    const taken = newWrite();
    await log.append([taken]);
    const first = newWrite();
    await expect(log.append([first, newWrite(taken.stream)])).rejects.toThrow(WrongExpectedRevision);
    expect(await log.readStream(first.stream)).toEqual([]);
  });

  it('numbers the log without gaps, whatever is refused in between', async () => {
    const log = open();
    const taken = newWrite();
    await log.append([taken]);
    const before = await log.head();
    await Promise.allSettled(
      Array.from({ length: 30 }, (_, n) => log.append([n % 3 === 1 ? newWrite(taken.stream) : newWrite()])),
    );
    const { events } = await log.readAll({ after: before, limit: 100 });
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 40 }, (_, n) => before + n + 1));
  });

  it('writes for many callers in one round trip', async () => {
    const flushes: Flush[] = [];
    const log = open({ onFlush: (flush) => flushes.push(flush) });
    await Promise.all(Array.from({ length: 100 }, () => log.append([newWrite()])));
    expect(flushes).toEqual([{ appends: 100, events: 200, durationMs: expect.any(Number) as number, failed: false }]);
  });

  it('reads through a long stretch that the filter leaves out', async () => {
    const log = open();
    const before = await log.head();
    const rare = newWrite(`rare-${randomUUID()}`);
    await admin.query(
      `insert into events (position, stream, revision, id, type, data, meta)
       select $1::bigint + n, 'bulk-' || $1::bigint, n - 1, gen_random_uuid(), 'Happened', '{}', '{}'
       from generate_series(1, 120000) n`,
      [before],
    );
    await log.append([rare]);

    let pages = 0;
    const found: string[] = [];
    for (let after = before, atEnd = false; !atEnd; pages++) {
      const page = await log.readAll({ after, limit: 10, streamPrefixes: ['rare-'] });
      found.push(...page.events.map(({ id }) => id));
      ({ next: after, atEnd } = page);
    }
    expect(found).toEqual(rare.events.map(({ id }) => id));
    expect(pages).toBeGreaterThan(1);
  });

  it('says so when a row is not an event', async () => {
    const log = open();
    const before = await log.head();
    await admin.query(
      `insert into events (position, stream, revision, id, type, data, meta)
       values ($1::bigint + 1, 'odd-' || $1::bigint, 0, gen_random_uuid(), 'Odd', '{}', '{}')`,
      [before],
    );
    const reading = log.readAll({ after: before, limit: 1 });
    await expect(reading).rejects.toThrow(`position ${String(before + 1)} of the log does not hold an event`);
    await admin.query('delete from events where position = $1::bigint + 1', [before]);
  });

  it('passes on what is not a matter of waiting: no such table', async () => {
    const empty = await createTestDatabase();
    const log = new PostgresEventLog({ url: empty.url });
    await expect(log.head()).rejects.toThrow('relation "events" does not exist');
    await expect(log.append([newWrite()])).rejects.toThrow('append_events');
    await expect(log.subscribeAll({ after: 0 }, () => Promise.resolve()).ended).rejects.toThrow('does not exist');
    await log.close();
    await empty.drop();
  });

  describe('when the database does not answer', () => {
    it('gives an append up after its deadline, leaves nothing behind, and takes the repetition', async () => {
      const log = open({ appendTimeoutMs: 1_000 });
      const write = newWrite();
      await withStuckWriter(async () => {
        const outcomes = await Promise.allSettled([log.append([write]), log.append([newWrite()])]);
        for (const outcome of outcomes) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(EventLogUnavailable) as unknown });
        }
        while ((await busyStatements()) > 0) await new Promise((settle) => setTimeout(settle, 20));
      });

      expect(await log.readStream(write.stream)).toEqual([]);
      await log.append([write]);
      expect(await log.readStream(write.stream)).toHaveLength(2);
    });

    it('refuses at once when nobody listens', async () => {
      const log = open({ url: 'postgres://nobody:secret@127.0.0.1:1/none' });
      await expect(log.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
      await expect(log.head()).rejects.toThrow(/ECONNREFUSED/);
    });

    it('reports a wrong password as such', async () => {
      const url = new URL(database.url);
      url.password = 'wrong';
      await expect(open({ url: url.href }).head()).rejects.toThrow(/password authentication failed/);
    });

    it('calls an append whose connection is cut in the middle unknown, and goes on with a new connection', async () => {
      const log = open();
      await log.append([newWrite()]);
      await withStuckWriter(async () => {
        const outcome = expect(log.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
        while ((await busyStatements()) === 0) await new Promise((settle) => setTimeout(settle, 5));
        await dropConnections();
        await outcome;
      });
      await log.append([newWrite()]);
    });

    describe('because the network swallows everything', () => {
      let network: Server;
      let swallowing: boolean;
      const sockets = new Set<Socket>();
      let url: string;

      beforeEach(async () => {
        swallowing = false;
        const target = new URL(database.url);
        const { hostname, port } = target;
        network = createServer((near) => {
          const far = connectTo(Number(port), hostname);
          for (const [from, to] of [
            [near, far],
            [far, near],
          ] as const) {
            sockets.add(from);
            from.on('data', (chunk) => {
              if (!swallowing) to.write(chunk);
            });
            from.on('error', () => to.destroy());
            from.on('close', () => to.destroy());
          }
        });
        network.listen(0, '127.0.0.1');
        await once(network, 'listening');
        const address = network.address();
        target.port = String(typeof address === 'object' && address !== null ? address.port : 0);
        url = target.href;
      });

      afterEach(async () => {
        for (const socket of sockets) socket.destroy();
        network.close();
        await once(network, 'close');
      });

      it('appends and reads end after their deadlines, and work again when it is back', async () => {
        const log = open({ url, appendTimeoutMs: 1_000, readTimeoutMs: 1_000 });
        const write = newWrite();
        await log.append([newWrite()]);
        await log.head();
        swallowing = true;
        await expect(log.append([write])).rejects.toThrow(EventLogUnavailable);
        await expect(log.head()).rejects.toThrow(EventLogUnavailable);
        swallowing = false;
        await log.append([write]);
        expect(await log.readStream(write.stream)).toHaveLength(2);
      });

      it('a subscription waits, says that it does, and goes on', async () => {
        const warnings: string[] = [];
        const logger = { warn: (_details: object, message: string) => warnings.push(message) };
        const log = open({ url, readTimeoutMs: 1_000, logger });
        const received: string[] = [];
        const subscription = log.subscribeAll({ after: await log.head() }, (events) => {
          received.push(...events.map(({ id }) => id));
          return Promise.resolve();
        });
        swallowing = true;
        const write = newWrite();
        await open().append([write]);
        while (!warnings.includes('a subscription waits for the event log')) {
          await new Promise((settle) => setTimeout(settle, 10));
        }
        expect(received).toEqual([]);
        swallowing = false;
        while (received.length < 2) await new Promise((settle) => setTimeout(settle, 10));
        await subscription.close();
        expect(received).toEqual(write.events.map(({ id }) => id));
      });
    });
  });
});
