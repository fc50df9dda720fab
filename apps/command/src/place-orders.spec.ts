import { randomUUID } from 'node:crypto';
import type { AccountEvent } from '#domain/accounts/account';
import { NO_CHARGES } from '#domain/charges/charges';
import type { DomainEvent } from '#domain/decider';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import type { Limits } from '#domain/risk/limits';
import { Problem } from '#platform/problem-details';
import { faultsOf, readBooks } from '../../../test/support/books';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, openAccount, orderIdOf, place, replace, sideOn, TEN_O_CLOCK_MS } from '../../../test/support/write-side';
import type { WriteSide } from './write-side';

let database: TestDatabase;
let log: PostgresEventLog;
let broker: RecordingBroker;
let side: WriteSide;
let failures: unknown[];
let accountId: string;
let nowMs: number;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});
beforeEach(async () => {
  nowMs = TEN_O_CLOCK_MS;
  broker = new RecordingBroker();
  ({ side, failures } = sideOn({ log, brokers: [broker], now: () => nowMs, brokerTimeoutMs: 50 }));
  accountId = await openAccount(side, 'recording');
});
afterEach(async () => {
  await side.stop();
  expect(failures).toEqual([]);
});

/** Nothing in the log contradicts itself; `settled` unless something was left in doubt on purpose. */
const expectSoundBooks = async (settled = true): Promise<void> => {
  expect(faultsOf(await readBooks(log), { settled })).toEqual([]);
};

const eventsOf = async (stream: string): Promise<string[]> => (await log.readStream(stream)).map(({ type }) => type);

