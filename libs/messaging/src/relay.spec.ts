import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import type { EventLog } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { append, eventsAfter, until } from './feed.contract';
import { silent } from './quiet.contract';
import {
  type Channel,
  type Leadership,
  type LogPage,
  Relay,
  type RelayCheckpoint,
  type RelayOptions,
  StaleLeader,
  TopicMadeAnew,
} from './relay';

jest.setTimeout(60_000);

/** A topic in memory. */
class Topic {
  readonly pages: LogPage[] = [];
  isNew = false;
  isIntact = true;
  opened = 0;
  closed = 0;
  /** What is to happen to the next pages, before they are stored. */
  readonly mishaps: (() => Promise<void>)[] = [];

  open = (): Promise<Channel> => {
    this.opened += 1;
    return Promise.resolve({
      isNew: this.isNew,
      publish: async (page) => {
        await this.mishaps.shift()?.();
        this.isNew = false;
        this.pages.push(page);
      },
      isIntact: () => Promise.resolve(this.isIntact),
      close: () => {
        this.closed += 1;
        return Promise.resolve();
      },
    });
  };

  get ids(): string[] {
    return this.pages.flatMap(({ events }) => events.map(({ id }) => id));
  }
}

class Checkpoint implements RelayCheckpoint {
  position = 0;
  token = 0;
  failures = 0;

  take = (token: number): Promise<number> => this.as(token, () => undefined);
  save = async (position: number, token: number): Promise<void> => {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('no database');
    }
    await this.as(token, () => (this.position = position));
  };

  private as(token: number, write: () => void): Promise<number> {
    if (token < this.token) return Promise.reject(new StaleLeader(token));
    this.token = token;
    write();
    return Promise.resolve(this.position);
  }
}

