import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { faultsOf, readBooks } from '../../../test/support/books';
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
} from '../../../test/support/write-side';
import type { OrderLine } from './order-line';
import type { WriteSide } from './write-side';

/* Friday 2 January 2026, 17:00 IST: closed until Monday, when orders are taken from 9:00 and trade from 9:15. */
const FRIDAY_EVENING_MS = Date.UTC(2026, 0, 2, 11, 30);
const MONDAY_NINE_MS = Date.UTC(2026, 0, 5, 3, 30);
const MONDAY_SESSION_MS = Date.UTC(2026, 0, 5, 3, 45);

let database: TestDatabase;
let log: PostgresEventLog;
let broker: RecordingBroker;
let side: WriteSide;
let accountId: string;
let nowMs: number;
/** Where the log stood before the test began. */
let from: number;
const failures: unknown[] = [];
const sides: WriteSide[] = [];

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});
beforeEach(async () => {
  broker = new RecordingBroker();
  passUntil(FRIDAY_EVENING_MS);
  from = await log.head();
  side = openProcess();
  accountId = await openAccount(side, 'recording');
});
afterEach(async () => {
  await Promise.all(sides.splice(0).map((one) => one.stop()));
  expect(failures.splice(0)).toEqual([]);
  expect(faultsOf(await readBooks(log, from), { settled: true })).toEqual([]);
});

const passUntil = (atMs: number): void => {
  nowMs = atMs;
  broker.marketMs = atMs;
};

/** One process of several on the same log and the same broker. */
const openProcess = (): WriteSide => {
  const opened = sideOn({
    log,
    brokers: [broker],
    now: () => nowMs,
    openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
  });
  sides.push(opened.side);
  const failed = opened.failures.push.bind(opened.failures);
  opened.failures.push = (...errors) => failures.push(...errors) && failed(...errors);
  return opened.side;
};

const afterHours = (wanted: Partial<OrderLine> = {}): OrderLine => line({ afterMarket: true, ...wanted });

const held = async (wanted: Partial<OrderLine> = {}, key = 'k1'): Promise<string> => {
  const reply = await place(side, { accountId, key, lines: [afterHours(wanted)] });
  expect(reply.results).toMatchObject([{ status: 'QUEUED' }]);
  return orderIdOf(reply);
};

const historyOf = (orderId: string) => log.readStream(`order-${orderId}`);
const typesOf = async (orderId: string): Promise<string[]> => (await historyOf(orderId)).map(({ type }) => type);
const statusOf = async (orderId: string) => (await side.ledgers.read(`order-${orderId}`)).state.status;
const reservedE4 = async () => (await side.ledgers.read(`account-${accountId}`)).state.reservedE4;

describe('an order for after the market', () => {
  it('is taken while the market is closed, covered, and not sent', async () => {
    const reply = await place(side, { accountId, key: 'k1', lines: [afterHours()] });
    expect(reply).toMatchObject({
      status: 'ACCEPTED',
      results: [{ status: 'QUEUED', heldUntilMs: MONDAY_NINE_MS }],
    });
    const [placed, ...more] = await historyOf(orderIdOf(reply));
    expect(placed).toMatchObject({ type: 'OrderPlaced', data: { releaseAtMs: MONDAY_NINE_MS } });
    expect(placed?.data).toMatchObject({
      verdicts: expect.arrayContaining([
        expect.objectContaining({ check: 'session', outcome: 'pass', reason: 'held until 2026-01-05 09:00 IST' }),
      ]) as unknown,
    });
    expect(more).toEqual([]);
    expect(await reservedE4()).toBe(10 * 14_123_000);
    expect(broker.calls).toEqual([]);
  });

  it('waits for the session itself where the opening auction does not take it', async () => {
    const reply = await place(side, { accountId, key: 'k1', lines: [afterHours({ validity: 'IOC' })] });
    expect(reply.results).toMatchObject([{ status: 'QUEUED', heldUntilMs: MONDAY_SESSION_MS }]);
  });

  it('that says it may not wait is denied, with when the market opens', async () => {
    const { results } = await place(side, { accountId, key: 'k1', lines: [line()] });
    expect(results).toMatchObject([{ status: 'DENIED', problem: { detail: 'failed: session' } }]);
    const session = results[0]?.verdicts?.find(({ check }) => check === 'session');
    expect(session?.reason).toContain('next at 2026-01-05 09:00 IST');
  });

  it('is sent at once while the market is open', async () => {
    passUntil(MONDAY_SESSION_MS);
    const { results } = await place(side, { accountId, key: 'k1', lines: [afterHours()] });
    expect(results).toMatchObject([{ status: 'ACCEPTED' }]);
    expect(broker.calls).toHaveLength(1);
  });

  it('is denied when it fails a check that does not wait', async () => {
    const { results } = await place(side, { accountId, key: 'k1', lines: [afterHours({ quantity: 70_900 })] });
    expect(results).toMatchObject([{ status: 'DENIED' }]);
    expect(await reservedE4()).toBe(0);
  });

  it('is answered again as it was, and held once', async () => {
    const first = await place(side, { accountId, key: 'k1', lines: [afterHours()] });
    const again = await place(side, { accountId, key: 'k1', lines: [afterHours()] });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await typesOf(orderIdOf(first))).toEqual(['OrderPlaced']);
  });
});

