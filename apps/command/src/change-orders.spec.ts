import { randomUUID } from 'node:crypto';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { faultsOf, readBooks } from '../../../test/support/books';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { cancel, line, openAccount, orderIdOf, place, replace, sideOn } from '../../../test/support/write-side';
import type { OrderChange } from './order-line';
import type { WriteSide } from './write-side';

let database: TestDatabase;
let log: PostgresEventLog;
let broker: RecordingBroker;
let side: WriteSide;
let failures: unknown[];
let accountId: string;

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
  ({ side, failures } = sideOn({ log, brokers: [broker], brokerTimeoutMs: 200 }));
  await side.recover();
  side.start();
  accountId = await openAccount(side, 'recording');
});
afterEach(async () => {
  await side.stop();
  expect(failures).toEqual([]);
  const faults = faultsOf(await readBooks(log), { settled: false });
  expect(faults).toEqual([]);
});

const working = async (quantity = 10): Promise<string> =>
  orderIdOf(await place(side, { accountId, key: randomUUID(), lines: [line({ quantity })] }));

const eventsOf = async (orderId: string): Promise<string[]> =>
  (await log.readStream(`order-${orderId}`)).map(({ type }) => type);

const held = async (orderId: string) =>
  (await side.ledgers.read(`account-${accountId}`)).state.reservations.get(orderId);

const calls = (call: 'cancel' | 'modify'): number => broker.calls.filter((one) => one.call === call).length;

describe('a cancel', () => {
  const cancelIt = (orderId: string, requestId = 'c1') => cancel(side, { accountId, orderId, requestId });

  it('is recorded, asked of the broker, confirmed, and frees the margin', async () => {
    const orderId = await working();
    await broker.fill(orderId, 4);
    expect(await cancelIt(orderId)).toMatchObject({
      status: 'CANCELLED',
      ordStatus: '4',
      pending: null,
      version: 5,
      filledQuantity: 4,
      leavesQuantity: 0,
    });
    expect(await eventsOf(orderId)).toEqual([
      'OrderPlaced',
      'OrderDispatched',
      'OrderAccepted',
      'OrderFilled',
      'CancelRequested',
      'OrderCancelled',
    ]);
    expect(await held(orderId)).toBeUndefined();
  });

  it('told twice is the same cancel', async () => {
    const orderId = await working();
    const once = await cancelIt(orderId);
    expect(await cancelIt(orderId)).toEqual({ ...once, position: 0 });
    expect(calls('cancel')).toBe(1);
  });

  it('of an order that is over is refused', async () => {
    const orderId = await working();
    await broker.fill(orderId, 10);
    await expect(cancelIt(orderId)).rejects.toMatchObject({ code: 'order.closed' });
    expect(calls('cancel')).toBe(0);
  });

  it.each(['lose', 'swallow', 'late'] as const)(
    'that meets silence (%s) stays pending, and may be repeated',
    async (kind) => {
      const orderId = await working();
      broker.onCancel = () => ({ kind });
      expect(await cancelIt(orderId)).toMatchObject({ status: 'OPEN', ordStatus: '6', pending: 'CANCEL' });
      broker.onCancel = () => ({ kind: 'accept' });
      if (kind === 'lose') expect(await cancelIt(orderId)).toMatchObject({ status: 'CANCELLED', pending: null });
      expect(await eventsOf(orderId)).toContain('CancelRequested');
    },
  );

  it('that the broker refuses says so, and the order works on', async () => {
    const orderId = await working();
    broker.onCancel = () => ({ kind: 'reject' });
    await expect(cancelIt(orderId)).rejects.toMatchObject({ status: 409, code: 'CANCEL_REJECTED' });
    const { state } = await side.ledgers.read(`order-${orderId}`);
    expect(state).toMatchObject({ status: 'working', lastEvidence: { code: 'RECORDED' } });
    expect(state.pendingCancel).toBeUndefined();
    expect(await held(orderId)).toMatchObject({ remainingQuantity: 10 });
  });

  it('that loses the race against the last fill leaves a filled order', async () => {
    const orderId = await working();
    broker.onCancel = () => {
      void broker.fill(orderId, 10);
      return { kind: 'reject' };
    };
    await expect(cancelIt(orderId)).rejects.toMatchObject({ status: 409 });
    const { state } = await side.ledgers.read(`order-${orderId}`);
    expect(state).toMatchObject({ status: 'filled', filledQuantity: 10 });
  });

  it('while the order is on its way follows as soon as the broker has it', async () => {
    let answer: () => void = () => undefined;
    const there = new Promise<void>((resolve) => (answer = resolve));
    const send = broker.place.bind(broker);
    jest.spyOn(broker, 'place').mockImplementationOnce(async (dispatch) => {
      await there;
      return send(dispatch);
    });
    const orderId = orderIdOf(await place(side, { accountId, key: 'k1', respondAsync: true }));
    expect(await cancelIt(orderId)).toMatchObject({ status: 'DISPATCHED', pending: 'CANCEL' });
    expect(calls('cancel')).toBe(0);
    answer();
    await side.desk.drain();
    expect((await side.ledgers.read(`order-${orderId}`)).state.status).toBe('cancelled');
    expect(calls('cancel')).toBe(1);
  });

  it('sees what another process did to the order', async () => {
    const orderId = await working();
    const { side: other } = sideOn({ log, brokers: [broker] });
    await cancel(other, { accountId, orderId, requestId: 'theirs' });
    await expect(cancelIt(orderId)).rejects.toMatchObject({ code: 'order.closed' });
    await other.stop();
  });

  it.each([
    ['another account', { accountId: randomUUID() }],
    ['nobody', { orderId: randomUUID() }],
  ])('of an order of %s finds no order', async (_, wanted) => {
    const orderId = await working();
    const head = await log.head();
    const attempt = cancel(side, { accountId, orderId, requestId: 'c1', ...wanted });
    await expect(attempt).rejects.toMatchObject({ status: 404, code: 'ORDER_NOT_FOUND' });
    expect(await log.head()).toBe(head);
  });
});