describe('the relay', () => {
  let database: TestDatabase;
  let log: EventLog;
  let topic: Topic;
  let checkpoint: Checkpoint;
  let relays: Relay[];

  const start = (options: Partial<RelayOptions> = {}): Relay => {
    const relay = new Relay({
      log,
      publish: topic.open,
      checkpoint,
      lead: () => Promise.resolve(leadership(1)),
      logger: silent,
      now: Date.now,
      ...options,
    });
    relays.push(relay);
    relay.start();
    return relay;
  };
  const leadership = (token: number, isHeld = () => true, lost = new AbortController().signal): Leadership => ({
    token,
    isHeld,
    lost,
  });
  const published = async (): Promise<void> => {
    const head = await log.head();
    await until('everything is published', () => checkpoint.position === head);
  };
  const recordedIds = async (): Promise<string[]> => (await eventsAfter(log, 0)).map(({ id }) => id);

  beforeAll(async () => {
    database = await createTestDatabase([EventLog1767225600000]);
    log = new PostgresEventLog({ url: database.url });
    for (let n = 0; n < 5; n += 1) await append(log, `account-${String(n)}`, 3);
  });

  afterAll(async () => {
    await log.close();
    await database.drop();
  });

  beforeEach(() => {
    topic = new Topic();
    checkpoint = new Checkpoint();
    relays = [];
  });

  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    expect(topic.closed).toBe(topic.opened); // nothing stays open
  });

  it('publishes the log in order, in pages that join, and saves how far it has come', async () => {
    start();
    await published();
    await append(log, 'account-1', 2);
    await published();
    expect(topic.ids).toEqual(await recordedIds());
    let at = 0;
    for (const page of topic.pages) {
      expect(page.after).toBe(at);
      at = page.next;
    }
  });

  it('goes on from its checkpoint', async () => {
    checkpoint.position = 7;
    start();
    await published();
    expect(topic.ids).toEqual((await recordedIds()).slice(7));
    expect(topic.pages[0]?.after).toBe(7);
  });

  it.each<[string, (topic: Topic, checkpoint: Checkpoint) => void]>([
    ['the topic does not take it', ({ mishaps }) => mishaps.push(() => Promise.reject(new Error('no Kafka')))],
    ['its checkpoint cannot be saved', (_, saved) => (saved.failures = 1)],
  ])('publishes a page again when %s, over a new channel', async (_what, arrange) => {
    arrange(topic, checkpoint);
    start();
    await published();
    expect(topic.opened).toBe(2);
    const ids = await recordedIds();
    expect([...new Set(topic.ids)]).toEqual(ids);
    expect(topic.ids.slice(-ids.length)).toEqual(ids);
  });

  it('is not ready while it fails, and is again when a page got through', async () => {
    let works = false;
    const relay = start({ publish: () => (works ? topic.open() : Promise.reject(new Error('no Kafka'))) });
    const isReady = (): boolean => {
      try {
        relay.check();
        return true;
      } catch {
        return false;
      }
    };
    expect(isReady()).toBe(true);
    await until('it is not ready', () => !isReady());
    works = true;
    await until('it is ready', isReady);
    await published();
  });

  it('is ready when it has lost its lead while it failed, and says no more how far behind it is', async () => {
    let isHeld = true;
    const leads = [leadership(1, () => isHeld)];
    const behind: number[] = [];
    const relay = start({
      publish: () => Promise.reject(new Error('no Kafka')),
      lead: (signal) => {
        const [first] = leads;
        if (first && isHeld) return Promise.resolve(first);
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('stopped'));
          });
        });
      },
      onProgress: ({ lagPositions = 0 }) => behind.push(lagPositions),
    });
    const isReady = (): boolean => {
      try {
        relay.check();
        return true;
      } catch {
        return false;
      }
    };
    await until('it is not ready', () => !isReady());
    await until('it tells how far behind it is', () => behind.length > 0);
    isHeld = false;
    await until('it is ready', isReady);
    const told = behind.length;
    await sleep(2_500); // twice as long as it takes to tell
    expect(behind.length - told).toBeLessThanOrEqual(1); // the one in hand
  });

  it('publishes everything again to a topic that is new', async () => {
    checkpoint.position = await log.head();
    topic.isNew = true;
    start();
    await until('everything is there', () => topic.pages.length > 0 && !topic.isNew);
    await until('it is', async () => topic.ids.length === (await recordedIds()).length);
    expect(topic.ids).toEqual(await recordedIds());
  });

  it('publishes everything again when the topic turns out to have been made anew, also after a crash', async () => {
    const head = await log.head();
    checkpoint.position = head;
    topic.mishaps.push(
      () => Promise.reject(new TopicMadeAnew('coordinator.events')),
      () => Promise.reject(new Error('and then it crashed')),
    );
    start();
    await until('everything is there', async () => topic.ids.length >= (await recordedIds()).length);
    expect(topic.ids).toEqual(await recordedIds());
  });

  it('does nothing until it leads', async () => {
    let lead = (): void => undefined;
    const leading = new Promise<Leadership>((resolve) => (lead = () => resolve(leadership(1))));
    const told: boolean[] = [];
    start({ lead: () => leading, onLeading: (isLeading) => told.push(isLeading) });
    await append(log, 'account-2');
    expect([topic.opened, told.length]).toEqual([0, 0]);
    lead();
    await published();
    expect(told).toEqual([true]);
  });

  it('stops when its lead is lost, after the page in hand, and waits for its turn', async () => {
    const lost = new AbortController();
    let asked = 0;
    const told: boolean[] = [];
    const relay = start({
      lead: (signal) => {
        asked += 1;
        if (asked === 1) return Promise.resolve(leadership(1, () => !lost.signal.aborted, lost.signal));
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('stopped'));
          });
        });
      },
      onLeading: (isLeading) => told.push(isLeading),
    });
    await published();
    lost.abort();
    await until('it asks again', () => asked === 2);
    const before = topic.pages.length;
    await append(log, 'account-3');
    expect(told).toEqual([true, false]);
    expect(topic.closed).toBe(1);
    await relay.stop();
    expect(topic.pages).toHaveLength(before);
  });

  it('says nothing of a lag any more when its lead was lost while it asked the log', async () => {
    let held = true;
    let asked = 0;
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const slow = Object.create(log) as EventLog;
    slow.head = async () => {
      asked += 1;
      await answered;
      return log.head();
    };
    const lags: unknown[] = [];
    const relay = start({
      log: slow,
      lead: () => Promise.resolve(leadership(1, () => held)),
      onProgress: ({ lagPositions }) => {
        if (lagPositions !== undefined) lags.push(lagPositions);
      },
    });
    await until('it asks', () => asked > 0);
    held = false;
    answer();
    await relay.stop();
    expect(lags).toEqual([]);
  });

  it('names the token that it writes with in a field that the log shows', async () => {
    const lines = new Map<string, object>();
    start({ logger: { ...silent, info: (details, message) => lines.set(message, details) } });
    await published();
    expect(lines.get('the relay begins')).toEqual({ position: 0, fencingToken: 1 });
  });

  it('sends nothing when it finds that it holds the lead no more', async () => {
    let held = true;
    let asked = 0;
    start({
      lead: () => {
        asked += 1;
        return Promise.resolve(leadership(1, () => held));
      },
    });
    await published();
    held = false;
    const before = topic.ids.length;
    await append(log, 'account-4');
    await until('it has noticed', () => asked >= 2);
    expect(topic.ids).toHaveLength(before);
    held = true;
    await published();
    expect(new Set(topic.ids)).toEqual(new Set(await recordedIds()));
  });

  it('leaves the checkpoint to the one who took over while it slept in the midst of a page', async () => {
    let wake = (): void => undefined;
    let sleeps = false;
    topic.mishaps.push(() => {
      sleeps = true;
      return new Promise((resolve) => (wake = resolve));
    });
    let asked = 0;
    const sleeper = start({
      lead: () => {
        asked += 1;
        return Promise.resolve(leadership(1));
      },
    });
    await until('the first sleeps', () => sleeps);
    start({ lead: () => Promise.resolve(leadership(2)) });
    await published();
    const saved = checkpoint.position;
    wake();
    await until('the first has noticed', () => asked >= 2);
    expect(checkpoint).toMatchObject({ position: saved, token: 2 });
    await sleeper.stop();
  });

  it('tells how far behind it is, and what it published', async () => {
    const told: { position: number; published: number; lagPositions?: number; lagSeconds: number }[] = [];
    const now = 1_767_225_600_000 + 5_000; // five seconds after what the specs append
    start({ onProgress: (progress) => told.push(progress), now: () => now });
    await published();
    await until('it was measured', () => told.some(({ lagPositions }) => lagPositions === 0));
    expect(told.reduce((sum, progress) => sum + progress.published, 0)).toBe((await recordedIds()).length);
    expect(Math.max(...told.map(({ lagSeconds }) => lagSeconds))).toBe(5);
    expect(told.find(({ lagPositions }) => lagPositions === 0)?.lagSeconds).toBe(0);
  });

  it('can be stopped before it leads, twice, and before it was started', async () => {
    const relay = start({
      lead: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('stopped'));
          });
        }),
    });
    await relay.stop();
    await relay.stop();
    await new Relay({
      log,
      publish: topic.open,
      checkpoint,
      lead: () => Promise.reject(new Error('unused')),
      logger: silent,
      now: Date.now,
    }).stop();
  });

  it('starts over when the topic was deleted in a quiet hour', async () => {
    start();
    await published();
    topic.isIntact = false;
    await until('it opens another channel', () => topic.opened > 1);
    topic.isIntact = true;
    await append(log, 'account-0');
    await published();
    expect(new Set(topic.ids)).toEqual(new Set(await recordedIds()));
  });
});