describe('when its market opens', () => {
  it('it is sent, once, and not a moment before', async () => {
    const orderId = await held();
    passUntil(MONDAY_NINE_MS - 1);
    await side.recover();
    expect(broker.calls).toEqual([]);
    passUntil(MONDAY_NINE_MS);
    await side.recover();
    await side.recover();
    expect(broker.timesPlaced(orderId)).toBe(1);
    expect(await typesOf(orderId)).toEqual(['OrderPlaced', 'OrderDispatched', 'OrderAccepted']);
  });

  it('it is judged again, on what is known by then, and says so', async () => {
    const orderId = await held();
    passUntil(MONDAY_NINE_MS);
    await side.recover();
    const dispatched = (await historyOf(orderId)).find(({ type }) => type === 'OrderDispatched');
    expect(dispatched?.data).toMatchObject({
      verdicts: expect.arrayContaining([
        expect.objectContaining({ check: 'session', outcome: 'pass', actual: 'pre-open' }),
      ]) as unknown,
    });
  });

  it('it is given up when it fails by then, and its margin is free', async () => {
    const orderId = await held();
    broker.priceE4 = 13_000_000; // its limit is 8.6 % above that
    passUntil(MONDAY_NINE_MS);
    await side.recover();
    expect(broker.calls).toEqual([]);
    expect(await typesOf(orderId)).toEqual(['OrderPlaced', 'OrderAbandoned']);
    expect((await historyOf(orderId)).at(-1)?.data).toMatchObject({
      evidence: { code: 'DENIED_AT_RELEASE', message: 'failed: price-deviation' },
      verdicts: expect.arrayContaining([
        expect.objectContaining({ check: 'price-deviation', outcome: 'fail', limit: 1_339 }),
      ]) as unknown,
    });
    expect(await reservedE4()).toBe(0);
  });

  it('it holds what its market price needs by then', async () => {
    const rich = await held({ orderType: 'MARKET' });
    expect(await reservedE4()).toBe(10 * 14_543_600); // Rs 1,412 and the collar of 3 %
    broker.priceE4 = 15_000_000;
    passUntil(MONDAY_SESSION_MS);
    await side.recover();
    expect(broker.timesPlaced(rich)).toBe(1);
    expect(await reservedE4()).toBe(10 * 15_450_000);
  });

  it('it is given up when its account cannot cover what its market price has become', async () => {
    accountId = await openAccount(side, 'recording', 15_000_0000);
    const orderId = await held({ orderType: 'MARKET' });
    broker.priceE4 = 15_000_000;
    passUntil(MONDAY_SESSION_MS);
    await side.recover();
    expect(broker.calls).toEqual([]);
    expect((await historyOf(orderId)).at(-1)?.data).toMatchObject({
      evidence: { code: 'DENIED_AT_RELEASE', message: 'failed: balance' },
    });
    expect(await reservedE4()).toBe(0);
  });

  it('it waits on between the auction and the session, and is sent with that', async () => {
    const orderId = await held();
    passUntil(MONDAY_SESSION_MS - 5 * 60_000); // nobody looked before
    await side.recover();
    expect([broker.calls, await statusOf(orderId)]).toEqual([[], 'placed']);
    passUntil(MONDAY_SESSION_MS);
    await side.recover();
    expect(broker.timesPlaced(orderId)).toBe(1);
  });

  it.each([
    ['that day is over', 'DENIED_AT_RELEASE', MONDAY_SESSION_MS + 10 * 3_600_000],
    ['it is Tuesday', 'SESSION_MISSED', MONDAY_SESSION_MS + 24 * 3_600_000],
  ])('it is not sent any more when %s before anybody looked', async (_, code, atMs) => {
    const orderId = await held();
    passUntil(atMs);
    await side.recover();
    expect(broker.calls).toEqual([]);
    expect((await historyOf(orderId)).at(-1)).toMatchObject({ type: 'OrderAbandoned', data: { evidence: { code } } });
    expect(await reservedE4()).toBe(0);
  });

  it('it is released by the process that looks after everybody’s work', async () => {
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
    try {
      side.start();
      const orderId = await held();
      for (const atMs of [MONDAY_NINE_MS - 1, MONDAY_NINE_MS, MONDAY_NINE_MS + 5_000]) {
        passUntil(atMs);
        jest.advanceTimersByTime(5_000);
        await side.recovery.idle();
      }
      expect(broker.timesPlaced(orderId)).toBe(1);
      expect(await statusOf(orderId)).toBe('working');
    } finally {
      jest.useRealTimers();
    }
  });

  it('it is released once, by a process that knows nothing of it', async () => {
    const orderId = await held();
    await side.stop(); // died while it was held
    passUntil(MONDAY_NINE_MS);
    const next = openProcess();
    await next.recover();
    await openProcess().recover();
    expect(broker.timesPlaced(orderId)).toBe(1);
    expect((await next.ledgers.read(`order-${orderId}`)).state.status).toBe('working');
  });

  it('it is released once by several processes at once', async () => {
    const orderId = await held();
    passUntil(MONDAY_NINE_MS);
    await Promise.all([side, openProcess(), openProcess()].map((one) => one.recover()));
    expect(broker.timesPlaced(orderId)).toBe(1);
  });

  it('nothing of it was read before, but once', async () => {
    const orderId = await held();
    await side.recover();
    const reads = jest.spyOn(log, 'readStream');
    try {
      await side.recover();
      expect(
        reads.mock.calls.filter(([stream]) => stream.startsWith('order-') || stream.startsWith('account-')),
      ).toEqual([]);
      passUntil(MONDAY_NINE_MS);
      await side.recover();
    } finally {
      reads.mockRestore();
    }
    expect(broker.timesPlaced(orderId)).toBe(1);
  });

  it('it waits on while its broker is not connected', async () => {
    const orderId = await held();
    passUntil(MONDAY_NINE_MS);
    const elsewhere = sideOn({
      log,
      brokers: [new RecordingBroker('other')],
      now: () => nowMs,
      openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
    });
    await elsewhere.side.recover();
    expect(elsewhere.failures).toEqual([]);
    await elsewhere.side.stop();
    expect(await statusOf(orderId)).toBe('placed');
    await side.recover();
    expect(broker.timesPlaced(orderId)).toBe(1);
  });
});

