import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { seed } from './stories/no-acknowledged-order-is-lost';
import { expectClean, linesOf, scoreboardOf } from './stories/scoreboard';
import { Traders } from './stories/traders';
import { positionOf } from './support/deployment';
import { needsInstalled } from './support/engines';
import { type App, DISTRIBUTED, Fleet, type Member } from './support/fleet';
import { kafka } from './support/kafka';
import { choicesFrom, type Choices } from './support/random';
import { redis } from './support/redis';
import { ensureBuilt } from './support/workspace';

/*
 * Everything there is dies once, in an order that nobody has chosen, while clients go on. After each death all must be
 * well again by itself: every process ready, orders taken everywhere, the views at the head of the log.
 *
 * STORY_SEED repeats the order of an earlier run.
 */

const CLIENTS = 8;
const WELL_TIMEOUT_MS = 60_000;
const STORY_TIMEOUT_MS = 480_000;

/** `hit` resolves once whatever it took away was told to come back. */
interface Fault {
  readonly name: string;
  readonly hit: (choices: Choices) => Promise<void>;
}

needsInstalled('chaos', [kafka, redis], () => {
  const fleet = new Fleet({ ...DISTRIBUTED, environment: { PAPER_TICK_MS: '250' } });
  const traders = new Traders(fleet, seed);

  beforeAll(async () => {
    ensureBuilt();
    await fleet.start();
    await traders.register();
  }, STORY_TIMEOUT_MS);
  afterAll(async () => {
    traders.giveUp();
    await fleet.dispose();
  }, STORY_TIMEOUT_MS);

  /** Gone for up to two seconds. */
  const down = (choices: Choices): Promise<void> => sleep(choices.next() * 2_000);
  const oneOf = (app: App, find: (choices: Choices) => Promise<Member | undefined>): Fault => ({
    name: app === 'relay' ? 'relay (the leader)' : app,
    hit: async (choices) => {
      const member = await find(choices);
      if (!member) throw new Error(`there is no ${app} to kill`);
      await member.kill();
      await down(choices);
      await member.start();
    },
  });
  const engine = (name: string, part: { kill(): Promise<void>; start(): Promise<void> } | undefined): Fault => ({
    name,
    hit: async (choices) => {
      if (!part) throw new Error(`there is no ${name} to kill`);
      await part.kill();
      await down(choices);
      await part.start();
    },
  });
  const faults: readonly Fault[] = [
    ...(['command', 'projector', 'query'] as const).map((app) =>
      oneOf(app, (choices) => Promise.resolve(choices.pick(fleet.members(app)))),
    ),
    oneOf('relay', () => fleet.leadingRelay()),
    engine('Kafka', fleet.kafka),
    engine('Redis', fleet.redis),
    { name: 'Redis, FLUSHALL', hit: () => flushAll(fleet.redis?.url ?? '') },
    engine('Postgres', fleet.postgres),
    engine('event store', { kill: () => fleet.killEventStore(), start: () => fleet.startEventStore() }),
  ];

  /** Places an order at every process that takes them; resolves with the position of the last. */
  const placeEverywhere = async (): Promise<number> => {
    const [trader] = traders.all;
    if (!trader) throw new Error('nobody trades');
    const body = { symbol: 'NSE:TCS', side: 'BUY', product: 'CNC', orderType: 'MARKET', quantity: 1 };
    const answers = await Promise.all(
      fleet.members('command').map(({ url }) => {
        const headers = { 'Idempotency-Key': `probe-${randomUUID()}` };
        return traders.tell({ kind: 'place', trader, method: 'POST', path: '/v2/orders', headers, body }, url);
      }),
    );
    return Math.max(...answers.map(positionOf));
  };

  const isReady = async ({ url = '' }: Member): Promise<boolean> => {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    await response?.text();
    return response?.status === 200;
  };

  /** What is not well, first come first told; `undefined` when all is. */
  const ailment = async (): Promise<string | undefined> => {
    for (const member of fleet.members()) if (!(await isReady(member))) return `${member.name} is not ready`;
    const [placed, head] = [await placeEverywhere(), await fleet.withLog((log) => log.head())];
    for (const { name, url = '' } of fleet.members('query')) {
      const headers = { 'Coordinator-Min-Position': String(Math.max(placed, head)) };
      const { status, text } = await fleet.request(`${url}/v2/orders?limit=1`, 'GET', { headers });
      if (status !== 200) return `${name} is behind: ${text}`;
    }
    return undefined;
  };

  /** Resolves with the seconds since the fault, or with what is still not well after a minute. */
  const untilWell = async (sinceMs: number): Promise<number | string> => {
    for (;;) {
      const ailing = await ailment();
      const lastedMs = performance.now() - sinceMs;
      if (ailing === undefined) return lastedMs / 1_000;
      if (lastedMs > WELL_TIMEOUT_MS) return ailing;
      await sleep(50);
    }
  };

  it(
    `everything dies once under load, and nothing is lost (seed ${String(seed)})`,
    async () => {
      const choices = choicesFrom(seed);
      traders.begin(CLIENTS);
      await traders.goOnFor(1_000);

      tellRow('fault', 'back, s', 'well, s', 'answered');
      const unwell: string[] = [];
      const gone: string[] = [];
      for (const { name, hit } of choices.shuffle(faults)) {
        const before = traders.told.length;
        const startedAt = performance.now();
        await hit(choices);
        const backS = (performance.now() - startedAt) / 1_000;
        const well = await untilWell(startedAt);
        const seconds = typeof well === 'number' ? well.toFixed(1) : 'never';
        tellRow(name, backS.toFixed(1), seconds, String(traders.told.length - before));
        if (typeof well === 'string') unwell.push(`after ${name}: ${well}`);
        // A process may lose what it needs; it must not die of it.
        gone.push(...fleet.members().flatMap((member) => (member.isRunning ? [] : [`${member.name}, after ${name}`])));
        if (unwell.length + gone.length > 0) break;
        await traders.goOnFor(500 + choices.next() * 500);
      }
      expect({ unwell, gone }).toEqual({ unwell: [], gone: [] });

      await traders.end();
      const { askedAgain } = traders;
      const head = await traders.settle();
      const board = await scoreboardOf(fleet, traders, head);
      process.stderr.write(
        [
          `seed ${String(seed)}: requests answered: ${String(traders.told.length)}; cut off: ${String(fleet.cutOff)}; asked again: ${String(askedAgain)}`,
          ...linesOf(board),
          '',
        ].join('\n'),
      );
      expectClean(board);
      expect(board.acknowledged).toBeGreaterThan(100);
      expect(askedAgain).toBeGreaterThan(0); // or no fault met a request
      expect((await fleet.stop()).exitCode).toBe(0);
    },
    STORY_TIMEOUT_MS,
  );
});

const tellRow = (fault: string, ...figures: readonly string[]): void => {
  process.stderr.write(`${fault.padEnd(20)} ${figures.map((figure) => figure.padStart(10)).join(' ')}\n`);
};

const flushAll = async (url: string): Promise<void> => {
  const client = createClient({ url });
  client.on('error', () => undefined); // the command in hand fails with the same
  await client.connect();
  await client.sendCommand(['FLUSHALL']);
  client.destroy();
};