describe('one request', () => {
  it('is durable before the broker hears of it', async () => {
    let atTheCall: string[] = [];
    broker.onPlace = () => ({ kind: 'accept' });
    const asked = jest.spyOn(broker, 'place').mockImplementationOnce(async (dispatch) => {
      atTheCall = [
        ...(await eventsOf(`intent-${dispatch.details.intentId}`)),
        ...(await eventsOf(`order-${dispatch.details.orderId}`)),
        ...(await eventsOf(`account-${accountId}`)),
      ];
      return broker.place(dispatch);
    });
    await place(side, { accountId, key: 'k1' });
    expect(asked).toHaveBeenCalledTimes(2);
    expect(atTheCall).toEqual([
      'IntentReceived',
      'OrderPlaced',
      'OrderDispatched',
      'AccountOpened',
      'FundsDeposited',
      'MarginReserved',
    ]);
  });

  it('answers every line in the order of the lines, each on its own', async () => {
    broker.onPlace = ({ details }) => {
      if (details.line === 1) return { kind: 'reject' };
      if (details.line === 2) return { kind: 'not-sent' };
      if (details.line === 3) return { kind: 'lose' };
      return { kind: 'accept', fills: [4] };
    };
    const lines = [line(), line(), line(), line(), line({ quantity: 1_000_000, price: 90 })];
    const answer = await place(side, { accountId, key: 'k1', lines });
    expect(answer).toMatchObject({ status: 'PARTIAL', replayed: false });
    expect(answer.results.map(({ line: index, status, problem }) => [index, status, problem?.code])).toEqual([
      [0, 'ACCEPTED', undefined],
      [1, 'REJECTED', 'BROKER_REJECTED'],
      [2, 'FAILED', 'BROKER_UNREACHABLE'],
      [3, 'UNKNOWN', 'OUTCOME_UNKNOWN'],
      [4, 'DENIED', 'ORDER_DENIED'],
    ]);
    expect(answer.results[4]?.verdicts).toContainEqual({
      check: 'freeze-quantity',
      outcome: 'fail',
      rule: 'instrument master',
      effectiveFrom: '2026-01-02',
      limit: 100_000,
      actual: 1_000_000,
      reason: 'slice it into orders of at most 99999',
    });
    expect(answer.results[4]?.problem?.detail).toBe('failed: freeze-quantity');
    expect(broker.calls).toHaveLength(4);
    await expectSoundBooks();
  });

  it('cuts a line that is larger than the exchange takes in one order, and answers it as one line', async () => {
    const rich = await openAccount(side, 'recording', 1_000_000_000_0000);
    broker.onPlace = ({ details }) => (details.slice === 1 ? { kind: 'reject' } : { kind: 'accept' });
    const lines = [line(), line({ quantity: 250_000, price: 390 })]; // Rs 9.75 crore in all
    const { results, status } = await place(side, { accountId: rich, key: 'cut', lines });
    expect(status).toBe('PARTIAL');
    expect(results.map((result) => [result.line, result.status, result.slices?.length])).toEqual([
      [0, 'ACCEPTED', undefined],
      [1, 'PARTIAL', 3],
    ]);
    const slices = results[1]?.slices ?? [];
    expect(slices.map((slice) => slice.status)).toEqual(['ACCEPTED', 'REJECTED', 'ACCEPTED']);
    expect(results[1]).toMatchObject({ orderId: slices[0]?.orderId, problem: { code: 'BROKER_REJECTED' } });
    const placed = slices.map(({ orderId }) => broker.book.get(orderId)?.terms.quantity ?? 'rejected');
    expect(placed).toEqual([99_999, 'rejected', 250_000 - 2 * 99_999]);
    const again = await place(side, { accountId: rich, key: 'cut', lines });
    expect(again).toMatchObject({ replayed: true, results });
    await expectSoundBooks();
  });

  it('is bounded by the line, however it is cut', async () => {
    const rich = await openAccount(side, 'recording', 1_000_000_000_0000);
    const meta = {
      userId: 'asha',
      accountId: rich,
      correlationId: 'test',
      causationId: 'test',
      at: nowMs,
      schemaVersion: 1,
    };
    const allow = async (limits: Limits) => {
      const { version } = await side.settings.user('asha');
      await side.settings.changeUser('asha', { expectedVersion: version, meta }, (present) => ({ ...present, limits }));
    };
    const lines = [line({ quantity: 250_000, price: 100 })];
    await allow({ orderQuantityMax: 249_999 });
    try {
      const { results } = await place(side, { accountId: rich, key: 'large', lines });
      expect(results[0]?.slices?.map(({ status }) => status)).toEqual(['DENIED', 'DENIED', 'DENIED']);
      expect(results[0]?.verdicts).toContainEqual(
        expect.objectContaining({
          check: 'order-quantity',
          outcome: 'fail',
          actual: 250_000,
          reason: 'the line asks for 250000 in all, this slice for 99999',
        }),
      );
      await allow({ orderQuantityMax: 250_000 });
      const allowed = await place(side, { accountId: rich, key: 'allowed', lines });
      expect(allowed).toMatchObject({ status: 'ACCEPTED' });
      const orderId = allowed.results[0]?.slices?.at(-1)?.orderId ?? '';
      const raise = { accountId: rich, orderId, requestId: 'r', expectedVersion: 2, change: { quantity: 50_003 } };
      await expect(replace(side, raise)).rejects.toMatchObject({
        code: 'ORDER_DENIED',
        errors: [{ field: 'order-quantity' }],
      });
    } finally {
      await allow({});
    }
  });

  it('holds margin only for the lines that may still fill', async () => {
    broker.onPlace = ({ details }) => (details.line === 0 ? { kind: 'reject' } : { kind: 'accept' });
    const { results } = await place(side, { accountId, key: 'k1', lines: [line(), line()] });
    const { state } = await side.ledgers.read(`account-${accountId}`);
    expect([...state.reservations.keys()]).toEqual([results[1]?.orderId]);
  });

  it('is denied line by line as the money runs out, with what was missing', async () => {
    const poor = await openAccount(side, 'recording', 30_000_0000);
    const lines = [line(), line(), line(), line({ quantity: 1 })]; // Rs 14,123 each, then Rs 1,412.30
    const { results } = await place(side, { accountId: poor, key: 'k1', lines });
    expect(results.map(({ status }) => status)).toEqual(['ACCEPTED', 'ACCEPTED', 'DENIED', 'ACCEPTED']);
    expect(results[2]?.verdicts).toContainEqual({
      check: 'balance',
      outcome: 'fail',
      rule: 'delivery is paid in full',
      effectiveFrom: '2020-05-01',
      reason: 'margin.insufficient',
      limit: 1_754,
      actual: 14_123,
    });
    await expectSoundBooks();
  });

  it('that nobody can send is refused before anything is recorded', async () => {
    const head = await log.head();
    const attempt = place(side, { accountId, key: 'k1', lines: [line(), line({ symbol: 'NSE:NOSUCH' })] });
    await expect(attempt).rejects.toMatchObject({ status: 422, code: 'UNKNOWN_REFERENCE' });
    expect(await log.head()).toBe(head);
    await place(side, { accountId, key: 'k1' }); // the key is still free
  });

  it('is not sent any more by a process that was paused after it had decided', async () => {
    const append = jest.spyOn(log, 'append').mockImplementationOnce(async (...stages) => {
      const result = await log.append(...stages);
      nowMs += 20_000; // stopped here, and woken up again
      return result;
    });
    const reply = await place(side, { accountId, key: 'paused' });
    append.mockRestore();
    expect(broker.calls).toEqual([]);
    expect(reply).toMatchObject({ status: 'REJECTED', results: [{ status: 'FAILED' }] });
    expect(await eventsOf(`order-${orderIdOf(reply)}`)).toEqual([
      'OrderPlaced',
      'OrderDispatched',
      'DispatchNotSent',
      'OrderAbandoned',
    ]);
    await expectSoundBooks();
  });

  it('is answered at once when asked to, and finishes behind the answer', async () => {
    const lines = [line(), line({ quantity: 1_000_000 })];
    const answer = await place(side, { accountId, key: 'k1', lines, respondAsync: true });
    expect(answer.status).toBe('PENDING');
    expect(answer.results.map(({ status }) => status)).toEqual(['PENDING', 'DENIED']);
    await side.desk.drain();
    const replay = await place(side, { accountId, key: 'k1', lines });
    expect(replay.results.map(({ status }) => status)).toEqual(['ACCEPTED', 'DENIED']);
    await expectSoundBooks();
  });

  it('to an account that was never opened is denied and reserves nothing', async () => {
    const { results } = await place(side, { accountId: randomUUID(), key: 'k1', lines: [line()] });
    expect(results[0]).toMatchObject({ status: 'DENIED' });
    expect(broker.calls).toEqual([]);
  });
});

