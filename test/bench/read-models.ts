import type { Client } from 'pg';
import { partitioner } from '#messaging/topic';
import { readModelMigrations } from '#read-models/database';

/** Empties the read models, as they are before the first event. Nobody may be projecting. */
export const emptyReadModels = async (client: Client): Promise<void> => {
  await client.query('drop schema read_model cascade');
  for (const Migration of readModelMigrations) await new Migration().up(client);
};

/** Where the partitions of a feed stood, at a moment of our clock. */
export interface Standing {
  /** By partition; empty while the tables belong to another number of partitions. */
  readonly positions: readonly number[];
  readonly atMs: number;
}

export const standing = async (client: Client, partitions: number): Promise<Standing> => {
  const { rows } = await client.query<{ position: string }>({
    name: 'standing',
    text: `select position from read_model.projection_positions
           where name = 'read-models' and partitions = $1 order by partition`,
    values: [partitions],
  });
  return { positions: rows.map(({ position }) => Number(position)), atMs: performance.now() };
};

/** Counts how many events of the log lie behind a standing. */
export class EventCount {
  private constructor(private readonly positions: readonly (readonly number[])[]) {}

  static async of(client: Client, partitions: number): Promise<EventCount> {
    const { rows } = await client.query<{ account: string; positions: string[] }>(
      `select meta->>'accountId' as account, array_agg(position order by position) as positions from events group by 1`,
    );
    const partitionOf = partitions === 1 ? () => 0 : partitioner(partitions);
    const positions = Array.from({ length: partitions }, (): number[] => []);
    for (const row of rows) {
      const ofPartition = positions[partitionOf(row.account)];
      for (const position of row.positions) ofPartition?.push(Number(position));
    }
    return new EventCount(positions.map((ofPartition) => ofPartition.sort((a, b) => a - b)));
  }

  get total(): number {
    return this.positions.reduce((sum, { length }) => sum + length, 0);
  }

  behind({ positions }: Pick<Standing, 'positions'>): number {
    return positions.reduce(
      (sum, position, partition) => sum + countUpTo(this.positions[partition] ?? [], position),
      0,
    );
  }
}

/** How many of these do not exceed `limit`. @param sorted ascending */
export const countUpTo = (sorted: readonly number[], limit: number): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
};