describe('a change', () => {
  const change = (
    orderId: string,
    wanted: OrderChange,
    expectedVersion = 2,
    requestId = `r${String(expectedVersion)}`,
  ) => replace(side, { accountId, orderId, requestId, expectedVersion, change: wanted });

  it('is judged, reserved, recorded, asked of the broker and confirmed', async () => {
    const orderId = await working();
    expect(await change(orderId, { quantity: 20, price: 1400 })).toMatchObject({
      status: 'OPEN',
      pending: null,
      version: 4,
      quantity: 20,
      price: 1400,
    });
    expect((await eventsOf(orderId)).slice(3)).toEqual(['ReplaceRequested', 'OrderReplaced']);
    expect(await held(orderId)).toMatchObject({ remainingQuantity: 20, marginPriceE4: 14_000_000 });
  });

  it('on another version than the client has seen is refused, and nothing is recorded', async () => {
    const orderId = await working();
    await broker.fill(orderId, 1);
    const head = await log.head();
    await expect(change(orderId, { quantity: 20 })).rejects.toMatchObject({ status: 412, code: 'VERSION_MISMATCH' });
    expect(await log.head()).toBe(head);
    expect(calls('modify')).toBe(0);
  });

  it('told twice is the same change', async () => {
    const orderId = await working();
    const once = await change(orderId, { quantity: 20 });
    expect(await change(orderId, { quantity: 20 })).toEqual({ ...once, position: 0 });
    expect(calls('modify')).toBe(1);
  });

  it('of the same version with another wish is no repetition', async () => {
    const orderId = await working();
    await change(orderId, { quantity: 20 });
    await expect(change(orderId, { quantity: 30 })).rejects.toMatchObject({ status: 412, code: 'VERSION_MISMATCH' });
    // With a key of the client's own, seen version and all, it is a key used twice.
    await change(orderId, { price: 1401 }, 4, 'mine');
    await expect(change(orderId, { price: 1402 }, 6, 'mine')).rejects.toMatchObject({ code: 'order.replace-differs' });
    expect(calls('modify')).toBe(2);
  });

  it.each([
    ['the tick size', { price: 1400.03 }, 'tick-size'],
    ['the freeze quantity', { quantity: 100_000, price: 900 }, 'freeze-quantity'],
    ['the money', { quantity: 70_000 }, 'balance'],
    ['the largest value of an order', { quantity: 70_900 }, 'order-value'],
    ['the distance from the market', { price: 1454.4 }, 'price-deviation'],
    ['the price fields', { orderType: 'SL' as const }, 'price-fields'],
    ['the disclosed quantity', { disclosedQuantity: 11 }, 'disclosed-quantity'],
  ])('that fails %s is denied, and the order goes on as it was', async (_, wanted, check) => {
    const orderId = await working();
    const denied = { status: 422, code: 'ORDER_DENIED', errors: [{ field: check }] };
    await expect(change(orderId, wanted)).rejects.toMatchObject(denied);
    expect((await eventsOf(orderId)).slice(3)).toEqual(['ReplaceDenied']);
    expect(await held(orderId)).toMatchObject({ remainingQuantity: 10, marginPriceE4: 14_123_000 });
    expect(calls('modify')).toBe(0);
    // Told again it is denied again, with the same reasons, and nothing is added.
    await expect(change(orderId, wanted)).rejects.toMatchObject(denied);
    expect((await eventsOf(orderId)).slice(3)).toEqual(['ReplaceDenied']);
  });

  it('that the broker refuses gives back what was held for it', async () => {
    const orderId = await working();
    broker.onModify = () => ({ kind: 'reject' });
    await expect(change(orderId, { quantity: 20 })).rejects.toMatchObject({ status: 409, code: 'CHANGE_REJECTED' });
    expect((await eventsOf(orderId)).slice(3)).toEqual(['ReplaceRequested', 'ReplaceRejected']);
    expect(await held(orderId)).toMatchObject({ remainingQuantity: 10 });
  });

  it('that loses the race against the last fill says so, however often it is told', async () => {
    const orderId = await working();
    // The exchange fills it before it hears of the change; the answer to the change comes behind the fill.
    jest.spyOn(broker, 'modify').mockImplementationOnce(async () => {
      await broker.fill(orderId, 10);
      return { outcome: 'accepted', reports: [] };
    });
    for (const _ of [1, 2])
      await expect(change(orderId, { price: 1400 })).rejects.toMatchObject({ status: 409, code: 'ORDER_CLOSED' });
    const { state } = await side.ledgers.read(`order-${orderId}`);
    expect(state).toMatchObject({ status: 'filled', filledQuantity: 10 });
  });

  it.each(['lose', 'swallow', 'late'] as const)(
    'that meets silence (%s) stays pending, with enough held for either',
    async (kind) => {
      const orderId = await working();
      broker.onModify = () => ({ kind });
      expect(await change(orderId, { quantity: 20 })).toMatchObject({
        pending: 'REPLACE',
        ordStatus: 'E',
        quantity: 10,
      });
      expect(await held(orderId)).toMatchObject({ remainingQuantity: 20 });
      // Until that is settled there is no other.
      await expect(change(orderId, { quantity: 30 }, 3)).rejects.toMatchObject({ code: 'order.replace-pending' });
    },
  );

  it('to what has been filled, or less, is refused', async () => {
    const orderId = await working();
    await broker.fill(orderId, 4);
    await expect(change(orderId, { quantity: 4 }, 3)).rejects.toMatchObject({ code: 'order.quantity-below-filled' });
  });

  it('of an order that is over, was denied, or has a cancel pending is refused', async () => {
    const over = await working();
    await broker.fill(over, 10);
    await expect(change(over, { quantity: 20 }, 3)).rejects.toMatchObject({ code: 'order.closed' });
    const denied = orderIdOf(await place(side, { accountId, key: 'k1', lines: [line({ quantity: 1_000_000 })] }));
    await expect(change(denied, { quantity: 20 }, 0)).rejects.toMatchObject({ status: 409, code: 'ORDER_CLOSED' });
    const leaving = await working();
    broker.onCancel = () => ({ kind: 'lose' });
    await cancel(side, { accountId, orderId: leaving, requestId: 'c1' });
    await expect(change(leaving, { quantity: 20 }, 3)).rejects.toMatchObject({ code: 'order.cancel-pending' });
  });

  it('sees what another process did to the order', async () => {
    const orderId = await working();
    const { side: other } = sideOn({ log, brokers: [broker] });
    await replace(other, { accountId, orderId, requestId: 'theirs', expectedVersion: 2, change: { quantity: 20 } });
    await expect(change(orderId, { quantity: 30 })).rejects.toMatchObject({ status: 412 });
    expect(await change(orderId, { quantity: 30 }, 4)).toMatchObject({ quantity: 30, version: 6 });
    await other.stop();
  });
});
