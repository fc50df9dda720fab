import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import type { BrokerAnswer, Dispatch } from '#brokers/broker';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RecordingBroker } from '../../../test/support/recording-broker';
import { line, openAccount, place, sideOn } from '../../../test/support/write-side';

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

/** Says of each call how long it took: what the next of `callMs` is. */
class TimedBroker extends RecordingBroker {
  constructor(private readonly callMs: number[]) {
    super('timed');
  }

  override async place(dispatch: Dispatch): Promise<BrokerAnswer> {
    const answer = await super.place(dispatch);
    const callMs = this.callMs.shift();
    return callMs === undefined ? answer : { ...answer, callMs };
  }
}

const waitsFor = async (broker: TimedBroker, lines: number): Promise<readonly number[]> => {
  const { side } = sideOn({ log, brokers: [broker], now: Date.now });
  const waits: number[] = [];
  Object.assign(side.options.outcomes, { waited: (ms: number) => waits.push(ms) });
  const accountId = await openAccount(side, 'timed');
  await place(side, { accountId, key: 'one', lines: Array.from({ length: lines }, () => line()) });
  await side.stop();
  return waits;
};

describe('a request has waited for its brokers', () => {
  it('as long as for the slowest of the orders that went out at once', async () =>
    expect(await waitsFor(new TimedBroker([3, 40, 7]), 3)).toEqual([40]));

  it('again for what is tried again', async () => {
    const broker = new TimedBroker([3, 5]);
    const reactions = [{ kind: 'not-sent' }, { kind: 'accept' }] as const;
    let calls = 0;
    broker.again = 'here';
    broker.onPlace = () => reactions[calls++] ?? { kind: 'accept' };
    expect(await waitsFor(broker, 1)).toEqual([3, 5]);
  });

  it('not at all where no call was made', async () => expect(await waitsFor(new TimedBroker([]), 1)).toEqual([]));
});
