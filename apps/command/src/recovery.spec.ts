import { Client } from 'pg';
import type { Broker } from '#brokers/broker';
import { CLOSED, isHeld } from '#domain/orders/order';
import { EventLogUnavailable } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { ProcessDied, TearingEventLog } from '#event-log/tearing-event-log';
import { type Books, faultsOf, readBooks } from '../../../test/support/books';
import { type Death, MortalEventLog } from '../../../test/support/mortal-event-log';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import {
  cancel,
  line,
  openAccount,
  openWorkOf,
  orderIdOf,
  place,
  replace,
  sideOn,
  TEN_O_CLOCK_MS,
} from '../../../test/support/write-side';
import type { OrderLine } from './order-line';
import type { WriteSide } from './write-side';

/*
 * A process can die before and after every single write. Each story below is told once to its end, and then once for
 * every such moment: it dies there, the next process finds what is left, recovers, and everything must fit together.
 */

let database: TestDatabase;
let log: PostgresEventLog;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  await withoutFsync(database.url);
  log = new PostgresEventLog({ url: database.url });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

/** Deaths of the server are not what is proved here, and there are many short stories. */
const withoutFsync = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`);
  await client.end();
};

interface Stage {
  readonly side: WriteSide;
  readonly broker: RecordingBroker;
  readonly accountId: string;
}

interface Story {
  /** How the broker reacts; before anything happens. */
  readonly prepare?: (broker: RecordingBroker) => void;
  readonly lines?: readonly OrderLine[];
  /** What happens after the request with the key `k1` was answered. */
  readonly act?: (stage: Stage, orderId: string, secondOrderId: string | undefined) => Promise<unknown>;
}

const change = (stage: Stage, orderId: string, quantity: number, price?: number) =>
  versionOf(stage, orderId).then((expectedVersion) =>
    replace(stage.side, {
      accountId: stage.accountId,
      orderId,
      requestId: `r${String(quantity)}`,
      expectedVersion,
      change: { quantity, ...(price !== undefined && { price }) },
    }),
  );

const versionOf = async ({ side }: Stage, orderId: string): Promise<number> => {
  const { revision } = await side.ledgers.read(`order-${orderId}`);
  return revision === 'no-stream' ? -1 : revision;
};

/** Friday 2 January 2026, 17:00 IST, and when orders are taken again. */
const FRIDAY_EVENING_MS = Date.UTC(2026, 0, 2, 11, 30);
const MONDAY_NINE_MS = Date.UTC(2026, 0, 5, 3, 30);

const afterHours = (broker: RecordingBroker): void => {
  broker.marketMs = FRIDAY_EVENING_MS;
};

const stories: Readonly<Record<string, Story>> = {
  'an order is placed and accepted': {},
  'three orders: one fills at once, one is rejected, one is denied': {
    prepare: (broker) => {
      broker.onPlace = ({ details }) => (details.line === 0 ? { kind: 'accept', fills: [4] } : { kind: 'reject' });
    },
    lines: [line(), line(), line({ quantity: 100_000 })],
  },
  'an order fills in two parts': {
    act: async ({ broker }, orderId) => {
      await broker.fill(orderId, 4);
      await broker.fill(orderId, 6, 14_110_000);
    },
  },
  'a partly filled order is cancelled': {
    act: async ({ side, accountId, broker }, orderId) => {
      await broker.fill(orderId, 4);
      await cancel(side, { accountId, orderId, requestId: 'c1' });
    },
  },
  'a cancel meets silence, and was heard': {
    prepare: (broker) => {
      broker.onCancel = () => ({ kind: 'swallow' });
    },
    act: ({ side, accountId }, orderId) => cancel(side, { accountId, orderId, requestId: 'c1' }),
  },
  'a cancel meets silence, and was not heard': {
    prepare: (broker) => {
      broker.onCancel = () => ({ kind: 'lose' });
    },
    act: ({ side, accountId }, orderId) => cancel(side, { accountId, orderId, requestId: 'c1' }),
  },
  'an order is made larger at another price, and fills': {
    act: async (stage, orderId) => {
      await stage.broker.fill(orderId, 4);
      await change(stage, orderId, 20, 1420);
      await stage.broker.fill(orderId, 16);
    },
  },
  'an order is made smaller': {
    act: (stage, orderId) => change(stage, orderId, 5),
  },
  'a change is rejected by the broker': {
    prepare: (broker) => {
      broker.onModify = () => ({ kind: 'reject' });
    },
    act: (stage, orderId) => change(stage, orderId, 20).catch(unlessDead),
  },
  'a change is denied by our own rules': {
    act: (stage, orderId) => change(stage, orderId, 10, 1400.03).catch(unlessDead),
  },
  'a change meets silence, and was not heard': {
    prepare: (broker) => {
      broker.onModify = () => ({ kind: 'lose' });
    },
    act: (stage, orderId) => change(stage, orderId, 20, 1420),
  },
  'a change meets silence, and was heard': {
    prepare: (broker) => {
      broker.onModify = () => ({ kind: 'swallow' });
    },
    act: (stage, orderId) => change(stage, orderId, 20),
  },
  'an order is placed into silence, and was heard': {
    prepare: (broker) => {
      broker.onPlace = () => ({ kind: 'swallow' });
    },
  },
  'an order is placed into silence, and was not heard': {
    prepare: (broker) => {
      broker.onPlace = () => ({ kind: 'lose' });
    },
  },
  'an order is placed, and the answer comes too late': {
    prepare: (broker) => {
      broker.onPlace = () => ({ kind: 'late' });
    },
  },
  'an order never leaves the house': {
    prepare: (broker) => {
      broker.onPlace = () => ({ kind: 'not-sent' });
    },
  },
  'an order waits for its market, and is sent': {
    prepare: afterHours,
    lines: [line({ afterMarket: true })],
    act: async ({ side, broker }) => {
      broker.marketMs = MONDAY_NINE_MS;
      await side.recover();
    },
  },
  'an order waits for its market, and is given up when that opens': {
    prepare: afterHours,
    lines: [line({ afterMarket: true })],
    act: async ({ side, broker }) => {
      broker.marketMs = MONDAY_NINE_MS;
      broker.priceE4 = 13_000_000;
      await side.recover();
    },
  },
  'an order is cancelled while it waits for its market': {
    prepare: afterHours,
    lines: [line({ afterMarket: true })],
    act: ({ side, accountId }, orderId) => cancel(side, { accountId, orderId, requestId: 'c1' }),
  },
  'the exchange ends an order by itself': {
    act: async ({ broker }, orderId) => {
      await broker.fill(orderId, 1);
      await broker.end(orderId, 'expired');
    },
  },
  'shares are bought, and sold again': {
    prepare: (broker) => {
      broker.onPlace = ({ details }) =>
        details.side === 'BUY' ? { kind: 'accept', fills: [10] } : { kind: 'accept', fills: [3] };
    },
    act: async ({ side, accountId, broker }) => {
      const sold = await place(side, { accountId, key: 'k2', lines: [line({ side: 'SELL' })] });
      await broker.fill(orderIdOf(sold), 2, 14_200_000);
      await cancel(side, { accountId, orderId: orderIdOf(sold), requestId: 'c1' });
    },
  },
  'several things happen to one account at once': {
    lines: [line({ product: 'MIS' }), line({ product: 'MIS', quantity: 20 })],
    act: async ({ side, accountId, broker }, orderId, secondOrderId = '') => {
      const selling = line({ side: 'SELL', product: 'MIS', quantity: 5, price: 1420 }); // closes, or opens a short
      const all = [
        place(side, { accountId, key: 'k2' }),
        broker.fill(orderId, 5),
        cancel(side, { accountId, orderId: secondOrderId, requestId: 'c1' }),
        place(side, { accountId, key: 'k3', lines: [selling, line()] }),
      ];
      const outcomes = await Promise.allSettled(all);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
  },
};

const unlessDead = (error: unknown): void => {
  if (error instanceof ProcessDied) throw error;
};

/** What is left of a story, whoever told it and however far. */
interface Left {
  readonly broker: RecordingBroker;
  readonly accountId: string;
  /** Where the log stood before the story began. */
  readonly from: number;
  readonly mortal: MortalEventLog;
  /** How often the broker had been called at each write. */
  readonly callsAtAppend: readonly number[];
}

const tell = async ({ prepare, lines, act }: Story, death?: Death): Promise<Left> => {
  const from = await log.head();
  const broker = new RecordingBroker();
  prepare?.(broker);
  const { side: before } = sideOn({ log, brokers: [broker] });
  const accountId = await openAccount(before, 'recording');

  const mortal = new MortalEventLog(log, death);
  const callsAtAppend: number[] = [];
  const append = mortal.append.bind(mortal);
  mortal.append = (writes) => {
    callsAtAppend.push(broker.calls.length);
    return append(writes);
  };
  const { side } = sideOn({
    log: new TearingEventLog(mortal),
    brokers: [asLongAsAlive(broker, mortal)],
    brokerTimeoutMs: 25,
    openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
  });
  try {
    await side.recover();
    side.start();
    const answer = await place(side, { accountId, key: 'k1', ...(lines && { lines }) });
    await act?.({ side, broker, accountId }, orderIdOf(answer), answer.results[1]?.orderId);
    await side.desk.drain();
  } catch (error) {
    if (!(error instanceof ProcessDied)) throw error;
  }
  await side.stop();
  return { broker, accountId, from, mortal, callsAtAppend };
};

/** A dead process calls no broker. */
const asLongAsAlive = (broker: RecordingBroker, mortal: MortalEventLog): Broker =>
  new Proxy(broker, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...values: unknown[]): unknown => {
        if (mortal.dead && ['place', 'modify', 'cancel', 'findByTag'].includes(String(name))) throw new ProcessDied();
        return Reflect.apply(member, target, values);
      };
    },
  });

const accepts = () => ({ kind: 'accept' }) as const;

/** The next process: recovers, listens, ends. By then the broker answers again. Resolves with how much it wrote. */
const recover = async ({ broker, from }: Left, ageMs: number): Promise<number> => {
  const before = await log.head();
  Object.assign(broker, { onPlace: accepts, onCancel: accepts, onModify: accepts });
  const { side, failures } = sideOn({
    log: new TearingEventLog(log),
    brokers: [broker],
    now: () => TEN_O_CLOCK_MS + ageMs,
    brokerTimeoutMs: 25,
    openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
  });
  await side.recover();
  side.start();
  await side.stop();
  expect(failures).toEqual([]);
  return (await log.head()) - before;
};

/** What the log and the broker's book say differently about an order. */
const differences = (books: Books, { broker, accountId }: Left): string[] => {
  const found: string[] = [];
  for (const [orderId, it] of books.orders) {
    const { details, status, filledQuantity, terms } = it;
    if (details?.accountId !== accountId) continue;
    const booked = broker.book.get(orderId);
    if (isHeld(it) && !booked) continue; // nobody has it but us
    const say = (what: string) => found.push(`order ${orderId} (${status}) ${what}`);
    if (broker.timesArrived(orderId) > 1) say(`reached the exchange ${String(broker.timesArrived(orderId))} times`);
    const traded = booked?.trades.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0;
    if (traded !== filledQuantity) say(`traded ${String(traded)} at the broker, says ${String(filledQuantity)}`);
    if ((booked?.status === 'working') === CLOSED.has(status)) say(`is ${booked?.status ?? 'unknown'} at the broker`);
    if (booked && terms.quantity !== booked.terms.quantity)
      say(`is for ${String(booked.terms.quantity)} at the broker, says ${String(terms.quantity)}`);
  }
  for (const orderId of broker.book.keys())
    if (!books.orders.has(orderId)) found.push(`order ${orderId} is at the broker and not in the log`);
  return found;
};

const expectAllIsWell = async (left: Left): Promise<void> => {
  const books = await readBooks(log, left.from);
  expect(faultsOf(books, { settled: true })).toEqual([]);
  expect(differences(books, left)).toEqual([]);
};

/** Both sides of every write; `after` one is the same as `before` the next unless the broker was called in between. */
const deathsIn = ({ callsAtAppend }: Left): readonly Death[] =>
  callsAtAppend.flatMap((calls, append): Death[] => {
    const next = callsAtAppend[append + 1];
    return next === calls
      ? [{ when: 'before', append }]
      : [
          { when: 'before', append },
          { when: 'after', append },
        ];
  });

describe.each(Object.entries(stories))('%s', (_, story) => {
  it('leaves nothing undone when nobody dies', async () => {
    const left = await tell(story);
    expect(left.mortal.dead).toBe(false);
    await recover(left, 1_000); // silence is cleared up by the next process, too
    await expectAllIsWell(left);
  });

  it('is finished by the next process wherever the first one dies', async () => {
    const deaths = deathsIn(await tell(story));
    for (const death of deaths) {
      const left = await tell(story, death);
      try {
        expect(left.mortal.dead).toBe(true);
        await recover(left, 1_000);
        await expectAllIsWell(left);
        expect(await recover(left, 2_000)).toBe(0); // there was nothing left to do

        // The client, who heard nothing, asks again.
        const { side } = sideOn({ log, brokers: [left.broker], brokerTimeoutMs: 25 });
        const { accountId } = left;
        await place(side, { accountId, key: 'k1', ...(story.lines && { lines: story.lines }) });
        await side.stop();
        await recover(left, 3_000);
        await expectAllIsWell(left);
      } catch (error) {
        throw new Error(`died ${death.when} write ${String(death.append)}`, { cause: error });
      }
    }
  }, 120_000);
});

describe('what was asked too long ago', () => {
  it('is denied, not sent: the market has moved on', async () => {
    const story: Story = { lines: [line(), line({ side: 'SELL', product: 'MIS', price: 1420 })] };
    for (const death of deathsIn(await tell(story))) {
      const left = await tell(story, death);
      const calls = left.broker.calls.filter(({ call }) => call === 'place').length;
      await recover(left, 31_000);
      await expectAllIsWell(left);
      expect(left.broker.calls.filter(({ call }) => call === 'place')).toHaveLength(calls);
    }
  }, 60_000);
});

describe('the watch of a process that lives', () => {
  let broker: RecordingBroker;
  let side: WriteSide;
  let failures: unknown[];
  let accountId: string;
  let nowMs: number;
  let from: number;

  beforeEach(async () => {
    // Only the watch itself: the log needs its timers.
    jest.useFakeTimers({
      doNotFake: [
        'Date',
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'setTimeout',
        'clearTimeout',
      ],
    });
    from = await log.head();
    nowMs = TEN_O_CLOCK_MS;
    broker = new RecordingBroker();
    ({ side, failures } = sideOn({
      log,
      brokers: [broker],
      now: () => nowMs,
      brokerTimeoutMs: 25,
      openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
    }));
    await side.recover();
    side.start();
    accountId = await openAccount(side, 'recording');
  });
  afterEach(async () => {
    await side.stop();
    expect(failures).toEqual([]);
    jest.useRealTimers();
  });

  /** Lets so much time pass; the watch has looked by then. */
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    jest.advanceTimersByTime(5_000);
    await side.recovery.idle();
  };

  const silently = (): void => {
    broker.onPlace = () => ({ kind: 'swallow' });
    broker.onCancel = () => ({ kind: 'lose' });
    broker.onModify = () => ({ kind: 'lose' });
  };

  const times = (call: 'cancel' | 'find' | 'modify'): number => broker.calls.filter((one) => one.call === call).length;

  it('finds an order that was placed into silence, once its request must be over', async () => {
    silently();
    const orderId = orderIdOf(await place(side, { accountId, key: 'k1' }));
    await pass(5_000);
    expect(times('find')).toBe(0);
    await pass(10_000);
    expect(times('find')).toBe(1);
    expect((await side.ledgers.read(`order-${orderId}`)).state.status).toBe('working');
  });

  it('keeps an order in doubt for as long as the broker cannot be asked', async () => {
    silently();
    broker.canSearch = false;
    const orderId = orderIdOf(await place(side, { accountId, key: 'k1' }));
    await pass(15_000);
    await pass(3_600_000);
    expect((await side.ledgers.read(`order-${orderId}`)).state.status).toBe('in-doubt');
    broker.canSearch = true;
    await pass(300_000); // it is asked less and less often
    expect((await side.ledgers.read(`order-${orderId}`)).state.status).toBe('working');
    expect(broker.timesPlaced(orderId)).toBe(1);
  });

  it('asks again for a cancel and for a change that met silence, however old their orders are', async () => {
    const [first, second] = [await place(side, { accountId, key: 'k1' }), await place(side, { accountId, key: 'k2' })];
    silently();
    nowMs += 3_600_000;
    await cancel(side, { accountId, orderId: orderIdOf(first), requestId: 'c1' });
    await change({ side, broker, accountId }, orderIdOf(second), 20);
    await pass(5_000); // somebody may still be waiting for the answer
    expect([times('cancel'), times('modify')]).toEqual([1, 1]);
    Object.assign(broker, { onCancel: accepts, onModify: accepts });
    await pass(10_000);
    expect([times('cancel'), times('modify')]).toEqual([2, 2]);
    expect((await side.ledgers.read(`order-${orderIdOf(first)}`)).state.status).toBe('cancelled');
    expect((await side.ledgers.read(`order-${orderIdOf(second)}`)).state.terms.quantity).toBe(20);
  });

  it('leaves alone what this process is busy with', async () => {
    await side.stop();
    ({ side, failures } = sideOn({
      log,
      brokers: [broker],
      now: () => nowMs,
      openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
    }));
    await side.recover();
    side.start();
    let answer: () => void = () => undefined;
    const there = new Promise<void>((resolve) => (answer = resolve));
    const asked = new Promise<void>((resolve) => {
      const send = broker.place.bind(broker);
      jest.spyOn(broker, 'place').mockImplementationOnce(async (dispatch) => {
        resolve();
        await there;
        return send(dispatch);
      });
    });
    const placing = place(side, { accountId, key: 'k1' });
    await asked;
    await pass(60_000);
    expect(times('find')).toBe(0);
    answer();
    expect((await placing).status).toBe('ACCEPTED');
  });

  it('does not read an order again that was in good order and has not moved', async () => {
    const orderId = orderIdOf(await place(side, { accountId, key: 'k1' }));
    await pass(20_000);
    const read = jest.spyOn(log, 'readStream');
    await pass(5_000);
    expect(read).not.toHaveBeenCalled();
    await broker.fill(orderId, 1);
    read.mockClear();
    await pass(5_000);
    expect(read).toHaveBeenCalled();
    read.mockRestore();
  });
});

describe('the end of a process', () => {
  it('does not wait for a log that is away: the next process does the rest', async () => {
    const left = await tell({});
    const { side, failures } = sideOn({
      log,
      brokers: [left.broker],
      openWork: (beforeMs) => openWorkOf(log, beforeMs, left.from),
    });
    await side.recover();
    side.start();
    const [orderId] = left.broker.book.keys();
    const away = jest.spyOn(log, 'append').mockRejectedValue(new EventLogUnavailable('away'));
    const filled = left.broker.fill(orderId ?? '', 4).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 300)); // it has failed, and tries again
    await side.stop();
    expect(await filled).toBeInstanceOf(EventLogUnavailable);
    expect(failures.length).toBeGreaterThan(0);
    away.mockRestore();
    await recover(left, 1_000);
    await expectAllIsWell(left);
  });
});