describe('at a market that replays one day again and again', () => {
  const REPLAYED_TEN_MS = FRIDAY_EVENING_MS - 7 * 3_600_000;
  const YEAR_MS = 365 * 86_400_000;
  const replayed = (atMs: number): void => {
    passUntil(atMs);
    nowMs = FRIDAY_EVENING_MS + YEAR_MS;
  };

  it('it waits while the market shows other hours, and is sent, once, when it shows hours of trading', async () => {
    replayed(FRIDAY_EVENING_MS);
    const orderId = await held();
    replayed(FRIDAY_EVENING_MS + 60_000);
    await side.recover();
    expect([broker.calls, await statusOf(orderId)]).toEqual([[], 'placed']);
    replayed(REPLAYED_TEN_MS);
    await side.recover();
    await side.recover();
    expect(broker.timesPlaced(orderId)).toBe(1);
    expect(await typesOf(orderId)).toEqual(['OrderPlaced', 'OrderDispatched', 'OrderAccepted']);
  });
});

describe('while it is held', () => {
  it('a cancel is done at once, and it is never sent', async () => {
    const orderId = await held();
    const cancelled = await cancel(side, { accountId, orderId, requestId: 'c1' });
    expect(cancelled).toMatchObject({ status: 'CANCELLED', pending: null, leavesQuantity: 0 });
    expect(await reservedE4()).toBe(0);
    passUntil(MONDAY_NINE_MS);
    await side.recover();
    expect(broker.calls).toEqual([]);
    expect(await typesOf(orderId)).toEqual(['OrderPlaced', 'CancelRequested', 'OrderCancelled']);
  });

  it('a cancel that races its release leaves nothing in the market', async () => {
    const orderId = await held();
    passUntil(MONDAY_NINE_MS);
    await Promise.all([side.recover(), cancel(openProcess(), { accountId, orderId, requestId: 'c1' })]);
    await side.recover(); // the cancel of an order that was just sent is asked of its broker
    expect(await statusOf(orderId)).toBe('cancelled');
    expect(broker.book.get(orderId)?.status ?? 'cancelled').toBe('cancelled');
    expect(await reservedE4()).toBe(0);
  });

  it('it cannot be changed', async () => {
    const orderId = await held();
    const change = replace(side, { accountId, orderId, requestId: 'r1', expectedVersion: 0, change: { quantity: 5 } });
    await expect(change).rejects.toMatchObject({ code: 'order.not-working' });
  });
});
