import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { noFaults } from '../../../../test/support/eventstore-double/faults';
import { type EventStoreDouble, startEventStoreDouble } from '../../../../test/support/eventstore-double/start';
import { stretchWire, type Wire } from '../../../../test/support/eventstore-double/wire';
import {
  type EventLog,
  EventLogUnavailable,
  type NewEvent,
  type RecordedEvent,
  type Write,
  WrongExpectedRevision,
} from '../event-log';
import { eventLogContract } from '../event-log.contract';
import { TearingEventLog } from '../tearing-event-log';
import { EventStoreEventLog, type EventStoreEventLogOptions, type Flush } from './eventstore-event-log';

jest.setTimeout(30_000);

const support = resolve(__dirname, '../../../../test/support');
const realUrl = process.env['EVENTSTORE_URL'];

let folder: string;
let double: EventStoreDouble;
let wire: Wire;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eventstore-double-'));
  double = await startEventStoreDouble({ file: join(folder, 'events') });
  wire = await stretchWire(double.url);
});

afterAll(async () => {
  await wire.close();
  await double.stop();
  await rm(folder, { recursive: true });
});

async function runWriters(url: string, prefix: string, appends: number, seed: number): Promise<readonly string[]> {
  const script = resolve(support, 'eventstore-double/writers.ts');
  const child = fork(script, [url, prefix, String(appends), String(seed)], {
    execArgv: ['-r', resolve(support, 'register-typescript.cjs')],
  });
  const ended = once(child, 'exit');
  const [ids]: unknown[] = await Promise.race([once(child, 'message'), ended]);
  await ended;
  if (!Array.isArray(ids)) throw new Error('the writers failed');
  return ids.map(String);
}

function contractOn(name: string, wireTo: () => Wire, as: (log: EventLog) => EventLog = (log) => log): void {
  eventLogContract(name, () => ({
    open: () => as(new EventStoreEventLog({ url: wireTo().url })),
    runWriters: (prefix, appends, seed) => runWriters(wireTo().url, prefix, appends, seed),
    dropConnections: () => {
      wireTo().cut();
      return Promise.resolve();
    },
  }));
}

contractOn('EventStoreDB (its double)', () => wire);

contractOn(
  'EventStoreDB (its double) with its multi-writes torn apart',
  () => wire,
  (log) => new TearingEventLog(log),
);

if (realUrl === undefined) {
  it.skip('EventStoreDB (a real node): needs EVENTSTORE_URL, one node without TLS', () => undefined);
} else {
  let realWire: Wire;
  beforeAll(async () => {
    realWire = await stretchWire(realUrl);
  });
  afterAll(() => realWire.close());
  contractOn('EventStoreDB (a real node)', () => realWire);
}

const newEvent = (data: object = {}): NewEvent => ({
  id: randomUUID(),
  type: 'Happened',
  data,
  meta: { userId: 'u', accountId: 'a', correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 },
});
const newWrite = (stream = `order-${randomUUID()}`): Write => ({
  stream,
  expected: 'no-stream',
  events: [newEvent(), newEvent()],
});
const idsOf = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);

