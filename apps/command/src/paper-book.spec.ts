import { setTimeout as sleep } from 'node:timers/promises';
import { PaperBroker } from '#brokers/paper/paper-broker';
import { PaperMarket } from '#brokers/paper/paper-market';
import type { EventLog } from '#event-log/event-log';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { faultsOf, readBooks } from '../../../test/support/books';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import {
  cancel,
  line,
  openAccount,
  openWorkOf,
  orderIdOf,
  place,
  RELIANCE,
  replace,
  sideOn,
} from '../../../test/support/write-side';
import { type Listed, PaperBook } from './paper-book';
import type { WriteSide } from './write-side';

const TICK_MS = 20;

let database: TestDatabase;
const logs: EventLog[] = [];
const sides: WriteSide[] = [];

beforeAll(async () => (database = await createTestDatabase([EventLog1767225600000])));
afterEach(async () => {
  await Promise.all(sides.splice(0).map((side) => side.stop()));
  await Promise.all(logs.splice(0).map((log) => log.close()));
});
afterAll(() => database.drop());

/** A book, and the streams it has read. */
const openBook = (log: EventLog, isKeeper: () => boolean) => {
  const reads: string[] = [];
  const listed = async (): Promise<readonly Listed[]> =>
    (await openWorkOf(log, Infinity))
      .filter(({ kind }) => kind === 'order')
      .map(({ id, position }) => ({ orderId: id, position }));
  const watched = {
    readStream: (stream: string) => {
      reads.push(stream);
      return log.readStream(stream);
    },
  };
  const book = new PaperBook({ log: watched, listed, isKeeper });
  return { book, reads };
};

/** One of several processes on the same log and the same recorded market: Rs 1,410 up to Rs 1,420, ten shares a tick. */
const openProcess = (keeper: { held: boolean }) => {
  const log = new PostgresEventLog({ url: database.url });
  logs.push(log);
  const { book } = openBook(log, () => keeper.held);
  const day = { openE4: 14_100_000, highE4: 14_200_000, lowE4: 14_100_000, closeE4: 14_200_000, volume: 400 };
  const errors: unknown[] = [];
  const broker = new PaperBroker({
    market: new PaperMarket(new Map([[RELIANCE.instrumentKey, day]]), TICK_MS),
    marketNowMs: () => Date.UTC(2026, 0, 2, 5),
    tickMs: TICK_MS,
    now: () => Date.now(),
    lotSizeOf: () => 1,
    resting: () => book.resting(),
    onError: (error) => errors.push(error),
  });
  const { side, failures } = sideOn({ log, brokers: [broker], isKeeper: () => keeper.held, now: () => Date.now() });
  sides.push(side);
  side.start();
  return { log, side, failures, errors };
};

const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
  while (!(await isTrue())) await sleep(TICK_MS);
};

describe('the book of the paper broker', () => {
  it('is filled by the keeper, whoever took the order', async () => {
    const [taker, keeper] = [openProcess({ held: false }), openProcess({ held: true })];
    const accountId = await openAccount(taker.side, 'paper');
    const placed = await place(taker.side, { accountId, key: 'one', lines: [line({ quantity: 35, price: 1_420 })] });
    const orderId = orderIdOf(placed);
    const stateOf = async () => (await taker.side.ledgers.read(`order-${orderId}`)).state;
    await until(async () => (await stateOf()).status === 'filled');
    expect((await stateOf()).tradeIds.size).toBeGreaterThanOrEqual(4);
    expect([...keeper.errors, ...keeper.failures, ...taker.failures]).toEqual([]);
  });

  it('is nobody’s while there is no keeper, and goes on with the next', async () => {
    const lease = { held: false };
    const only = openProcess(lease);
    const accountId = await openAccount(only.side, 'paper');
    const orderId = orderIdOf(
      await place(only.side, { accountId, key: 'two', lines: [line({ quantity: 30, price: 1_420 })] }),
    );
    const filled = async () => (await only.side.ledgers.read(`order-${orderId}`)).state.filledQuantity;
    const before = await filled();
    await sleep(5 * TICK_MS);
    expect(await filled()).toBe(before);
    lease.held = true;
    await until(async () => (await filled()) === 30);
  });

  it('reads an order again only when it has changed', async () => {
    const { log, side } = openProcess({ held: false });
    const { book, reads } = openBook(log, () => true);
    const accountId = await openAccount(side, 'paper');
    const orderId = orderIdOf(await place(side, { accountId, key: 'three', lines: [line({ price: 1_400 })] }));
    const times = (): number => reads.filter((stream) => stream === `order-${orderId}`).length;
    for (let n = 0; n < 3; n += 1) await book.resting();
    expect(times()).toBe(1);
    await replace(side, { accountId, orderId, requestId: 'r', expectedVersion: 2, change: { quantity: 20 } });
    const [resting] = await book.resting();
    expect(resting?.order.terms.quantity).toBe(20);
    expect(times()).toBe(2);
    await cancel(side, { accountId, orderId, requestId: 'c' });
    expect(await book.resting()).toEqual([]);
  });

  it('fits together when one process matches what others place, change and cancel at once', async () => {
    const keeper = openProcess({ held: true });
    const takers = [openProcess({ held: false }), openProcess({ held: false })];
    const accountId = await openAccount(keeper.side, 'paper');
    const from = await keeper.log.head();
    const orderIds = await Promise.all(
      Array.from({ length: 24 }, async (_, n) => {
        const side = (takers[n % 2] ?? keeper).side;
        const placed = await place(side, {
          accountId,
          key: `four-${String(n)}`,
          lines: [line({ quantity: 50, price: 1_415 })],
        });
        return orderIdOf(placed);
      }),
    );
    await Promise.all(
      orderIds.map(async (orderId, n) => {
        const side = (takers[(n + 1) % 2] ?? keeper).side;
        if (n % 3 === 0) await cancel(side, { accountId, orderId, requestId: 'c' }).catch(expectClosed);
        if (n % 3 === 1) {
          const { revision } = await side.ledgers.read(`order-${orderId}`);
          const expectedVersion = revision === 'no-stream' ? -1 : revision;
          const change = { quantity: 40, price: 1_420 };
          await replace(side, { accountId, orderId, requestId: 'r', expectedVersion, change }).catch(expectClosed);
        }
      }),
    );
    await until(async () => {
      const states = await Promise.all(
        orderIds.map(async (id) => (await keeper.side.ledgers.read(`order-${id}`)).state),
      );
      return states.every(({ status }) => status === 'filled' || status === 'cancelled');
    });
    await Promise.all(sides.map((side) => side.desk.drain()));
    const all = await readBooks(keeper.log, 0);
    expect(faultsOf(all, { settled: false }).filter((fault) => fault.includes(accountId))).toEqual([]);
    const mine = [...all.histories.values()]
      .flat()
      .filter(({ position, meta }) => position > from && meta.accountId === accountId);
    expect(mine.filter(({ type }) => type === 'OverfillReported')).toEqual([]);
    expect([keeper, ...takers].flatMap(({ errors, failures }) => [...errors, ...failures])).toEqual([]);
  });
});

/** A fill, or another change, may be faster than a request: then it is refused, and nothing else goes wrong. */
const expectClosed = (error: unknown): void => {
  const code = error instanceof Error && 'code' in error ? error.code : error;
  expect([
    'ORDER_CLOSED',
    'VERSION_MISMATCH',
    'CANCEL_REJECTED',
    'CHANGE_REJECTED',
    'order.closed',
    'order.quantity-below-filled',
  ]).toContain(code);
};