describe('what a trade costs', () => {
  it('is told beforehand, charged with the trade, and taken from cash once', async () => {
    const zerodha = new RecordingBroker('zerodha');
    const { side: charged, failures: failed } = sideOn({ log, brokers: [zerodha], now: () => nowMs });
    const account = await openAccount(charged, 'zerodha');
    zerodha.onPlace = () => ({ kind: 'accept', fills: [10] });
    const lines = [line({ product: 'MIS', price: 1412 })];
    const { results } = await place(charged, { accountId: account, key: 'k1', lines });
    const { brokerageE4, exchangeE4, sebiE4 } = results[0]?.charges ?? NO_CHARGES;
    expect(brokerageE4).toBeGreaterThan(0);
    const history: readonly DomainEvent[] = await log.readStream(`account-${account}`);
    const posted = (history as readonly AccountEvent[]).flatMap((it) => (it.type === 'MarginPosted' ? [it.data] : []));
    // Taxes are rounded once a note, and so may differ.
    expect(posted).toMatchObject([{ charges: { brokerageE4, exchangeE4, sebiE4 }, marginE4: 28_240_000 }]);
    await place(charged, { accountId: account, key: 'k1', lines });
    await charged.recover();
    const { state } = await charged.ledgers.read(`account-${account}`);
    expect(state.cashE4).toBe(10_000_000_0000 - (posted[0]?.charges?.totalE4 ?? 0));
    await charged.stop();
    expect(failed).toEqual([]);
    await expectSoundBooks();
  });
});

describe('silence of the broker', () => {
  it.each(['swallow', 'lose', 'late', 'throw'] as const)(
    '(%s) leaves the order in doubt, not rejected',
    async (kind) => {
      broker.onPlace = () => ({ kind });
      const answer = await place(side, { accountId, key: 'k1' });
      expect(answer.results[0]).toMatchObject({ status: 'UNKNOWN', problem: { code: 'OUTCOME_UNKNOWN' } });
      const { state } = await side.ledgers.read(`order-${orderIdOf(answer)}`);
      expect(state.status).toBe('in-doubt');
      expect(broker.timesPlaced(orderIdOf(answer))).toBe(1);
      await expectSoundBooks();
    },
  );
});

