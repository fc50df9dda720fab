import { CLOSED } from '#domain/orders/order';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { ProcessDied } from '#event-log/tearing-event-log';
import type { Broker, BrokerAnswer, Dispatch } from '#brokers/broker';
import { readBooks } from '../../../test/support/books';
import { MortalEventLog } from '../../../test/support/mortal-event-log';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, openAccount, openWorkOf, place, sideOn, TEN_O_CLOCK_MS } from '../../../test/support/write-side';
import type { WriteSide } from './write-side';

/*
 * What keeps an order from being sent twice, taken away piece by piece. Each time the same questions are asked of the log
 * and of the exchange, and each time but the first they must find something: a check that cannot fail proves nothing.
 */

let database: TestDatabase;
let log: PostgresEventLog;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

interface Mutant {
  /** What the coordinator talks to instead of the broker. */
  readonly broker?: (real: RecordingBroker) => Broker;
  /** What is changed in the coordinator itself. */
  readonly side?: (side: WriteSide, real: RecordingBroker) => void;
}

/** Overrides some methods and leaves the rest as it is. */
const like = (real: RecordingBroker, changed: Partial<Broker>): Broker =>
  new Proxy<Broker>(real, {
    get: (target, name) => {
      const member: unknown = Reflect.get(changed, name) ?? Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });

/** A few orders into a broker that falls silent, a process that dies on the way, and the one after it. */
const tell = async ({ broker: instead, side: change }: Mutant, dies: boolean): Promise<readonly string[]> => {
  const from = await log.head();
  const exchange = new RecordingBroker();
  exchange.again = 'here';
  const { side: opening } = sideOn({ log, brokers: [exchange] });
  const accountId = await openAccount(opening, 'recording');
  const broker = instead?.(exchange) ?? exchange;
  const answers = ['accept', 'swallow', 'lose', 'swallow'] as const;
  let calls = 0;
  exchange.onPlace = () => ({ kind: answers[calls++] ?? 'accept' });

  const mortal = new MortalEventLog(log, dies ? { when: 'before', append: 0 } : undefined);
  const { side } = sideOn({ log: mortal, brokers: [broker], brokerTimeoutMs: 25 });
  change?.(side, exchange);
  try {
    await place(side, { accountId, key: 'k1', lines: [line(), line(), line(), line()] });
    await side.desk.drain();
  } catch (error) {
    if (!(error instanceof ProcessDied)) throw error;
  }
  await side.stop();

  const { side: next } = sideOn({
    log,
    brokers: [broker],
    brokerTimeoutMs: 25,
    now: () => TEN_O_CLOCK_MS + 1_000,
    openWork: (beforeMs) => openWorkOf(log, beforeMs, from),
  });
  await next.recover();
  await next.stop();
  return faultsOf(exchange, from);
};

/** What the exchange and the log say differently, and what the exchange got more than once. */
const faultsOf = async (exchange: RecordingBroker, from: number): Promise<readonly string[]> => {
  const { orders } = await readBooks(log, from);
  const faults: string[] = [];
  for (const [orderId, { status }] of orders) {
    const arrived = exchange.timesArrived(orderId);
    if (arrived > 1) faults.push('an order reached the exchange twice');
    if (arrived > 0 && CLOSED.has(status)) faults.push('an order works at the exchange and is over in the log');
    if (arrived === 0 && !CLOSED.has(status)) faults.push('an order is in doubt for ever');
  }
  for (const orderId of exchange.book.keys())
    if (!orders.has(orderId)) faults.push('an order is at the exchange and not in the log');
  return [...new Set(faults)];
};

const blindRetry = (real: RecordingBroker): Broker =>
  like(real, {
    place: async (dispatch: Dispatch): Promise<BrokerAnswer> => {
      const answer = await real.place(dispatch);
      return answer.outcome === 'unknown' ? real.place(dispatch) : answer;
    },
  });

const blind = (real: RecordingBroker): Broker =>
  like(real, { findByTag: () => Promise.resolve({ outcome: 'absent' }) });

const sendsFirst = (side: WriteSide, real: RecordingBroker): void => {
  const decide = side.desk.place.bind(side.desk);
  jest.spyOn(side.desk, 'place').mockImplementation((...asked) => {
    const due = decide(...asked);
    if (due) void real.place(due.dispatch);
    return due;
  });
};

describe('an order reaches the exchange once, or provably never', () => {
  it.each([false, true])('as the coordinator does it (the process dies: %p)', async (dies) => {
    expect(await tell({}, dies)).toEqual([]);
  });

  it('not without looking for the tag', async () => {
    expect(await tell({ broker: blind }, false)).toContain('an order works at the exchange and is over in the log');
  });

  it('not without the event before the call', async () => {
    expect(await tell({ side: sendsFirst }, true)).toEqual(['an order is at the exchange and not in the log']);
  });

  it('not with a blind retry', async () => {
    expect(await tell({ broker: blindRetry }, false)).toContain('an order reached the exchange twice');
  });
});
