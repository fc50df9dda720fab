import type { HouseHalts } from '#domain/settings/effective';
import { fallback } from '#domain/settings/routing';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { execute } from '#event-log/execute';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { faultsOf, readBooks } from '../../../test/support/books';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, openAccount, orderIdOf, place, sideOn } from '../../../test/support/write-side';
import { FALLBACK_STREAM } from './routing';
import type { WriteSide } from './write-side';

let database: TestDatabase;
let log: PostgresEventLog;
let first: RecordingBroker;
let second: RecordingBroker;
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
  first = new RecordingBroker('first');
  second = new RecordingBroker('second');
  ({ side, failures } = sideOn({ log, brokers: [first, second], brokerTimeoutMs: 50, now: Date.now }));
  accountId = await openAccount(side, 'first');
});
afterEach(async () => {
  await side.stop();
  expect(failures).toEqual([]);
});

const failover = async (isOn: boolean, maxAttempts = 3): Promise<void> => {
  const meta = { userId: 'admin', accountId, correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 };
  const data = { brokers: ['second'], failover: isOn, maxAttempts };
  await execute(log, fallback, FALLBACK_STREAM, { type: 'SetFallback', data }, meta);
  side.routing.forget(FALLBACK_STREAM);
};

const historyOf = async (orderId: string): Promise<string[]> =>
  (await log.readStream(`order-${orderId}`)).map(({ type, data }) =>
    'broker' in data ? `${type} ${String(data.broker)}` : type,
  );

const expectSoundBooks = async (settled = true): Promise<void> => {
  expect(faultsOf(await readBooks(log), { settled })).toEqual([]);
};

const notSentFor = (broker: RecordingBroker, times: number): void => {
  let calls = 0;
  broker.onPlace = () => ({ kind: calls++ < times ? 'not-sent' : 'accept' });
};

describe('an order that provably was not sent', () => {
  it('is tried again at the same broker, each attempt written down before it is made', async () => {
    await failover(false);
    first.again = 'here';
    notSentFor(first, 2);
    const answer = await place(side, { accountId, key: 'again' });
    expect(answer.results[0]?.status).toBe('ACCEPTED');
    expect(await historyOf(orderIdOf(answer))).toEqual([
      'OrderPlaced',
      'OrderDispatched first',
      'DispatchNotSent',
      'OrderDispatched first',
      'DispatchNotSent',
      'OrderDispatched first',
      'OrderAccepted',
    ]);
    expect(new Set(first.calls.map(({ tag }) => tag)).size).toBe(3);
    await expectSoundBooks();
  });

  it('is given up after the attempts that are allowed, and its money is free again', async () => {
    await failover(false, 2);
    first.again = 'here';
    notSentFor(first, 9);
    const answer = await place(side, { accountId, key: 'enough' });
    expect(answer.results[0]).toMatchObject({ status: 'FAILED', problem: { code: 'BROKER_UNREACHABLE' } });
    expect(first.timesPlaced(orderIdOf(answer))).toBe(2);
    expect((await side.ledgers.read(`account-${accountId}`)).state.reservedE4).toBe(0);
    await expectSoundBooks();
  });

  it('is not tried again where the broker will not take it today', async () => {
    await failover(false);
    first.again = 'elsewhere';
    notSentFor(first, 9);
    const answer = await place(side, { accountId, key: 'locked' });
    expect(answer.results[0]?.status).toBe('FAILED');
    expect(first.timesPlaced(orderIdOf(answer))).toBe(1);
  });

  it('goes to the next broker when an admin allows it, and the record says so', async () => {
    await failover(true);
    first.again = 'elsewhere';
    notSentFor(first, 9);
    const answer = await place(side, { accountId, key: 'elsewhere' });
    expect(answer.results[0]?.status).toBe('ACCEPTED');
    expect(await historyOf(orderIdOf(answer))).toEqual([
      'OrderPlaced',
      'OrderDispatched first',
      'DispatchNotSent',
      'OrderDispatched second',
      'OrderAccepted',
    ]);
    await expectSoundBooks();
  });

  it('never leaves a broker that it was sent to by name', async () => {
    await failover(true);
    first.again = 'elsewhere';
    notSentFor(first, 9);
    const answer = await place(side, { accountId, key: 'by-name', lines: [line({ broker: 'first' })] });
    expect(answer.results[0]?.status).toBe('FAILED');
    expect(second.calls).toEqual([]);
  });

  describe('and a switch that was thrown since it was judged', () => {
    const meta = { userId: 'ops', accountId: '', correlationId: 'test', causationId: 'test', at: 0, schemaVersion: 1 };
    const switchBrokers = async (brokers: HouseHalts['brokers']): Promise<void> => {
      const { version } = await side.settings.house();
      await side.settings.changeHouse({ expectedVersion: version, meta }, (present) => ({
        ...present,
        halts: { ...present.halts, brokers },
      }));
    };
    /** The switch is thrown while the first broker is asked. */
    const thrownMeanwhile = (brokers: HouseHalts['brokers']): void => {
      const send = first.place.bind(first);
      jest.spyOn(first, 'place').mockImplementationOnce(async (dispatch) => {
        await switchBrokers(brokers);
        return send(dispatch);
      });
    };
    afterEach(() => switchBrokers({}));

    it.each(['killed', 'reduce-only'] as const)('keep it from the next broker that is %s', async (state) => {
      await failover(true);
      first.again = 'elsewhere';
      notSentFor(first, 9);
      thrownMeanwhile({ second: state });
      const answer = await place(side, { accountId, key: `next-${state}` });
      expect(answer.results[0]?.status).toBe('FAILED');
      expect(second.calls).toEqual([]);
      await expectSoundBooks();
    });

    it('keep it from the broker where it would be tried again, and the record says so', async () => {
      await failover(false);
      first.again = 'here';
      notSentFor(first, 1);
      thrownMeanwhile({ first: 'killed' });
      const answer = await place(side, { accountId, key: 'here-killed' });
      expect(first.timesPlaced(orderIdOf(answer))).toBe(1);
      const last = (await log.readStream(`order-${orderIdOf(answer)}`)).at(-1);
      expect(last).toMatchObject({
        type: 'OrderAbandoned',
        data: { evidence: { code: 'HALTED', message: 'switch of broker first: killed; before: RECORDED' } },
      });
      await expectSoundBooks();
    });

    it('do not keep it from a broker that they are not about', async () => {
      await failover(true);
      first.again = 'elsewhere';
      notSentFor(first, 9);
      thrownMeanwhile({ first: 'killed' });
      const answer = await place(side, { accountId, key: 'not-about' });
      expect(answer.results[0]).toMatchObject({ status: 'ACCEPTED', broker: 'second' });
      await expectSoundBooks();
    });
  });

  it('is not sent again once somebody wants it cancelled', async () => {
    await failover(false);
    first.again = 'here';
    first.onPlace = ({ details }) => {
      void side.ledgers.transact(
        details.accountId,
        [],
        { userId: 'a', correlationId: 'c', causationId: 'c' },
        (ledger) => ledger.decideOrder(details.orderId, { type: 'RequestCancel', data: { requestId: 'r' } }),
      );
      return { kind: 'not-sent' };
    };
    const answer = await place(side, { accountId, key: 'unwanted' });
    expect(first.timesPlaced(orderIdOf(answer))).toBe(1);
    expect(answer.results[0]?.status).toBe('FAILED');
  });
});

