/**
 * What every event feed must do, as specs. An adapter's own spec calls `feedContract` with a way to make one; nothing in
 * here knows what is behind it.
 */
import { randomUUID } from 'node:crypto';
import type { EventLog, RecordedEvent, Subscription, Write } from '#event-log/event-log';
import type { EventFeed, FeedPage } from './feed';

/** A transport that carries what is appended to the log. */
export interface FeedSubject {
  /** One more feed of the same consumers, as another process would have it. The contract closes it. */
  open(): Promise<EventFeed>;
  /** Ends what carries the events to the feeds. */
  close(): Promise<void>;
}

/** Waits for a condition; a deadline far beyond what it takes says what was missing. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  for (const endMs = Date.now() + timeoutMs; !(await isTrue());) {
    if (Date.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Appends `count` events of one account to a new stream; returns their ids. */
export async function append(log: EventLog, accountId: string, count = 1): Promise<string[]> {
  const write: Write = {
    stream: `order-${randomUUID()}`,
    expected: 'no-stream',
    events: Array.from({ length: count }, (_, n) => ({
      id: randomUUID(),
      type: 'Happened',
      data: { n },
      meta: {
        userId: 'u-1',
        accountId,
        correlationId: 'c-1',
        causationId: 'c-0',
        at: 1_767_225_600_000 + n,
        schemaVersion: 1,
      },
    })),
  };
  await log.append([write]);
  return write.events.map(({ id }) => id);
}

/** All events after a position, as the log has them. */
export async function eventsAfter(log: EventLog, position: number): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (let after = position; ;) {
    const page = await log.readAll({ after, limit: 1_000 });
    events.push(...page.events);
    after = page.next;
    if (page.atEnd) return events;
  }
}

/**
 * A read model as projectors keep one: a page and the new position in one step, what was seen is ignored, and what the
 * transport has lost is read from the log.
 */
export class Model {
  /** In the order in which they took effect. */
  readonly effects: RecordedEvent[] = [];
  readonly pages: FeedPage[] = [];
  /** Pages that began beyond where the model stood. */
  readonly gaps: FeedPage[] = [];
  private readonly positions = new Map<number, number>();
  private readonly busy = new Set<number>();

  constructor(
    private readonly log: EventLog,
    private readonly start: number,
  ) {}

  positionOf = (partition: number): Promise<number> => Promise.resolve(this.at(partition));

  at(partition: number): number {
    return this.positions.get(partition) ?? this.start;
  }

  follow(feed: EventFeed, before: (page: FeedPage) => Promise<void> = () => Promise.resolve()): Subscription {
    return feed.subscribe(this.positionOf, async (page) => {
      await before(page);
      await this.take(page, feed);
    });
  }

  async take(page: FeedPage, feed: EventFeed): Promise<void> {
    const { partition, after, next, events } = page;
    this.pages.push(page);
    let missed: RecordedEvent[] = [];
    const from = this.at(partition);
    if (after > from) {
      this.gaps.push(page);
      missed = (await eventsAfter(this.log, from)).filter(
        ({ position, meta }) => position <= after && feed.partitionOf(meta.accountId) === partition,
      );
    }
    if (this.at(partition) !== from) return; // another consumer was faster
    this.effects.push(...missed, ...events.filter(({ position }) => position > Math.max(from, after)));
    this.positions.set(partition, Math.max(from, next));
  }

  /** Every partition stands at `position` or beyond. */
  hasReached(position: number, feed: EventFeed): boolean {
    return Array.from({ length: feed.partitions }, (_, partition) => this.at(partition)).every((at) => at >= position);
  }

  /** Wraps a handler so that it notices when a partition is handled twice at once. */
  oneAtATime(handle: (page: FeedPage) => Promise<void>): (page: FeedPage) => Promise<void> {
    return async (page) => {
      if (this.busy.has(page.partition)) this.overlaps += 1;
      this.busy.add(page.partition);
      try {
        await handle(page);
      } finally {
        this.busy.delete(page.partition);
      }
    };
  }

  overlaps = 0;
}

/** What took effect is what was recorded: each event once, and those of one account in the order of the log. */
export async function expectSameAsLog(model: Model, log: EventLog, after: number): Promise<void> {
  const recorded = await eventsAfter(log, after);
  const byAccount = (events: readonly RecordedEvent[]): Record<string, RecordedEvent[]> => {
    const accounts: Record<string, RecordedEvent[]> = {};
    for (const event of events) (accounts[event.meta.accountId] ??= []).push(event);
    return accounts;
  };
  expect(model.effects).toHaveLength(recorded.length);
  expect(byAccount(model.effects)).toEqual(byAccount(recorded));
}

