import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { type Admin, ConfigResourceTypes, type Message as KafkaMessage } from 'kafkajs';
import type { MemberAsks, ParentAnswers } from '../../../test/support/feed-member';
import { needsKafka, needsOwnKafka } from '../../../test/support/kafka';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import type { EventLog, RecordedEvent } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { toMessage } from './envelope';
import { append, eventsAfter, expectSameAsLog, feedContract, Model, until } from './feed.contract';
import { createKafka } from './kafka-client';
import { KafkaFeed, type KafkaFeedOptions, TopicChanged } from './kafka-feed';
import { openKafkaChannel } from './kafka-publisher';
import { silent } from './quiet.contract';
import { type Channel, type Leadership, Relay, type RelayOptions } from './relay';
import { PostgresRelayCheckpoint, RelayPositions1767225800000 } from './relay-checkpoint';
import { ensureTopics, topicsOf } from './topic';

jest.setTimeout(180_000);

const support = resolve(__dirname, '../../../test/support');
const partitions = 4;

let database: TestDatabase;
let log: EventLog;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000, RelayPositions1767225800000]);
  log = new PostgresEventLog({ url: database.url });
});

afterAll(async () => {
  await log.close();
  await database.drop();
});

/** A topic of its own on a broker, and everything that was opened for it. */
class Stage {
  readonly prefix = `t-${randomUUID()}`;
  readonly groupId = `g-${this.prefix}`;
  readonly topics = topicsOf(this.prefix);
  private readonly closing: (() => Promise<void>)[] = [];

  constructor(readonly brokers: string) {}

  async feed(options: Partial<KafkaFeedOptions> = {}): Promise<KafkaFeed> {
    const { brokers, groupId, prefix: topicPrefix } = this;
    const feed = await KafkaFeed.open({ brokers, groupId, topicPrefix, partitions, logger: silent, ...options });
    this.closing.push(() => feed.close());
    return feed;
  }

  openChannel = (): Promise<Channel> =>
    openKafkaChannel({ brokers: this.brokers, topicPrefix: this.prefix, partitions, logger: silent });

  async channel(): Promise<Channel> {
    const channel = await this.openChannel();
    this.closing.push(() => channel.close());
    return channel;
  }

  checkpoint(): PostgresRelayCheckpoint {
    const checkpoint = new PostgresRelayCheckpoint({ url: database.url, name: this.prefix, logger: silent });
    this.closing.unshift(() => checkpoint.close());
    return checkpoint;
  }

  relay(options: Partial<RelayOptions> = {}): Relay {
    const relay = new Relay({
      log,
      publish: this.openChannel,
      checkpoint: this.checkpoint(),
      lead: () => Promise.resolve(leadership(1)),
      logger: silent,
      now: Date.now,
      ...options,
    });
    relay.start();
    this.closing.push(() => relay.stop());
    return relay;
  }

  async admin(): Promise<Admin> {
    const admin = createKafka({ brokers: this.brokers, clientId: 'spec', logger: silent }).admin();
    await admin.connect();
    this.closing.push(() => admin.disconnect());
    return admin;
  }

  async send(messages: KafkaMessage[]): Promise<void> {
    const producer = createKafka({ brokers: this.brokers, clientId: 'spec', logger: silent }).producer();
    await producer.connect();
    await producer.send({ topic: this.topics.events, messages });
    await producer.disconnect();
  }

  /** Headers and value of what lies in a topic, once `isEnough`. */
  async read(topic: string, isEnough: (found: readonly Record<string, string>[]) => boolean) {
    const consumer = createKafka({ brokers: this.brokers, clientId: 'spec', logger: silent }).consumer({
      groupId: `g-${randomUUID()}`,
    });
    const found: Record<string, string>[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message: { headers, value } }) => {
        const texts = Object.entries(headers ?? {}).map(([name, header]) => [name, String(header)]);
        found.push({ ...Object.fromEntries(texts), value: String(value) });
        return Promise.resolve();
      },
    });
    await until(`enough is found in ${topic}`, () => isEnough(found));
    await consumer.disconnect();
    return found;
  }

  /** In the opposite order. */
  async close(): Promise<void> {
    for (const close of this.closing.reverse()) await close();
  }
}