describe('an order that nobody answered for', () => {
  it('is looked for by its tag, and found', async () => {
    first.settleMs = 400;
    first.onPlace = () => ({ kind: 'swallow' });
    const answer = await place(side, { accountId, key: 'found' });
    expect(answer.results[0]?.status).toBe('UNKNOWN');
    await side.desk.drain();
    expect(await historyOf(orderIdOf(answer))).toEqual([
      'OrderPlaced',
      'OrderDispatched first',
      'DispatchInDoubt',
      'OrderAccepted',
    ]);
    expect(second.calls).toEqual([]);
    await expectSoundBooks();
  });

  it('goes nowhere else until its broker has had time to show it', async () => {
    await failover(true);
    first.settleMs = 700;
    let isAbsentAt = 0;
    first.onPlace = () => ({ kind: 'lose' });
    second.onPlace = () => {
      isAbsentAt = Date.now();
      return { kind: 'accept' };
    };
    const sentAt = Date.now();
    const answer = await place(side, { accountId, key: 'absent' });
    await side.desk.drain();
    expect(isAbsentAt - sentAt).toBeGreaterThanOrEqual(700); // what must have passed, not how fast it is
    expect(await historyOf(orderIdOf(answer))).toEqual([
      'OrderPlaced',
      'OrderDispatched first',
      'DispatchInDoubt',
      'DispatchNotSent',
      'OrderDispatched second',
      'OrderAccepted',
    ]);
    await expectSoundBooks();
  });

  it('is not sent again by itself, however absent it seems: a broker may be slower than anybody thought', async () => {
    await failover(false);
    first.settleMs = 300;
    first.onPlace = () => ({ kind: 'lose' });
    const answer = await place(side, { accountId, key: 'alone' });
    await side.desk.drain();
    expect(first.timesPlaced(orderIdOf(answer))).toBe(1);
    expect(await historyOf(orderIdOf(answer))).toEqual([
      'OrderPlaced',
      'OrderDispatched first',
      'DispatchInDoubt',
      'DispatchNotSent',
      'OrderAbandoned',
    ]);
    await expectSoundBooks();
  });

  it('stays in doubt while its broker cannot be asked', async () => {
    first.settleMs = 400;
    first.canSearch = false;
    first.onPlace = () => ({ kind: 'lose' });
    const answer = await place(side, { accountId, key: 'mute' });
    await side.desk.drain();
    const { state } = await side.ledgers.read(`order-${orderIdOf(answer)}`);
    expect(state.status).toBe('in-doubt');
    expect(second.calls).toEqual([]);
  });
});