export function feedContract(name: string, logOf: () => EventLog, makeSubject: () => Promise<FeedSubject>): void {
  describe(`${name}, as an event feed,`, () => {
    let log: EventLog;
    let subject: FeedSubject;
    let feed: EventFeed;
    let start: number;
    let model: Model;
    let opened: EventFeed[];

    const open = async (): Promise<EventFeed> => {
      const another = await subject.open();
      opened.push(another);
      return another;
    };
    const accounts = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
    const appendEverywhere = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        await Promise.all(accounts(30).map((accountId) => append(log, accountId, 2)));
      }
    };
    const caughtUp = async (): Promise<void> => {
      const head = await log.head();
      await until('every partition has reached the head of the log', () => model.hasReached(head, feed));
    };

    beforeEach(async () => {
      log = logOf();
      opened = [];
      start = await log.head();
      model = new Model(log, start);
      subject = await makeSubject();
      feed = await open();
    });

    afterEach(async () => {
      await Promise.all(opened.map((each) => each.close()));
      await subject.close();
    });

    it('brings everything that is appended, before and after, once in effect and each account in order', async () => {
      await appendEverywhere(2);
      model.follow(feed);
      const [accountId = ''] = accounts(1);
      for (let n = 0; n < 10; n += 1) await append(log, accountId, 3);
      await appendEverywhere(2);
      await caughtUp();
      await expectSameAsLog(model, log, start);
      expect(model.gaps).toEqual([]);
    });

    it('hands over pages that join, of one partition one at a time', async () => {
      const handle = model.oneAtATime(async (page) => {
        await new Promise((resolve) => setTimeout(resolve, 3));
        await model.take(page, feed);
      });
      feed.subscribe(model.positionOf, handle);
      await appendEverywhere(5);
      await caughtUp();
      expect(model.overlaps).toBe(0);
      for (let partition = 0; partition < feed.partitions; partition += 1) {
        let at = start;
        for (const page of model.pages.filter((each) => each.partition === partition)) {
          expect(page.after).toBe(at);
          expect(page.next).toBeGreaterThanOrEqual(page.events.at(-1)?.position ?? page.after);
          expect(page.events.every(({ position }) => position > page.after)).toBe(true);
          expect(page.events.every(({ meta }) => feed.partitionOf(meta.accountId) === partition)).toBe(true);
          at = page.next;
        }
      }
    });

    it('resumes where the consumer stands', async () => {
      const first = model.follow(feed);
      await appendEverywhere(2);
      await caughtUp();
      await first.close();
      await first.ended;
      await feed.close();
      await appendEverywhere(2);

      feed = await open();
      model.follow(feed);
      await appendEverywhere(1);
      await caughtUp();
      await expectSameAsLog(model, log, start);
    });

    it('reads on from the log where it is behind of what the consumer has already', async () => {
      await appendEverywhere(1);
      const known = await log.head();
      model = new Model(log, known);
      model.follow(feed);
      await appendEverywhere(1);
      await caughtUp();
      await expectSameAsLog(model, log, known);
    });

    it('hands a page over again until it is taken, and nothing of that partition before', async () => {
      const [unlucky = ''] = accounts(1);
      const partition = feed.partitionOf(unlucky);
      let refusals = 0;
      const afters = new Set<number>();
      const arrivedMeanwhile = new Set<number>();
      model.follow(feed, async (page) => {
        const isUnlucky = page.events.some(({ meta }) => meta.accountId === unlucky);
        if (isUnlucky && refusals < 4) {
          refusals += 1;
          afters.add(page.after);
          throw new Error('not now');
        }
        if (refusals > 0 && refusals < 4 && page.events.length > 0) arrivedMeanwhile.add(page.partition);
        await Promise.resolve();
      });
      await append(log, unlucky, 3);
      await until('the page was refused', () => refusals > 0);
      await append(log, unlucky, 2);
      await appendEverywhere(2);
      await caughtUp();
      expect(refusals).toBe(4);
      expect(afters.size).toBe(1);
      expect(arrivedMeanwhile.has(partition)).toBe(false);
      if (feed.partitions > 1) expect(arrivedMeanwhile.size).toBeGreaterThan(0);
      await expectSameAsLog(model, log, start);
    });

    it('asks again for the position when it cannot be told', async () => {
      let asked = 0;
      feed.subscribe(
        (partition) => (++asked <= 2 ? Promise.reject(new Error('no database')) : model.positionOf(partition)),
        (page) => model.take(page, feed),
      );
      await appendEverywhere(2);
      await caughtUp();
      await expectSameAsLog(model, log, start);
      expect(asked).toBeGreaterThan(2);
    });

    it('serves two consumers of one read model, and one when the other has gone', async () => {
      const other = await open();
      const subscriptions = [model.follow(feed), model.follow(other)];
      await appendEverywhere(3);
      await caughtUp();
      await subscriptions[0]?.close();
      await feed.close();
      feed = other;
      await appendEverywhere(3);
      await caughtUp();
      await expectSameAsLog(model, log, start);
    });

    it('ends when it is closed: after the page in hand, and no handler runs any more', async () => {
      let running = 0;
      let calls = 0;
      const subscription = feed.subscribe(model.positionOf, async () => {
        calls += 1;
        running += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
        running -= 1;
      });
      await appendEverywhere(1);
      await until('a page arrives', () => calls > 0);
      await subscription.close();
      await subscription.ended;
      expect(running).toBe(0);
      const before = calls;
      await appendEverywhere(1);
      const witness = await open();
      model.follow(witness);
      feed = witness;
      await caughtUp();
      expect(calls).toBe(before);
    });

    it('is closed once, with its subscription, and takes no other', async () => {
      const subscription = model.follow(feed);
      await feed.close();
      await subscription.ended;
      await feed.close();
      expect(() => model.follow(feed)).toThrow('closed');
    });
  });
}
