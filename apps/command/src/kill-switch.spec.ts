import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import type { HouseHalts } from '#domain/settings/effective';
import { faultsOf, readBooks } from '../../../test/support/books';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, openAccount, orderIdOf, place, sideOn, TEN_O_CLOCK_MS } from '../../../test/support/write-side';
import type { OrderLine } from './order-line';
import type { WriteSide } from './write-side';

const OPEN: HouseHalts = { house: 'open', brokers: {}, strategies: {}, accounts: {} };

let database: TestDatabase;
let log: PostgresEventLog;
let first: RecordingBroker;
let second: RecordingBroker;
let side: WriteSide;
let failures: unknown[];
let accountId: string;
let nowMs: number;

beforeEach(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
  nowMs = TEN_O_CLOCK_MS;
  [first, second] = [new RecordingBroker('first'), new RecordingBroker('second')];
  ({ side, failures } = openProcess());
  accountId = await openAccount(side, 'first');
});
afterEach(async () => {
  await side.stop();
  expect(failures).toEqual([]);
  expect(faultsOf(await readBooks(log), { settled: false })).toEqual([]);
  await log.close();
  await database.drop();
});

const openProcess = () => sideOn({ log, brokers: [first, second], now: () => nowMs });

const meta = { userId: 'ops', accountId: '', correlationId: 'test', causationId: 'test', at: 0, schemaVersion: 1 };

const switchHouse = async (halts: Partial<HouseHalts>): Promise<void> => {
  const { version } = await side.settings.house();
  await side.settings.changeHouse({ expectedVersion: version, meta }, (present) => ({
    ...present,
    halts: { ...OPEN, ...halts },
  }));
};

const switchUser = async (halt: 'open' | 'reduce-only' | 'killed'): Promise<void> => {
  const { version } = await side.settings.user('asha');
  await side.settings.changeUser('asha', { expectedVersion: version, meta }, (present) => ({ ...present, halt }));
};

const working = async (wanted: Partial<OrderLine> = {}, of = accountId): Promise<string> => {
  const reply = await place(side, { accountId: of, key: String(Math.random()), lines: [line(wanted)] });
  expect(reply.status).toBe('ACCEPTED');
  return orderIdOf(reply);
};

const stateOf = async (orderId: string) => (await side.ledgers.read(`order-${orderId}`)).state;
const statusOf = async (orderId: string) => (await stateOf(orderId)).status;
const cancels = (broker: RecordingBroker) => broker.calls.filter(({ call }) => call === 'cancel');