const leadership = (token: number, isHeld = () => true, lost = new AbortController().signal): Leadership => ({
  token,
  isHeld,
  lost,
});

const accounts = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
const appendEverywhere = async (): Promise<void> => {
  await Promise.all(accounts(30).map((accountId) => append(log, accountId, 2)));
};
const caughtUp = async (model: Model, feed: KafkaFeed): Promise<void> => {
  const head = await log.head();
  await until('every partition has reached the head of the log', () => model.hasReached(head, feed), 120_000);
};

needsKafka('with Kafka', (kafka) => {
  feedContract(
    'the Kafka feed behind a relay',
    () => log,
    () => {
      const stage = new Stage(kafka.brokers);
      stage.relay();
      return Promise.resolve({ open: () => stage.feed(), close: () => stage.close() });
    },
  );

  describe('the Kafka feed', () => {
    let stage: Stage;
    let start: number;
    let model: Model;

    beforeEach(async () => {
      stage = new Stage(kafka.brokers);
      start = await log.head();
      model = new Model(log, start);
    });

    afterEach(() => stage.close());

    it('shares the partitions between the members of a group', async () => {
      stage.relay();
      const assigned: (readonly number[])[] = [[], []];
      const open = (index: number) => stage.feed({ onAssigned: (now) => void assigned.splice(index, 1, now) });
      const feeds = [await open(0), await open(1)];
      const seen = feeds.map((feed) => {
        const of = new Set<number>();
        model.follow(feed, (page) => {
          of.add(page.partition);
          return Promise.resolve();
        });
        return of;
      });
      await until('both have work', async () => {
        await appendEverywhere();
        return seen.every((of) => of.size > 0);
      });
      await until(
        'each partition is with one of them',
        () => assigned.every(({ length }) => length > 0) && assigned.flat().sort().join() === '0,1,2,3',
      );
      for (const feed of feeds) await caughtUp(model, feed);
      await expectSameAsLog(model, log, start);
    });

    it('takes over from a member that was killed in the midst of a page', async () => {
      stage.relay();
      const feed = await stage.feed();
      const settings = { brokers: stage.brokers, groupId: stage.groupId, topicPrefix: stage.prefix };
      const member = fork(resolve(support, 'feed-member.ts'), [JSON.stringify(settings)], {
        execArgv: ['-r', resolve(support, 'register-typescript.cjs')],
      });
      let inHand = 0;
      member.on('message', (asked: MemberAsks) => {
        if (asked.asks === 'take')
          inHand += 1; // and is never told that it is taken
        else {
          const { id, partition } = asked;
          member.send({ id, position: model.at(partition) } satisfies ParentAnswers);
        }
      });
      const exit = once(member, 'exit');
      await appendEverywhere();
      await until('the member has pages in hand', () => inHand > 0);
      member.kill('SIGKILL');
      await exit;
      model.follow(feed);
      await appendEverywhere();
      await caughtUp(model, feed);
      await expectSameAsLog(model, log, start);
      expect(model.gaps).toEqual([]);
    });

    it('shows the gap after the topic was deleted and made anew', async () => {
      await appendEverywhere();
      const [first, lost] = [await log.head(), await appendEverywhere().then(() => log.head())];
      const before = await stage.channel();
      await before.publish({ after: start, next: first, events: (await eventsAfter(log, start)).filter(upTo(first)) });
      let feed = await stage.feed();
      model.follow(feed);
      await until('the first page has arrived', () => model.hasReached(first, feed));
      await feed.close();
      await before.close();

      const admin = await stage.admin();
      await admin.deleteTopics({ topics: [stage.topics.events] });
      await until('the topic is gone', async () => !(await admin.listTopics()).includes(stage.topics.events));
      await appendEverywhere();
      const after = await stage.channel();
      expect(after.isNew).toBe(true);
      await after.publish({ after: lost, next: await log.head(), events: await eventsAfter(log, lost) });
      feed = await stage.feed();
      model.follow(feed);
      await caughtUp(model, feed);
      expect(model.gaps.map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3]);
      expect(model.gaps.every(({ after: from }) => from === lost)).toBe(true);
      await expectSameAsLog(model, log, start);
    });

    it('is not harmed by old pages that come again, in whole or in part', async () => {
      await appendEverywhere();
      const middle = await log.head();
      await appendEverywhere();
      const [events, next] = [await eventsAfter(log, start), await log.head()];
      const channel = await stage.channel();
      const old = { after: start, next: middle, events: events.filter(upTo(middle)) };
      const whole = { after: start, next, events };
      for (const page of [old, whole, old, { ...whole, after: middle, events: events.slice(60) }, whole]) {
        await channel.publish(page);
      }
      const feed = await stage.feed();
      model.follow(feed);
      await caughtUp(model, feed);
      await expectSameAsLog(model, log, start);
      expect(model.gaps).toEqual([]);
    });

    it('parks an event from beyond the end of the log, and takes those that follow it', async () => {
      const parked: string[] = [];
      const feed = await stage.feed({
        endOfLog: () => log.head(),
        onParked: (_, reason) => parked.push(reason),
      });
      const [accountId = ''] = accounts(1);
      await append(log, accountId, 2);
      const [first, second] = await eventsAfter(log, start);
      if (first === undefined || second === undefined) throw new Error('nothing was appended');
      const partition = feed.partitionOf(accountId);
      const message = (event: RecordedEvent, after: number) => ({
        ...toMessage(event, { after, partitions }),
        partition,
      });
      const ghost = message(first, first.position);
      await stage.send([
        message(first, start),
        { ...ghost, headers: { ...ghost.headers, ce_position: '999999999' } },
        message(second, first.position),
      ]);
      model.follow(feed);
      await until('both real ones have arrived', () => model.effects.length === 2);
      expect(model.effects).toEqual([first, second]);
      expect(parked).toEqual(['position 999999999 lies beyond the end of the log']);
    });

    it('parks what it cannot read, tells where it lay, and goes on', async () => {
      const parked: string[] = [];
      const feed = await stage.feed({ onParked: ({ offset }, reason) => parked.push(`${offset} ${reason}`) });
      const [accountId = ''] = accounts(1);
      await append(log, accountId, 1);
      const [event] = await eventsAfter(log, start);
      if (event === undefined) throw new Error('nothing was appended');
      const partition = feed.partitionOf(accountId);
      const good = { ...toMessage(event, { after: start, partitions }), partition };
      await stage.send([
        { partition, value: 'hello', headers: { from: 'a stranger' } },
        { partition, key: accountId, value: null },
        { ...good, headers: { ...good.headers, ce_position: '1e3' } },
        { ...good, headers: { ...good.headers, ce_type: ['a', 'b'] } },
        { ...good, value: '{' },
        { ...good, headers: { ...good.headers }, partition: (partition + 1) % partitions },
        { ...good, headers: { ...good.headers } },
      ]);
      model.follow(feed);
      await until('the good one has arrived', () => model.effects.length > 0);
      await until('the others are parked', () => parked.length === 6);
      expect(model.effects).toEqual([event]);
      const found = await stage.read(stage.topics.parked, ({ length }) => length >= 6);
      expect(found.map(({ parked_reason: reason }) => reason).sort()).toEqual([
        `account ${accountId} does not belong into this partition`,
        'header ce_position is no whole number from 1: "1e3"',
        'header ce_specversion is missing',
        'header ce_specversion is missing',
        'header ce_type stands there more than once',
        'the value is no JSON',
      ]);
      expect(found).toContainEqual({
        from: 'a stranger',
        value: 'hello',
        parked_reason: 'header ce_specversion is missing',
        parked_topic: stage.topics.events,
        parked_partition: String(partition),
        parked_offset: '0',
      });
    });

    it('parks again at the same place when the topic was made anew', async () => {
      const parked: string[] = [];
      let failures = 0;
      const feed = await stage.feed({
        logger: { ...silent, error: (_, message) => (failures += message.startsWith('the consumer') ? 1 : 0) },
        onParked: ({ offset }) => parked.push(offset),
      });
      await stage.send([{ partition: 0, value: 'hello' }]);
      model.follow(feed);
      await until('it is parked', () => parked.length === 1);
      const admin = await stage.admin();
      await admin.deleteTopics({ topics: [stage.topics.events] });
      await until('the consumer has noticed', () => failures > 0, 120_000);
      await until('the topic is gone', async () => !(await admin.listTopics()).includes(stage.topics.events));
      await stage.channel(); // makes the topic
      await stage.send([{ partition: 0, value: 'hello again' }]);
      await until('the other one is parked, too', () => parked.length === 2, 120_000);
      expect(parked).toEqual(['0', '0']);
    });

    it('leaves an event that is too large to the log', async () => {
      stage.relay();
      const feed = await stage.feed();
      model.follow(feed);
      const [accountId = ''] = accounts(1);
      await appendEverywhere();
      await log.append([
        {
          stream: `order-${randomUUID()}`,
          expected: 'no-stream',
          events: [
            {
              id: randomUUID(),
              type: 'Happened',
              data: { text: 'x'.repeat(5_000_000) },
              meta: { userId: 'u', accountId, correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 },
            },
          ],
        },
      ]);
      await caughtUp(model, feed);
      await appendEverywhere();
      await caughtUp(model, feed);
      expect(model.gaps.length).toBeGreaterThanOrEqual(partitions);
      await expectSameAsLog(model, log, start);
    });

    it('ends when the topic gets more partitions', async () => {
      const feed = await stage.feed();
      const subscription = model.follow(feed);
      const ended = subscription.ended.catch((error: unknown) => error);
      const first = await stage.channel();
      await appendEverywhere();
      const middle = await log.head();
      await first.publish({ after: start, next: middle, events: await eventsAfter(log, start) });
      await until('it has arrived', () => model.hasReached(middle, feed));

      const admin = await stage.admin();
      await admin.createPartitions({ topicPartitions: [{ topic: stage.topics.events, count: partitions + 2 }] });
      await until('the channel notices', async () => !(await first.isIntact()));
      await appendEverywhere();
      const second = await stage.channel();
      await second.publish({ after: middle, next: await log.head(), events: await eventsAfter(log, middle) });
      expect(await ended).toBeInstanceOf(TopicChanged);
      await expectSameAsLogUpTo(middle);

      // A new one sees that what was sent to fewer partitions cannot be trusted, and where to read on.
      model = new Model(log, start);
      const grown = await stage.feed({ groupId: `g-${randomUUID()}` });
      expect(grown.partitions).toBe(partitions + 2);
      model.follow(grown);
      await caughtUp(model, grown);
      await expectSameAsLog(model, log, start);
    });

    const expectSameAsLogUpTo = async (position: number): Promise<void> => {
      const recorded = (await eventsAfter(log, start)).filter(upTo(position));
      expect(model.effects.map(({ id }) => id).sort()).toEqual(recorded.map(({ id }) => id).sort());
    };
  });

  describe('the relay', () => {
    let stage: Stage;
    let start: number;
    let model: Model;

    beforeEach(async () => {
      stage = new Stage(kafka.brokers);
      start = await log.head();
      model = new Model(log, start);
    });

    afterEach(() => stage.close());

    it('is replaced while it sleeps in the midst of a page: nothing is missing, and it may not save any more', async () => {
      let wake = (): void => undefined;
      const asleep = new Promise<void>((resolve) => (wake = resolve));
      let sleeps = false;
      const warnings: string[] = [];
      const checkpoint = stage.checkpoint();
      await checkpoint.take(1);
      await checkpoint.save(start, 1);
      const before = await stage.channel();
      await before.publish({ after: start, next: start, events: [] }); // the topic is not new
      stage.relay({
        logger: { ...silent, warn: (_, message) => warnings.push(message) },
        publish: async () => {
          const channel = await stage.openChannel();
          return {
            isNew: channel.isNew,
            isIntact: () => channel.isIntact(),
            close: () => channel.close(),
            publish: async (page) => {
              if (page.events.length > 0) {
                sleeps = true;
                await asleep; // paused: it does not know that its lead is over
              }
              await channel.publish(page);
            },
          };
        },
      });
      const feed = await stage.feed();
      model.follow(feed);
      await appendEverywhere();
      await until('the first relay has a page in hand', () => sleeps);
      await appendEverywhere();
      stage.relay({ lead: () => Promise.resolve(leadership(2)) });
      await caughtUp(model, feed);
      await appendEverywhere();
      await caughtUp(model, feed);
      const saved = await log.head();
      await until('the second has saved', async () => (await checkpoint.take(2)) === saved);

      wake();
      await until('the first has noticed', () => warnings.includes('the relay was replaced and waits for its turn'));
      expect(await checkpoint.take(2)).toBe(saved);
      await appendEverywhere();
      await caughtUp(model, feed);
      await expectSameAsLog(model, log, start);
      expect(model.gaps).toEqual([]);
    });

    it.each(['nobody else', 'somebody else'])(
      'publishes everything again when the topic was deleted and %s makes it anew',
      async (who) => {
        const { events: topic } = stage.topics;
        stage.relay();
        const feed = await stage.feed();
        model.follow(feed);
        await appendEverywhere();
        await caughtUp(model, feed);

        const admin = await stage.admin();
        await admin.deleteTopics({ topics: [topic] });
        await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic));
        if (who === 'somebody else') await ensureTopics(admin, { topics: stage.topics, partitions, logger: silent });
        await appendEverywhere();
        await until('the topic is there', async () => (await admin.listTopics()).includes(topic));
        const travellers = (await eventsAfter(log, 0)).filter(({ data }) => JSON.stringify(data).length < 1_000_000);
        const ids = new Set(travellers.map(({ id }) => id));
        await stage.read(topic, (all) => {
          for (const { ce_id: id = '' } of all) ids.delete(id);
          return ids.size === 0;
        });
        // Those who have it already are not disturbed.
        await caughtUp(model, feed);
        await expectSameAsLog(model, log, start);
      },
    );

    it('tells how far behind it is, also while it gets nothing published', async () => {
      const lags: number[] = [];
      const relay = stage.relay({
        publish: () => Promise.reject(new Error('no Kafka today')),
        onProgress: ({ lagPositions = 0 }) => lags.push(lagPositions),
      });
      await appendEverywhere();
      const head = await log.head();
      await until('the lag is told', () => lags.at(-1) === head);
      expect(() => {
        relay.check();
      }).toThrow('failing');
    });

    it('makes the topics with their partitions and retention, once, and keeps those that are there', async () => {
      const admin = await stage.admin();
      const { topics } = stage;
      const twice = [1, 2].map(() => ensureTopics(admin, { topics, partitions: 6, logger: silent }));
      const made = await Promise.all(twice);
      expect(made.filter(({ created }) => created)).toHaveLength(1);
      expect(await ensureTopics(admin, { topics, partitions: 9, logger: silent })).toEqual({
        created: false,
        partitions: 6,
      });
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topics.events }],
      });
      const entries = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]);
      expect(Object.fromEntries(entries ?? [])).toMatchObject({
        'retention.ms': String(8 * 366 * 86_400_000),
        'cleanup.policy': 'delete',
        'message.timestamp.type': 'LogAppendTime',
      });
    });
  });
});

needsOwnKafka('with a Kafka that is killed', (kafka) => {
  it('relay and feed go on when it is back, and nothing is missing', async () => {
    const stage = new Stage(kafka.brokers);
    const start = await log.head();
    const model = new Model(log, start);
    stage.relay();
    const feed = await stage.feed();
    model.follow(feed);
    const writingEnds = new AbortController();
    const writing = (async () => {
      while (!writingEnds.signal.aborted) {
        await appendEverywhere();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    for (let round = 0; round < 2; round += 1) {
      const seen = model.effects.length;
      await until('events arrive', () => model.effects.length > seen + 100);
      await kafka.kill();
      await appendEverywhere();
      await kafka.start();
    }
    writingEnds.abort();
    await writing;
    await caughtUp(model, feed);
    await expectSameAsLog(model, log, start);
    await stage.close();
  }, 400_000);
});

const upTo =
  (last: number) =>
  ({ position }: { readonly position: number }): boolean =>
    position <= last;
