import { randomUUID } from 'node:crypto';
import type { RecordedEvent, Subscription } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { DirectFeed } from '#messaging/direct-feed';
import type { EventFeed, FeedPage } from '#messaging/feed';
import { createLogger } from '#platform/logging';
import { registry } from '#platform/metrics';
import { Checkpoints } from '#read-models/checkpoints';
import { type ContentHashes, contentHashes } from '#read-models/content-hash';
import { readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { Projector } from '#read-models/projector';
import { history } from '../../../test/support/events';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { partitionOf } from '../../../test/support/read-models';
import { Projection, type ProjectionOptions } from './projection';

jest.setTimeout(60_000);

const ACCOUNTS = [randomUUID(), randomUUID()];

/** A transport in which the test decides what arrives, and when: a page is taken when its handler has come back. */
class HandFeed implements EventFeed {
  private handler: (page: FeedPage) => Promise<void> = () => Promise.reject(new Error('nobody has subscribed'));
  private end: (error?: Error) => void = () => undefined;
  positionOf: (partition: number) => Promise<number> = () => Promise.reject(new Error('nobody has subscribed'));

  constructor(readonly partitions: number) {}

  partitionOf(accountId: string): number {
    return partitionOf(accountId, this.partitions);
  }

  subscribe(
    positionOf: (partition: number) => Promise<number>,
    handle: (page: FeedPage) => Promise<void>,
  ): Subscription {
    this.positionOf = positionOf;
    this.handler = handle;
    const ended = new Promise<void>((resolve, reject) => {
      this.end = (error) => {
        if (error) reject(error);
        else resolve();
      };
    });
    return {
      ended,
      close: () => {
        this.end();
        return Promise.resolve();
      },
    };
  }

  /** What the relay would have sent to one partition of a stretch of the log. */
  page(partition: number, after: number, next: number, log: readonly RecordedEvent[]): FeedPage {
    const events = log.filter(
      ({ position, meta }) => position > after && position <= next && this.partitionOf(meta.accountId) === partition,
    );
    return { partition, after, next, events };
  }

  bring(page: FeedPage): Promise<void> {
    return this.handler(page);
  }

  fail(error: Error): void {
    this.end(error);
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }
}

describe('the projection', () => {
  let database: TestDatabase;
  let pool: ReturnType<typeof openPool>;
  let log: PostgresEventLog;
  let projection: Projection | undefined;
  const ends: Error[] = [];
  const told: { level: string; msg: string; [field: string]: unknown }[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void told.push(JSON.parse(line) as (typeof told)[number]) },
  });

  beforeEach(async () => {
    told.length = 0;
    ends.length = 0;
    database = await createTestDatabase([EventLog1767225600000, ...readModelMigrations]);
    pool = openPool(database.url, { name: 'test', max: 6, statementTimeoutMs: 10_000, onTrouble: () => undefined });
    log = new PostgresEventLog({ url: database.url });
  });
  afterEach(async () => {
    await projection?.stop();
    projection = undefined;
    for (const feed of feeds.splice(0)) await feed.close();
    await log.close();
    await pool.end();
    await database.drop();
  });

  const feeds: EventFeed[] = [];
  const direct = (): EventFeed => {
    const feed = new DirectFeed({ log, logger });
    feeds.push(feed);
    return feed;
  };
  const projecting = (options: Partial<ProjectionOptions> = {}): Projection =>
    new Projection({
      feed: options.feed ?? direct(),
      log,
      pool,
      logger,
      now: () => Date.now(),
      onFeedEnded: (error) => void ends.push(error),
      ...options,
    });
  const start = async (options: Partial<ProjectionOptions> = {}): Promise<Projection> => {
    projection = projecting(options);
    await projection.start();
    return projection;
  };
  const write = async (seed: number, orders: number): Promise<void> => {
    for (const writes of history({ seed, orders, accounts: ACCOUNTS.map(() => randomUUID()) }))
      await log.append(writes);
  };
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 30_000; !(await holds());) {
      if (Date.now() > end) throw new Error('it did not come to that within 30 s');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const caughtUp = () => until(async () => (await new Projector(pool).position()) === (await log.head()));
  /** What a rebuild by hand gives, for comparison. */
  const expected = async (): Promise<ContentHashes> => {
    for (const Migration of readModelMigrations) await new Migration('beside').up(pool);
    const beside = new Projector(pool, { schema: 'beside' });
    const { events, next } = await log.readAll({ after: 0, limit: 10_000 });
    await beside.project({ after: 0, next, events });
    return contentHashes(pool, 'beside');
  };
  const metric = async (name: string): Promise<number> => {
    const found = await registry.getSingleMetric(name)?.get();
    return found?.values[0]?.value ?? NaN;
  };

  it('projects what is in the log, and then what comes', async () => {
    await write(1, 20);
    await start();
    await caughtUp();
    await write(2, 20);
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('goes on where it stopped', async () => {
    await write(1, 10);
    await start();
    await caughtUp();
    await projection?.stop();
    await write(2, 10);
    await start();
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('counts every event once when two of them run', async () => {
    await start();
    const other = projecting();
    await other.start();
    await write(1, 40);
    await caughtUp();
    await other.stop();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('starts over from its checkpoint, and is not ready meanwhile, when the tables fail', async () => {
    await start();
    await pool.query('alter table read_model.orders rename to orders_away');
    await write(1, 10);
    await until(() => told.some(({ msg }) => msg.startsWith('the projection failed')));
    await expect(projection?.check()).rejects.toThrow('failing');
    await pool.query('alter table read_model.orders_away rename to orders');
    await caughtUp();
    await until(
      async () =>
        (await projection?.check().then(
          () => true,
          () => false,
        )) === true,
    );
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  it('parks what it cannot project, tells, counts, and goes on', async () => {
    const before = await metric('coordinator_parked_events_total');
    const meta = {
      userId: 'u',
      accountId: 'a',
      correlationId: 'c',
      causationId: 'c',
      at: Date.now(),
      schemaVersion: 1,
    };
    const stream = `order-${randomUUID()}`;
    await log.append([{ stream, expected: 'no-stream', events: [{ id: randomUUID(), type: 'Odd', data: {}, meta }] }]);
    await start();
    await write(1, 5);
    await caughtUp();
    expect(told).toContainEqual(
      expect.objectContaining({ level: 'error', stream, type: 'Odd', msg: expect.stringContaining('parked') }),
    );
    expect(await metric('coordinator_parked_events_total')).toBe(before + 1);
    expect((await contentHashes(pool)).parked_events.rows).toBe(1);
  });

  it('says that the rows are as young as now while nothing is written', async () => {
    await write(1, 3); // dated into the past by the history
    await start();
    const startedAt = Date.now();
    await until(async () => {
      const { rows } = await pool.query<{ as_of: Date }>('select as_of from read_model.projection_positions');
      return (rows[0]?.as_of.getTime() ?? 0) >= startedAt;
    });
    expect(await metric('coordinator_projection_lag_positions')).toBe(0);
  });

  it('does not start without its tables', async () => {
    await pool.query('drop schema read_model cascade');
    projection = undefined;
    await expect(projecting().start()).rejects.toThrow();
  });

  it('stops whenever it is told to', async () => {
    await write(1, 30);
    for (const ms of [0, 1, 5, 20]) {
      const short = await start();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await short.stop();
    }
    await start();
    await caughtUp();
    expect(await contentHashes(pool)).toEqual(await expected());
  });

  describe('from a feed of several partitions', () => {
    const PARTITIONS = 3;
    const all = [...Array(PARTITIONS).keys()];
    let feed: HandFeed;
    beforeEach(() => (feed = new HandFeed(PARTITIONS)));

    const recorded = async () => (await log.readAll({ after: 0, limit: 10_000 })).events;
    const checkpoints = async () => (await new Checkpoints(pool, PARTITIONS).read()).map(({ position }) => position);
    const ages = async () => (await new Checkpoints(pool, PARTITIONS).read()).map(({ asOfMs }) => asOfMs);
    const bringAll = async (after: number, next: number) => {
      const events = await recorded();
      await Promise.all(all.map((partition) => feed.bring(feed.page(partition, after, next, events))));
    };

    it('projects every partition from its own checkpoint', async () => {
      await write(1, 20);
      const head = await log.head();
      await start({ feed });
      await bringAll(0, 60);
      const events = await recorded();
      await feed.bring(feed.page(1, 60, head, events));
      expect(await checkpoints()).toEqual([60, head, 60]);
      expect(await Promise.all(all.map((partition) => feed.positionOf(partition)))).toEqual([60, head, 60]);
      await projection?.stop();
      feed = new HandFeed(PARTITIONS);
      await start({ feed });
      await bringAll(40, head); // again in part
      expect(await contentHashes(pool)).toEqual(await expected());
    });

    it('reads from the log what the feed has left out, and only of that partition', async () => {
      await write(1, 20);
      const head = await log.head();
      const gaps = await metric('coordinator_projection_gaps_total');
      await start({ feed });
      const events = await recorded();
      await feed.bring(feed.page(0, 0, 30, events));
      await feed.bring(feed.page(0, 90, head, events)); // 31 to 90 are lost
      expect(await checkpoints()).toEqual([head, 0, 0]);
      expect(told.filter(({ msg }) => msg.includes('left out'))).toMatchObject([
        { partition: 0, position: 30, until: 90 },
      ]);
      await feed.bring(feed.page(1, head, head, events)); // everything is lost but the word that it was sent
      await feed.bring(feed.page(2, 0, head, events));
      expect(await contentHashes(pool)).toEqual(await expected());
      expect(await metric('coordinator_projection_gaps_total')).toBe(gaps + 2);
    });

    it('closes a gap that lies beyond the last event of the log', async () => {
      await write(1, 5);
      const head = await log.head();
      await start({ feed });
      for (const partition of all) await feed.bring({ partition, after: head + 40, next: head + 50, events: [] });
      expect(await checkpoints()).toEqual(all.map(() => head + 50));
      expect(await contentHashes(pool)).toEqual(await expected());
    });

    it('refuses to go on with a topic that holds more than the log, and moves nothing', async () => {
      await write(1, 5);
      const head = await log.head();
      await start({ feed });
      const [event] = await recorded();
      if (event === undefined) throw new Error('nothing was written');
      const lost = { ...event, position: head + 50 };
      await expect(feed.bring({ partition: 0, after: head + 40, next: head + 50, events: [lost] })).rejects.toThrow(
        `the topic is ahead of the log: it brings position ${String(head + 50)}, and the log ends at ${String(head)}`,
      );
      expect(await checkpoints()).toEqual([0, 0, 0]);
      await expect(projection?.check()).rejects.toThrow('partitions 0');
    });

    it('hands a page back whose gap cannot be read, and changes nothing', async () => {
      await write(1, 5);
      const away = { head: () => log.head(), readAll: () => Promise.reject(new Error('the log is away')) };
      await start({ feed, log: away });
      const events = await recorded();
      await expect(feed.bring(feed.page(2, 10, 20, events))).rejects.toThrow('the log is away');
      await expect(projection?.check()).rejects.toThrow('partitions 2');
      expect(await checkpoints()).toEqual([0, 0, 0]);
      await feed.bring(feed.page(2, 0, 20, events));
      await expect(projection?.check()).resolves.toBeUndefined();
    });

    it('lets other partitions go on when the pages of one fail', async () => {
      await write(1, 20);
      const head = await log.head();
      await start({ feed });
      const events = await recorded();
      await pool.query(
        `create function refuse() returns trigger language plpgsql as $$ begin
           if old.partition = 1 then raise exception 'not this one'; end if; return new; end $$`,
      );
      await pool.query(
        'create trigger refusing before update of position on read_model.projection_positions for each row execute function refuse()',
      );
      const [first, second, third] = await Promise.allSettled(
        all.map((partition) => feed.bring(feed.page(partition, 0, head, events))),
      );
      expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await checkpoints()).toEqual([head, 0, head]);
      await expect(projection?.check()).rejects.toThrow('partitions 1');
      await pool.query('drop trigger refusing on read_model.projection_positions');
      await feed.bring(feed.page(1, 0, head, events));
      expect(await contentHashes(pool)).toEqual(await expected());
    });

    it('is ready again once another process has come past the page that failed here', async () => {
      await write(1, 5);
      const head = await log.head();
      await start({ feed });
      await pool.query('alter table read_model.projection_positions rename column updated_at to away');
      await expect(feed.bring({ partition: 1, after: 0, next: head, events: [] })).rejects.toThrow();
      await pool.query('alter table read_model.projection_positions rename column away to updated_at');
      await expect(projection?.check()).rejects.toThrow('failing');
      const page = feed.page(1, 0, head, await recorded());
      await new Projector(pool, { partition: 1, partitions: PARTITIONS }).project(page);
      await until(
        async () =>
          (await projection?.check().then(
            () => true,
            () => false,
          )) === true,
      );
    });

    it('dates partitions to which nothing is written, while others are busy', async () => {
      await start({ feed });
      const before = Date.now();
      await write(1, 3);
      const head = await log.head();
      for (const partition of all.slice(1)) await feed.bring({ partition, after: 0, next: head, events: [] });
      await until(async () => (await ages()).slice(1).every((ms) => ms >= before));
      expect((await ages())[0]).toBeLessThan(before); // it has not heard of what was written
      await until(async () => (await metric('coordinator_projection_lag_positions')) === head);
      const behind = await registry.getSingleMetric('coordinator_projection_partition_lag_positions')?.get();
      expect(behind?.values.map(({ labels, value }) => [labels['partition'], value])).toEqual(
        expect.arrayContaining([
          ['0', head],
          ['1', 0],
          ['2', 0],
        ]),
      );
    });

    it('passes on what was parked, once it stands in the table, and goes on when nobody listens', async () => {
      const meta = {
        userId: 'u',
        accountId: 'a',
        correlationId: 'c',
        causationId: 'c',
        at: Date.now(),
        schemaVersion: 1,
      };
      const odd = (): [string, RecordedEvent['data']] => [`order-${randomUUID()}`, {}];
      for (const [stream, data] of [odd(), odd()])
        await log.append([{ stream, expected: 'no-stream', events: [{ id: randomUUID(), type: 'Odd', data, meta }] }]);
      const heard: [number, string, number][] = [];
      await start({
        feed,
        onParked: async ({ position }, reason) => {
          heard.push([position, reason, (await contentHashes(pool)).parked_events.rows]);
          throw new Error('the topic is away');
        },
      });
      await bringAll(0, await log.head());
      expect(heard).toEqual([
        [1, 'Odd is not a type this view knows', 2],
        [2, 'Odd is not a type this view knows', 2],
      ]);
      expect(await checkpoints()).toEqual([2, 2, 2]);
      expect(told.filter(({ msg }) => msg.includes('could not be passed on'))).toHaveLength(2);
    });

    it('is not ready any more when the feed gives up, and says so to whoever can start it again', async () => {
      await start({ feed });
      await projection?.check();
      const reason = new Error('the group is gone');
      feed.fail(reason);
      await until(() => ends.length > 0);
      expect(ends).toEqual([reason]);
      expect(told.filter(({ msg }) => msg === 'the feed has ended')).toHaveLength(1);
      await expect(projection?.check()).rejects.toThrow('ended');
    });

    it('says nothing of the kind when it is stopped', async () => {
      await start({ feed });
      await projection?.stop();
      expect(ends).toEqual([]);
    });

    it('takes over from the direct feed where that stopped, and the direct feed is fenced off', async () => {
      await write(1, 10);
      const single = await start();
      await caughtUp();
      const head = await log.head();
      const several = projecting({ feed });
      await several.start();
      expect(await checkpoints()).toEqual([head, head, head]);
      await write(2, 10);
      await bringAll(head, await log.head());
      await until(() => told.some(({ msg }) => msg.startsWith('the projection failed')));
      await expect(single.check()).rejects.toThrow();
      expect(await contentHashes(pool)).toEqual(await expected());
      await several.stop();
    });

    it('does not start on tables of another number of partitions that stand apart', async () => {
      await write(1, 5);
      await start({ feed });
      await feed.bring(feed.page(1, 0, 10, await recorded()));
      await projection?.stop();
      await expect(projecting().start()).rejects.toThrow('npm run rebuild');
    });
  });
});
