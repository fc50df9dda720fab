import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { silent } from './quiet.contract';
import { StaleLeader } from './relay';
import { PostgresRelayCheckpoint, RelayPositions1767225800000 } from './relay-checkpoint';

describe("the relay's checkpoint", () => {
  let database: TestDatabase;
  let opened: PostgresRelayCheckpoint[];

  const open = (name = 'kafka'): PostgresRelayCheckpoint => {
    const checkpoint = new PostgresRelayCheckpoint({ url: database.url, name, logger: silent });
    opened.push(checkpoint);
    return checkpoint;
  };

  beforeEach(async () => {
    opened = [];
    database = await createTestDatabase([RelayPositions1767225800000]);
  });

  afterEach(async () => {
    await Promise.all(opened.map((checkpoint) => checkpoint.close()));
    await database.drop();
  });

  it('is 0 at first, and then what was saved last, also for the next process', async () => {
    const checkpoint = open();
    expect(await checkpoint.take(1)).toBe(0);
    await checkpoint.save(9_007_199_254_740_000, 1);
    expect(await open().take(1)).toBe(9_007_199_254_740_000);
    await checkpoint.save(0, 1); // the topic was made anew
    expect(await open().take(2)).toBe(0);
  });

  it('belongs to the newest leader as soon as that one has taken it', async () => {
    const [older, newer] = [open(), open()];
    await older.take(1);
    await older.save(5, 1);
    expect(await newer.take(2)).toBe(5);
    await expect(older.save(6, 1)).rejects.toThrow(StaleLeader);
    await expect(older.take(1)).rejects.toThrow(StaleLeader);
    expect(await newer.take(2)).toBe(5);
  });

  it('is not taken twice at once by different leaders: the higher token stays', async () => {
    const checkpoints = [open(), open(), open()];
    const outcomes = await Promise.allSettled(
      checkpoints.flatMap((each, n) => [each.take(n + 1), each.save(n, n + 1)]),
    );
    expect(outcomes.slice(-2).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(await open().take(3)).toBe(2);
  });

  it('is one per name', async () => {
    await open('a').save(1, 7);
    expect(await open('b').take(1)).toBe(0);
  });
});