describe('a kill switch', () => {
  const switches: readonly (readonly [string, () => Promise<void>, readonly ('mine' | 'others' | 'elsewhere')[]])[] = [
    ['of the house', () => switchHouse({ house: 'killed' }), ['mine', 'others', 'elsewhere']],
    ['of a broker', () => switchHouse({ brokers: { second: 'killed' } }), ['elsewhere']],
    ['of a strategy', () => switchHouse({ strategies: { s1: 'killed' } }), ['mine']],
    ['of an account', () => switchHouse({ accounts: { [accountId]: 'killed' } }), ['mine', 'elsewhere']],
    ['of a user', () => switchUser('killed'), ['mine', 'others', 'elsewhere']],
  ];

  it.each(switches)('%s cancels what it reaches, and nothing else', async (_, throwIt, reached) => {
    const orders = {
      mine: await working({ strategyId: 's1' }),
      others: await working({}, await openAccount(side, 'first')),
      elsewhere: await working({ broker: 'second' }),
    };
    await throwIt();
    await side.killSwitch.look();
    const cancelled: string[] = [];
    for (const [name, orderId] of Object.entries(orders))
      if ((await statusOf(orderId)) === 'cancelled') cancelled.push(name);
    expect(cancelled).toEqual(reached);
    expect(cancels(first).length + cancels(second).length).toBe(reached.length);
  });

  it('takes no new order, not even one that closes a position', async () => {
    first.onPlace = () => ({ kind: 'accept', fills: [10] });
    await working();
    await switchUser('killed');
    const { results } = await place(side, { accountId, key: 'exit', lines: [line({ side: 'SELL' })] });
    expect(results).toMatchObject([{ status: 'DENIED', problem: { detail: 'failed: kill-switch' } }]);
  });

  it('reads no order that it does not reach, and one that may be reached once', async () => {
    const others = await openAccount(side, 'first');
    const [mine] = [await working({ strategyId: 's1' }), await working({}, others)];
    const rounds = async () => {
      const reads = jest.spyOn(log, 'readStream');
      try {
        for (let round = 0; round < 3; round += 1) await side.killSwitch.look();
        return reads.mock.calls.map(([stream]) => stream).filter((stream) => stream.startsWith('order-')).length;
      } finally {
        reads.mockRestore();
      }
    };
    await switchHouse({ accounts: { somebody: 'killed' } });
    expect(await rounds()).toBe(0);
    await switchHouse({ strategies: { s2: 'killed' } });
    expect(await rounds()).toBe(2);
    await switchHouse({ strategies: { s1: 'killed' } });
    await rounds();
    expect(await statusOf(mine)).toBe('cancelled');
  });

  it('says in the history who it was', async () => {
    const orderId = await working();
    await switchHouse({ accounts: { [accountId]: 'killed' } });
    await side.killSwitch.look();
    const asked = (await log.readStream(`order-${orderId}`)).find(({ type }) => type === 'CancelRequested');
    expect(asked?.meta.userId).toMatch(/^kill-switch account/);
  });

  it('leaves alone what stands when only entries are stopped', async () => {
    const orderId = await working();
    await switchUser('reduce-only');
    await side.killSwitch.look();
    expect(await statusOf(orderId)).toBe('working');
    expect(cancels(first)).toEqual([]);
  });

  it('leaves alone what is placed once it is open again', async () => {
    await switchUser('killed');
    await side.killSwitch.look();
    await switchUser('open');
    const orderId = await working();
    await side.killSwitch.look();
    expect(await statusOf(orderId)).toBe('working');
  });

  it('asks for a cancel once, and again after a while when it was not heard', async () => {
    const orderId = await working();
    first.onCancel = () => ({ kind: 'lose' });
    await switchUser('killed');
    await side.killSwitch.look();
    await side.killSwitch.look();
    expect(cancels(first)).toHaveLength(1);
    nowMs += 5_000;
    first.onCancel = () => ({ kind: 'accept' });
    await side.killSwitch.look();
    expect(cancels(first)).toHaveLength(2);
    expect(await statusOf(orderId)).toBe('cancelled');
    await side.killSwitch.look();
    expect(cancels(first)).toHaveLength(2);
    const types = (await log.readStream(`order-${orderId}`)).map(({ type }) => type);
    expect(types.filter((type) => type === 'CancelRequested')).toHaveLength(1);
  });

  it('that was thrown before its keeper started is found', async () => {
    const orderId = await working();
    await switchUser('killed');
    const { side: next, failures: failed } = openProcess();
    await next.killSwitch.look();
    expect(await statusOf(orderId)).toBe('cancelled');
    await next.stop();
    expect(failed).toEqual([]);
  });

  it('is watched by the keeper of all processes, and by no other', async () => {
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
    try {
      const orderId = await working();
      await switchUser('killed');
      const keeper = { held: false };
      const watching = sideOn({ log, brokers: [first, second], now: () => nowMs, isKeeper: () => keeper.held });
      watching.side.start();
      jest.advanceTimersByTime(500);
      await watching.side.killSwitch.idle();
      expect(await statusOf(orderId)).toBe('working');
      keeper.held = true;
      jest.advanceTimersByTime(500);
      await watching.side.killSwitch.idle();
      expect(await statusOf(orderId)).toBe('cancelled');
      await watching.side.stop();
      expect(watching.failures).toEqual([]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('cancels an order that was on its way as soon as its broker has it', async () => {
    let answer: () => void = () => undefined;
    const there = new Promise<void>((resolve) => (answer = resolve));
    const send = first.place.bind(first);
    jest.spyOn(first, 'place').mockImplementationOnce(async (dispatch) => {
      await there;
      return send(dispatch);
    });
    const reply = await place(side, { accountId, key: 'k1', respondAsync: true });
    await switchUser('killed');
    await side.killSwitch.look();
    expect(await statusOf(orderIdOf(reply))).toBe('dispatched');
    answer();
    await side.desk.drain();
    expect(await statusOf(orderIdOf(reply))).toBe('cancelled');
  });

  it.each([
    ['its user', () => switchUser('killed')],
    ['the broker that it is to go to', () => switchHouse({ brokers: { first: 'killed' } })],
  ])('of %s cancels an order that waits for its market', async (_, throwIt) => {
    first.marketMs = Date.UTC(2026, 0, 2, 11, 30); // 17:00 IST
    const { results } = await place(side, { accountId, key: 'k1', lines: [line({ afterMarket: true })] });
    expect(results).toMatchObject([{ status: 'QUEUED' }]);
    await throwIt();
    await side.killSwitch.look();
    expect(await statusOf(results[0]?.orderId ?? '')).toBe('cancelled');
    expect(first.calls).toEqual([]);
  });

  it('is not stopped by an order that fills meanwhile, nor by a broker that refuses', async () => {
    const [filling, stubborn, plain] = [
      await working(),
      await working({ quantity: 5 }),
      await working({ quantity: 6 }),
    ];
    first.onCancel = ({ details }) => {
      if (details?.orderId === plain) return { kind: 'accept' };
      if (details?.orderId === filling) void first.fill(filling, 10);
      return { kind: 'reject' };
    };
    side.start();
    await switchUser('killed');
    await side.killSwitch.look();
    expect([await statusOf(filling), await statusOf(stubborn), await statusOf(plain)]).toEqual([
      'filled',
      'working',
      'cancelled',
    ]);
  });
});