describe('the same key again', () => {
  it('replays the answer as it was, and sends nothing', async () => {
    const lines = [line(), line({ quantity: 1_000_000 })];
    const first = await place(side, { accountId, key: 'k1', lines });
    await broker.fill(orderIdOf(first), 10);
    nowMs += 3_600_000;
    const again = await place(side, { accountId, key: 'k1', lines });
    expect(again).toEqual({ ...first, replayed: true });
    expect(JSON.stringify(again.results)).toBe(JSON.stringify(first.results));
    expect(broker.calls.filter(({ call }) => call === 'place')).toHaveLength(1);
  });

  it('is replayed to everybody who asks at once', async () => {
    const first = await place(side, { accountId, key: 'k1' });
    const again = await Promise.all(Array.from({ length: 16 }, () => place(side, { accountId, key: 'k1' })));
    for (const answer of again) expect(answer).toEqual({ ...first, replayed: true });
  });

  it('is replayed by another process, too', async () => {
    const first = await place(side, { accountId, key: 'k1' });
    const { side: other } = sideOn({ log, brokers: [broker], now: () => nowMs });
    const again = await place(other, { accountId, key: 'k1' });
    expect(again).toEqual({ ...first, replayed: true });
    expect(broker.calls).toHaveLength(1);
    await other.stop();
  });

  it('after the window answers with what the orders have come to', async () => {
    broker.onPlace = () => ({ kind: 'swallow' });
    const first = await place(side, { accountId, key: 'k1' });
    expect(first.results[0]?.status).toBe('UNKNOWN');
    await side.recover();
    side.start(); // finds the order at the broker
    expect(await place(side, { accountId, key: 'k1' })).toEqual({ ...first, replayed: true });
    nowMs += 86_400_001;
    const late = await place(side, { accountId, key: 'k1' });
    expect(late).toMatchObject({ status: 'ACCEPTED', replayed: true, results: [{ status: 'ACCEPTED' }] });
    expect(broker.timesPlaced(orderIdOf(first))).toBe(1);
  });

  it('with another body is refused', async () => {
    await place(side, { accountId, key: 'k1' });
    const head = await log.head();
    const attempt = place(side, { accountId, key: 'k1', lines: [line({ quantity: 11 })] });
    await expect(attempt).rejects.toMatchObject({
      status: 422,
      code: 'IDEMPOTENCY_KEY_REUSED',
      errors: [{ field: 'Idempotency-Key' }],
    });
    expect(await log.head()).toBe(head);
  });

  it('is still replayed when the instrument has left the catalogue', async () => {
    const first = await place(side, { accountId, key: 'k1' });
    const { side: tomorrow } = sideOn({ log, brokers: [broker], now: () => nowMs, resolve: () => undefined });
    expect(await place(tomorrow, { accountId, key: 'k1' })).toEqual({ ...first, replayed: true });
    const otherKey = place(tomorrow, { accountId, key: 'k2' });
    await expect(otherKey).rejects.toMatchObject({ code: 'UNKNOWN_REFERENCE' });
    await tomorrow.stop();
  });

  it('of another account is another key', async () => {
    const other = await openAccount(side, 'recording');
    const [mine, theirs] = [
      await place(side, { accountId, key: 'k1' }),
      await place(side, { accountId: other, key: 'k1' }),
    ];
    expect(theirs.replayed).toBe(false);
    expect(theirs.intentId).not.toBe(mine.intentId);
  });

  it('while the first request runs is told to come back, and never executes twice', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 64 }, () => place(side, { accountId, key: 'k1', lines: [line(), line()] })),
    );
    const answers = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({
          status: 409,
          code: 'INTENT_IN_PROGRESS',
          headers: { 'Retry-After': '1' },
        });
    expect(new Set(answers.map(({ results }) => JSON.stringify(results))).size).toBe(1);
    expect(broker.calls).toHaveLength(2);
    expect(await eventsOf(`intent-${answers[0]?.intentId ?? ''}`)).toEqual(['IntentReceived', 'IntentCompleted']);
  });

  it('in two processes at once is executed by one of them', async () => {
    const { side: other } = sideOn({ log, brokers: [broker], now: () => nowMs });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 32 }, (_, index) => place(index % 2 === 0 ? side : other, { accountId, key: 'k1' })),
    );
    const executed = outcomes.filter((outcome) => outcome.status === 'fulfilled' && !outcome.value.replayed);
    expect(executed).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'INTENT_IN_PROGRESS' });
    expect(broker.calls).toHaveLength(1);
    await other.stop();
  });

  it('with another body while the first request runs is refused, too', async () => {
    const [first, second] = await Promise.allSettled([
      place(side, { accountId, key: 'k1' }),
      place(side, { accountId, key: 'k1', lines: [line({ quantity: 11 })] }),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    expect(second.status === 'rejected' && second.reason instanceof Problem).toBe(true);
  });
});
