import { randomUUID } from 'node:crypto';
import { type Decider, refuse, Refused } from '#domain/decider';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { type EventLog, EventLogUnavailable, type EventMeta, WrongExpectedRevision } from './event-log';
import { execute } from './execute';
import { EventLog1767225600000 } from './postgres/migrations';
import { PostgresEventLog } from './postgres/postgres-event-log';

interface Added {
  readonly type: 'Added';
  readonly data: { readonly amount: number };
}

/** A purse that holds at most 100: adds what is asked for, does nothing for 0, refuses what does not fit. */
const purse: Decider<number, { readonly amount: number }, Added> = {
  initial: 0,
  decide({ amount }, total) {
    if (total + amount > 100) return refuse('purse.full');
    return amount === 0 ? [] : [{ type: 'Added', data: { amount } }];
  },
  evolve: (total, { data }) => total + data.amount,
};

const meta: EventMeta = {
  userId: 'u-1',
  accountId: 'a-1',
  correlationId: 'c-1',
  causationId: 'c-0',
  at: 1_767_225_600_000,
  schemaVersion: 1,
};

let database: TestDatabase;
let log: EventLog;
let stream: string;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});

afterAll(async () => {
  await log.close();
  await database.drop();
});

beforeEach(() => {
  stream = `purse-${randomUUID()}`;
});

const add = (amount: number, on: EventLog = log) => execute(on, purse, stream, { amount }, meta);
const total = async (): Promise<number> =>
  (await log.readStream(stream)).reduce((sum, { data }) => sum + ('amount' in data ? Number(data.amount) : 0), 0);

/** The same log, with something that happens before each append. Counts the reads and appends that go through. */
function disturbed(beforeAppend: () => Promise<unknown> = () => Promise.resolve()) {
  const calls = { reads: 0, appends: 0 };
  const on: EventLog = {
    append: async (...stages) => {
      calls.appends++;
      await beforeAppend();
      return log.append(...stages);
    },
    readStream: (name, from) => {
      calls.reads++;
      return log.readStream(name, from);
    },
    readAll: (options) => log.readAll(options),
    head: () => log.head(),
    subscribeAll: (options, handle) => log.subscribeAll(options, handle),
    close: () => log.close(),
  };
  return { on, calls };
}

describe('execute', () => {
  it('appends what was decided, with the meta of the caller and an id for each event', async () => {
    await add(30);
    const done = await add(20);
    expect(done).toMatchObject({ events: [{ type: 'Added', data: { amount: 20 } }], state: 50, revision: 1 });

    const stored = await log.readStream(stream);
    expect(stored).toMatchObject([{ data: { amount: 30 } }, { type: 'Added', data: { amount: 20 }, meta }]);
    expect(stored[0]?.id).not.toBe(stored[1]?.id);
    expect(done.position).toBe(stored[1]?.position);
  });

  it('appends nothing when nothing is to be done, and tells where the stream stands', async () => {
    expect(await add(0)).toEqual({ events: [], state: 0, revision: 'no-stream', position: 0 });
    const { position } = await add(30);
    expect(await add(0)).toEqual({ events: [], state: 30, revision: 0, position });
  });

  it('records nothing of a command that is refused', async () => {
    await add(90);
    await expect(add(20)).rejects.toThrow(Refused);
    expect(await total()).toBe(90);
  });

  it('decides again when somebody else wrote in between', async () => {
    let others = 2;
    const { on, calls } = disturbed(async () => {
      if (others-- > 0) await add(10);
    });
    expect(await add(5, on)).toMatchObject({ state: 25, revision: 2 });
    expect(calls.appends).toBe(3);
  });

  it('refuses when what somebody else wrote leaves no room', async () => {
    const { on } = disturbed(() => add(10));
    await expect(add(95, on)).rejects.toThrow('purse.full');
    expect(await total()).toBe(10);
  });

  it('gives up when the stream never stops moving', async () => {
    const { on } = disturbed(() => add(1));
    await expect(add(5, on)).rejects.toThrow(WrongExpectedRevision);
  });

  it('lets many at once all have their turn, none twice', async () => {
    await Promise.all(Array.from({ length: 5 }, () => add(10)));
    expect(await total()).toBe(50);
  });

  it('passes on that the outcome is not known, without trying again', async () => {
    const { on, calls } = disturbed(() => Promise.reject(new EventLogUnavailable('no answer')));
    await expect(add(5, on)).rejects.toThrow(EventLogUnavailable);
    expect(calls.appends).toBe(1);
  });

  describe('with what the caller remembers', () => {
    it('reads nothing when that is still true', async () => {
      const known = await add(30);
      const { on, calls } = disturbed();
      expect(await execute(on, purse, stream, { amount: 5 }, meta, known)).toMatchObject({ state: 35, revision: 1 });
      expect(calls).toEqual({ reads: 0, appends: 1 });
    });

    it('catches up when it is not', async () => {
      const known = await add(30);
      await add(40);
      expect(await execute(log, purse, stream, { amount: 5 }, meta, known)).toMatchObject({ state: 75, revision: 2 });
    });

    it('refuses, or does nothing, only on what the log says now', async () => {
      const full = await add(100);
      await log.append([
        { stream, expected: 0, events: [{ id: randomUUID(), type: 'Added', data: { amount: -50 }, meta }] },
      ]);
      expect(await execute(log, purse, stream, { amount: 5 }, meta, full)).toMatchObject({ state: 55 });
      expect(await execute(log, purse, stream, { amount: 0 }, meta, full)).toMatchObject({ state: 55, revision: 2 });
    });
  });
});
