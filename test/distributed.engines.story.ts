/*
 * The stories of the single process, on two of each process, with the double of EventStoreDB, a real Kafka, a real Redis
 * and Postgres.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FIRST_ORDER_ENVIRONMENT, firstOrder } from './stories/first-order';
import { hostileClient } from './stories/hostile-client';
import { neverOverTheLimit } from './stories/never-over-the-limit';
import { type Accident, noAcknowledgedOrderIsLost, seed } from './stories/no-acknowledged-order-is-lost';
import { oneKeyOneIntent } from './stories/one-key-one-intent';
import { needsInstalled } from './support/engines';
import { DISTRIBUTED, Fleet, type Member } from './support/fleet';
import { kafka } from './support/kafka';
import type { Choices } from './support/random';
import { redis } from './support/redis';
import { ensureBuilt } from './support/workspace';

jest.setTimeout(300_000);

beforeAll(ensureBuilt, 300_000);

/** A process or two die, now and then all of an app, sometimes again while they start. */
const accident = async (fleet: Fleet, choices: Choices, killsMax: number): Promise<Accident> => {
  const all = fleet.members();
  const { app } = choices.pick(all);
  const victims = choices.next() < 0.2 ? fleet.members(app) : choices.shuffle(all).slice(0, choices.pick([1, 1, 2]));
  const few = victims.slice(0, killsMax);
  await Promise.all(few.map((member) => member.kill()));
  let kills = few.length;
  await sleep(choices.next() * 500);
  if (kills < killsMax && choices.next() < 0.2) {
    kills += 1;
    await few[0]?.startAndKill(choices.next() * 3_000);
  }
  const start = async (member: Member): Promise<number> => {
    const before = Date.now();
    await member.start();
    return Date.now() - before;
  };
  return { kills, startsMs: await Promise.all(few.map(start)) };
};

needsInstalled('on the distributed engines', [kafka, redis], () => {
  describe('one trader’s first morning', () => {
    firstOrder(() => new Fleet({ ...DISTRIBUTED, environment: FIRST_ORDER_ENVIRONMENT }), { family: 8 });
  });

  describe('one key is one intent', () => {
    oneKeyOneIntent(() => new Fleet(DISTRIBUTED));
  });

  describe('a hostile client', () => {
    hostileClient(() => new Fleet(DISTRIBUTED));
  });

  describe(`no acknowledged order is lost (seed ${String(seed)})`, () => {
    noAcknowledgedOrderIsLost({
      open: () => new Fleet({ ...DISTRIBUTED, environment: { PAPER_TICK_MS: '250' } }),
      clients: 12,
      accident,
      appendsAreWhole: false,
    });
  });
});

// Kafka and Redis have no part in it.
describe('an account is never over its limit, with the log in the double of EventStoreDB', () => {
  neverOverTheLimit(() => new Fleet({ processes: { command: 2, projector: 1, query: 0, relay: 0 }, eventStore: true }));
});