describe('the EventStoreDB event log', () => {
  const opened: EventLog[] = [];
  const open = (options: Partial<EventStoreEventLogOptions> = {}): EventStoreEventLog => {
    const log = new EventStoreEventLog({ url: wire.url, ...options });
    opened.push(log);
    return log;
  };
  const impatient = { appendTimeoutMs: 500, readTimeoutMs: 500 };

  const until = async (isTrue: () => boolean): Promise<void> => {
    for (const giveUpAt = Date.now() + 20_000; !isTrue();) {
      if (Date.now() > giveUpAt) throw new Error('waited in vain');
      await sleep(5);
    }
  };

  /** Appends, again and again while nobody answers, as a caller does. */
  const appendUntilStored = async (log: EventLog, write: Write): Promise<void> => {
    for (const giveUpAt = Date.now() + 20_000; ;) {
      try {
        await log.append([write]);
        return;
      } catch (error) {
        if (!(error instanceof EventLogUnavailable) || Date.now() > giveUpAt) throw error;
        await sleep(20);
      }
    }
  };

  /** What a subscription has handed over so far. */
  const follow = (log: EventLog, after: number, streamPrefixes: readonly string[] = []) => {
    const received: RecordedEvent[] = [];
    const following = {
      received,
      next: after,
      subscription: log.subscribeAll({ after, streamPrefixes }, (events, next) => {
        received.push(...events);
        following.next = next;
        return Promise.resolve();
      }),
    };
    return following;
  };

  afterEach(async () => {
    wire.swallow(false);
    await double.faults(noFaults);
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });

  describe('when the server does not answer', () => {
    it('gives an append up after its deadline, and the repetition is stored once', async () => {
      const log = open(impatient);
      const write = newWrite();
      await log.append([newWrite()]);
      await double.faults({ blackhole: true });
      await expect(log.append([write])).rejects.toThrow(EventLogUnavailable);
      await expect(log.head()).rejects.toThrow(EventLogUnavailable);
      await expect(log.readStream(write.stream)).rejects.toThrow(EventLogUnavailable);
      await double.faults({ blackhole: false });

      expect(await log.readStream(write.stream)).toEqual([]);
      const { position } = await log.append([write]);
      expect(await log.append([write])).toEqual({ position });
      expect(idsOf(await log.readStream(write.stream))).toEqual(idsOf(write.events));
    });

    it('gives up in time when the network swallows everything, and has a connection when it is back', async () => {
      const log = open(impatient);
      const write = newWrite();
      await log.append([newWrite()]);
      wire.swallow(true);
      const outcomes = await Promise.allSettled([log.append([write]), log.append([newWrite()]), log.head()]);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(EventLogUnavailable) as unknown });
      }
      wire.swallow(false);
      await log.append([write]);
      expect(await log.readStream(write.stream)).toHaveLength(2);
    });

    it('leaves the appends of another log in the same process alone', async () => {
      const [silent, other] = [open(impatient), open({ url: double.url })];
      await Promise.all([silent.append([newWrite()]), other.append([newWrite()])]);
      wire.swallow(true);
      const failing = expect(silent.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
      const writes = Array.from({ length: 50 }, () => newWrite());
      for (const write of writes) await other.append([write]);
      await failing;
      await double.faults({ delayMs: 300 }); // under way on one while the other one is cut
      const appending = other.append([newWrite()]);
      wire.cut();
      await appending;
    });

    it('does not mind an answer that comes too late', async () => {
      const log = open({ appendTimeoutMs: 300 });
      const late = newWrite();
      await double.faults({ delayMs: 600 });
      await expect(log.append([late])).rejects.toThrow(EventLogUnavailable);
      await double.faults({ delayMs: 0 });
      await log.append([late]);
      await sleep(600);
      await log.append([newWrite()]);
      expect(await log.readStream(late.stream)).toHaveLength(2);
    });

    it('calls an append unknown whose connection breaks after it was stored, and the repetition is a success', async () => {
      const log = open();
      const write = newWrite();
      await double.faults({ dropAfterCommit: 1 });
      await expect(log.append([write])).rejects.toThrow(EventLogUnavailable);
      const { position } = await log.append([write]);
      const stored = await log.readStream(write.stream);
      expect(idsOf(stored)).toEqual(idsOf(write.events));
      expect(stored.at(-1)?.position).toBe(position);
    });

    it('leaves only the earlier stages of an append that is torn, and the repetition completes it', async () => {
      const log = open();
      const [first, second, third] = [newWrite(), newWrite(), newWrite()];
      await double.faults({ dropAfterCommit: 2 });
      await expect(log.append([first, second], [third])).rejects.toThrow(EventLogUnavailable);
      await double.faults(noFaults);
      const lengths = async (): Promise<number[]> =>
        Promise.all([first, second, third].map(async ({ stream }) => (await log.readStream(stream)).length));
      expect(await lengths()).toEqual([2, 2, 0]);
      await log.append([first, second], [third]);
      expect(await lengths()).toEqual([2, 2, 2]);
    });

    it('is unknown as a whole when one write of a stage was refused and another one is unknown', async () => {
      const log = open();
      const taken = newWrite();
      await log.append([taken]);
      await expect(log.append([newWrite(taken.stream), newWrite()])).rejects.toThrow(WrongExpectedRevision);
      await double.faults({ dropAfterCommit: 1 });
      await expect(log.append([newWrite(taken.stream), newWrite()])).rejects.toThrow(EventLogUnavailable);
    });

    it('is unavailable while the server is not ready, and back when it is', async () => {
      const log = open();
      await double.faults({ unavailable: true });
      await expect(log.append([newWrite()])).rejects.toThrow(/Server Is Not Ready/);
      await expect(log.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
      await expect(log.head()).rejects.toThrow(EventLogUnavailable);
      await double.faults({ unavailable: false });
      await log.append([newWrite()]);
    });

    it('refuses at once when nobody listens', async () => {
      const log = open({ url: 'esdb://127.0.0.1:1?tls=false' });
      await expect(log.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
      await expect(log.head()).rejects.toThrow(/ECONNREFUSED/);
    });
  });

  describe('when another node leads', () => {
    let leader: EventStoreDouble;

    beforeAll(async () => {
      leader = await startEventStoreDouble();
    });

    afterAll(() => leader.stop());

    it.each(['append', 'read'])('goes to it after an %s was refused, and comes back when it is gone', async (kind) => {
      await leader.restart();
      const log = open({ url: double.url });
      const there = open({ url: leader.url });
      const write = newWrite();
      await double.faults({ notLeader: { host: '127.0.0.1', port: leader.port } });
      const call = kind === 'append' ? log.append([write]) : log.head();
      await expect(call).rejects.toThrow(EventLogUnavailable);
      await log.append([write]);
      expect(await there.readStream(write.stream)).toHaveLength(2);

      await leader.kill();
      await double.faults({ notLeader: null });
      const here = newWrite();
      await appendUntilStored(log, here);
      expect(await open({ url: double.url }).readStream(here.stream)).toHaveLength(2);
    });

    it('finds the leader of a cluster of which a node is down', async () => {
      const log = open({ url: `esdb://127.0.0.1:1,127.0.0.1:${String(double.port)}?tls=false` });
      const write = newWrite();
      await log.append([write]);
      expect(await log.readStream(write.stream)).toHaveLength(2);
    });

    it('is unavailable when no node of a cluster answers', async () => {
      const log = open({ url: 'esdb://127.0.0.1:1,127.0.0.1:2?tls=false' });
      await expect(log.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
      await expect(log.head()).rejects.toThrow('no node of the event store answers');
    });
  });

  describe('follows the log', () => {
    it('over a server that is killed and started again, each event once', async () => {
      const log = open();
      const prefix = `restart-${randomUUID()}-`;
      const after = await log.head();
      const everything = follow(log, after);
      const filtered = follow(log, after, [prefix]);
      const given: string[] = [];
      const write = async (): Promise<void> => {
        const next = newWrite(prefix + randomUUID());
        await appendUntilStored(log, next);
        given.push(...idsOf(next.events));
      };
      for (let round = 0; round < 3; round++) {
        const writing = Array.from({ length: 30 }, write);
        await write();
        await double.restart();
        await Promise.all(writing);
      }
      await until(() => everything.received.length >= given.length && filtered.received.length >= given.length);
      await log.append([newWrite(`other-${randomUUID()}`)]); // nothing comes twice behind it
      await until(() => everything.received.length >= given.length + 2);
      expect(idsOf(filtered.received).sort()).toEqual(given.sort());
      expect(idsOf(everything.received.slice(0, -2)).sort()).toEqual(given);
      const positions = everything.received.map(({ position }) => position);
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
    });

    it('when its subscription goes silent: notices, says so and takes a new one', async () => {
      const warnings: string[] = [];
      const logger = { warn: (_: object, message: string) => warnings.push(message) };
      const log = open({ logger });
      const following = follow(log, await log.head());
      await log.append([newWrite()]);
      await until(() => following.received.length === 2);
      await double.faults({ silentSubscriptions: true });
      const write = newWrite();
      await log.append([write]);
      await until(() => warnings.includes('a subscription waits for the event log'));
      expect(following.received).toHaveLength(2);
      await double.faults({ silentSubscriptions: false });
      await until(() => following.received.length === 4);
      expect(idsOf(following.received.slice(2))).toEqual(idsOf(write.events));
    });

    it('when the network swallows everything for a while', async () => {
      const warnings: string[] = [];
      const logger = { warn: (_: object, message: string) => warnings.push(message) };
      const log = open({ ...impatient, logger });
      const following = follow(log, await log.head());
      await log.append([newWrite()]);
      await until(() => following.received.length === 2);
      wire.swallow(true);
      await open({ url: double.url }).append([newWrite()]);
      await until(() => warnings.includes('a subscription waits for the event log'));
      wire.swallow(false);
      await until(() => following.received.length === 4);
    });

    it('on a server that does not tell when all stored events have come', async () => {
      const log = open();
      const prefix = `old-${randomUUID()}-`;
      await double.faults({ neverCaughtUp: true });
      const after = await log.head();
      await log.append([newWrite(`${prefix}1`)]);
      const following = follow(log, after, [prefix]);
      await until(() => following.received.length === 2);
      await log.append([newWrite(`${prefix}2`)]);
      await until(() => following.received.length === 4);
    });

    it('while a slow handler holds it up, without piling everything up', async () => {
      const log = open();
      const after = await log.head();
      const writes = Array.from({ length: 200 }, () => newWrite());
      await Promise.all(writes.map((write) => log.append([write])));
      const seen: number[] = [];
      const subscription = log.subscribeAll({ after, batchSize: 30 }, async (events) => {
        await sleep(2);
        seen.push(...events.map(({ position }) => position));
      });
      await until(() => seen.length === 400);
      await subscription.close();
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    });
  });

  describe('reads', () => {
    it('nothing of what the server writes for itself', async () => {
      const log = open();
      const before = await log.head();
      for (let n = 0; n < 30; n++) await log.append([newWrite()]);
      const raw = EventStoreDBClient.connectionString(double.url);
      const types = new Set<string>();
      for await (const { event } of raw.readAll()) types.add(event?.type ?? '');
      await raw.dispose();
      expect(types).toContain('$statsCollected');

      const { events } = await log.readAll({ after: before, limit: 1_000 });
      expect(events).toHaveLength(60);
      expect(await log.head()).toBe(events.at(-1)?.position);
    });

    it('on, however long the server would search for what is asked for', async () => {
      const log = open({ readTimeoutMs: 1_000 });
      const prefix = `rare-${randomUUID()}-`;
      const before = await log.head();
      for (let n = 0; n < 20; n++) await log.append([newWrite()]);
      await log.append([newWrite(`${prefix}1`)]);
      await log.append([newWrite(`${prefix}2`)]);
      await log.append([newWrite()]);
      await double.faults({ endlessSearch: true });
      const found: number[] = [];
      for (let after = before, atEnd = false; !atEnd;) {
        const page = await log.readAll({ after, limit: 3, streamPrefixes: [prefix] });
        found.push(...page.events.map(({ revision }) => revision));
        ({ next: after, atEnd } = page);
      }
      expect(found).toEqual([0, 1, 0, 1]);
    });

    /** As somebody does in the server's own pages. */
    const appendOdd = async (stream: string): Promise<number> => {
      const raw = EventStoreDBClient.connectionString(double.url);
      const { position } = await raw.appendToStream(stream, jsonEvent({ type: 'Odd', data: {} }));
      await raw.dispose();
      return Number(position?.commit);
    };

    it('past what somebody else wrote, and says so once', async () => {
      const told: [object, string][] = [];
      const log = open({ logger: { warn: (details, message) => told.push([details, message]) } });
      const before = await log.head();
      const prefix = `odd-${randomUUID()}-`;
      const first = await appendOdd(`${prefix}1`);
      expect(await log.head()).toBe(first);
      expect(await log.readAll({ after: before, limit: 5 })).toEqual({ events: [], next: first, atEnd: true });
      const following = follow(log, before);
      await until(() => following.next === first);

      const write = newWrite();
      await log.append([write]);
      const last = await appendOdd(`${prefix}2`);
      await until(() => following.next === last);
      expect(idsOf(following.received)).toEqual(idsOf(write.events));
      const page = await log.readAll({ after: before, limit: 2 });
      expect(page).toMatchObject({ events: [{ id: write.events[0]?.id }], atEnd: false });
      const { events, next } = await log.readAll({ after: page.next, limit: 10 });
      expect([idsOf(events), next]).toEqual([idsOf(write.events.slice(1)), last]);
      const ofPrefix = await log.readAll({ after: before, limit: 10, streamPrefixes: [prefix] });
      expect(ofPrefix).toEqual({ events: [], next: last, atEnd: true });
      const message = 'this position of the log does not hold an event of ours and is passed over';
      expect(told).toEqual([first, last].map((position) => [{ position }, message]));
    });

    it('and says so when somebody else wrote into a stream of ours', async () => {
      const log = open();
      const write = newWrite();
      await log.append([write]);
      const position = await appendOdd(write.stream);
      await expect(log.readStream(write.stream)).rejects.toThrow(
        `position ${String(position)} of the log does not hold an event`,
      );
    });

    it('past it when only a look at the log itself finds it', async () => {
      const log = open();
      const before = await log.head();
      const stretches: number[] = [];
      await double.faults({ silentSubscriptions: true });
      const subscription = log.subscribeAll({ after: before }, (_, next) => {
        stretches.push(next);
        return Promise.resolve();
      });
      const odd = [await appendOdd(`odd-${randomUUID()}`), await appendOdd(`odd-${randomUUID()}`)];
      await until(() => stretches.at(-1) === odd.at(-1));
      await subscription.close();
      expect(stretches).toEqual(odd);
    });
  });

  describe('writes', () => {
    it('and looks up where, when the server does not tell', async () => {
      const log = open();
      const write = newWrite();
      await double.faults({ hidePositions: true });
      const { position } = await log.append([write]);
      expect((await log.readStream(write.stream)).at(-1)?.position).toBe(position);
    });

    it('what takes several messages, whole', async () => {
      const log = open();
      const text = 'x'.repeat(90_000);
      const stream = `large-${randomUUID()}`;
      const events = Array.from({ length: 10 }, (_, n) => newEvent({ n, text }));
      await log.append([{ stream, expected: 'no-stream', events }]);
      expect((await log.readStream(stream)).map(({ data }) => data)).toEqual(events.map(({ data }) => data));
    });

    it('nothing that is larger than the server takes', async () => {
      const log = open();
      const stream = `large-${randomUUID()}`;
      const events = Array.from({ length: 20 }, () => newEvent({ text: 'x'.repeat(90_000) }));
      await expect(log.append([{ stream, expected: 'no-stream', events }])).rejects.toThrow(TypeError);
      expect(await log.readStream(stream)).toEqual([]);
    });

    it.each([
      ['stream', (write: Write) => ({ ...write, stream: '$mine' })],
      ['type', (write: Write) => ({ ...write, events: [{ ...newEvent(), type: '$Mine' }] })],
    ])('no %s whose name belongs to the server', async (_what, spoil) => {
      const log = open();
      const good = newWrite();
      await expect(log.append([good, spoil(newWrite())])).rejects.toThrow(TypeError);
      await expect(log.readAll({ after: 0, limit: 1, streamPrefixes: ['$'] })).rejects.toThrow(TypeError);
      expect(await log.readStream(good.stream)).toEqual([]);
    });

    it('and counts each for the metrics', async () => {
      const flushes: Flush[] = [];
      const log = open({ onFlush: (flush) => flushes.push(flush), ...impatient });
      await log.append([newWrite()]);
      await double.faults({ blackhole: true });
      await expect(log.append([newWrite()])).rejects.toThrow(EventLogUnavailable);
      const flush = { appends: 1, events: 2, durationMs: expect.any(Number) as number };
      expect(flushes).toEqual([
        { ...flush, failed: false },
        { ...flush, failed: true },
      ]);
    });
  });

  it('hangs up when it is closed', async () => {
    const log = open();
    await log.append([newWrite()]);
    const { subscription } = follow(log, 0);
    expect(wire.connections).toBeGreaterThan(0);
    await log.close();
    await subscription.ended;
    await until(() => wire.connections === 0);
  });

  it.each(['follower', 'random', 'read_only_replica'])('is not opened to ask a %s: it may be behind', (node) => {
    const url = `esdb://user:secret@127.0.0.1:2113?nodePreference=${node}`;
    const opening = (): EventLog => new EventStoreEventLog({ url });
    expect(opening).toThrow(
      new TypeError('only the leader of the event store is asked: leave nodePreference out of its connection string'),
    );
    expect(() => new EventStoreEventLog({ url: 'esdb://127.0.0.1:2113?nodePreference=leader' })).not.toThrow();
  });

  it.each(['', 'http://user:secret@127.0.0.1', 'esdb://user:secret@', 'esdb://user:secret@host:port'])(
    'is not opened with %p for a connection string, and keeps what stands in it to itself',
    (url) => {
      const opening = (): EventLog => new EventStoreEventLog({ url });
      expect(opening).toThrow(/not a connection string/);
      expect(opening).not.toThrow(/secret/);
    },
  );
});
