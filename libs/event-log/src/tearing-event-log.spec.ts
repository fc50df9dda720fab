import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import type { EventLog, Write } from './event-log';
import { EventLog1767225600000 } from './postgres/migrations';
import { PostgresEventLog } from './postgres/postgres-event-log';
import { ProcessDied, seededDeaths, TearingEventLog } from './tearing-event-log';

let database: TestDatabase;
let inner: EventLog;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  inner = new PostgresEventLog({ url: database.url });
});

afterAll(async () => {
  await inner.close();
  await database.drop();
});

const newWrite = (): Write => ({
  stream: `order-${randomUUID()}`,
  expected: 'no-stream',
  events: [
    {
      id: randomUUID(),
      type: 'Happened',
      data: {},
      meta: { userId: 'u', accountId: 'a', correlationId: 'c', causationId: 'c', at: 0, schemaVersion: 1 },
    },
  ],
});

/** How many events each write's stream holds. */
const stored = (writes: readonly Write[]): Promise<number[]> =>
  Promise.all(writes.map(async ({ stream }) => (await inner.readStream(stream)).length));

describe('a tearing event log', () => {
  it('leaves a refused multi-write applied up to the refusal', async () => {
    const writes = [newWrite(), newWrite(), newWrite()];
    const log = new TearingEventLog(inner);
    const taken = writes[1];
    if (taken !== undefined) await inner.append([{ ...newWrite(), stream: taken.stream }]);
    await expect(log.append(writes)).rejects.toThrow('was expected at no-stream but is at 0');
    expect(await stored(writes)).toEqual([1, 1, 0]);
  });

  it.each([
    [0, [1, 0, 0, 0]],
    [1, [1, 1, 0, 0]],
    [2, [1, 1, 1, 0]],
    [3, [1, 1, 1, 1]],
  ])('that dies at gap %i leaves %p', async (at, left) => {
    const writes = [newWrite(), newWrite(), newWrite(), newWrite()];
    const log = new TearingEventLog(inner, (gap) => gap === at);
    const outcome = await log.append(writes).catch((error: unknown) => error);
    expect(outcome instanceof ProcessDied).toBe(at < 3);
    expect(await stored(writes)).toEqual(left);
  });

  it('counts the gaps of all appends, and none before a first write', async () => {
    const log = new TearingEventLog(inner, (gap) => gap === 1);
    await log.append([newWrite()]);
    await log.append([newWrite(), newWrite()]);
    await log.append([newWrite()]);
    const last = [newWrite(), newWrite()];
    await expect(log.append(last)).rejects.toThrow(ProcessDied);
    expect(await stored(last)).toEqual([1, 0]);
  });

  it('is dead for good once it has died, for everyone in that process', async () => {
    const log = new TearingEventLog(inner, () => true);
    await expect(log.append([newWrite(), newWrite()])).rejects.toThrow(ProcessDied);
    const later = newWrite();
    await expect(log.append([later])).rejects.toThrow(ProcessDied);
    await expect(log.readStream(later.stream)).rejects.toThrow(ProcessDied);
    await expect(log.readAll({ after: 0, limit: 1 })).rejects.toThrow(ProcessDied);
    await expect(log.head()).rejects.toThrow(ProcessDied);
    expect(() => log.subscribeAll({ after: 0 }, () => Promise.resolve())).toThrow(ProcessDied);
    expect(await stored([later])).toEqual([0]);
  });

  it('lets the next process repeat the whole append', async () => {
    const writes = [newWrite(), newWrite(), newWrite()];
    await expect(new TearingEventLog(inner, (gap) => gap === 1).append(writes)).rejects.toThrow(ProcessDied);
    await new TearingEventLog(inner).append(writes);
    expect(await stored(writes)).toEqual([1, 1, 1]);
  });

  it('dies at the same gaps for the same seed, about as often as it was told', () => {
    const deaths = (seed: number): number[] => {
      const dies = seededDeaths(seed, 10);
      return Array.from({ length: 2_000 }, (_, gap) => gap).filter(dies);
    };
    expect(deaths(1)).toEqual(deaths(1));
    expect(deaths(1)).not.toEqual(deaths(2));
    expect(deaths(1).length).toBeGreaterThan(150);
    expect(deaths(1).length).toBeLessThan(250);
  });
});
