import type { Pool } from 'pg';
import { SCHEMA } from './columns';
import { PROJECTION } from './projection-positions/projection-position';

/** As with the swap of a rebuild: who waits longer than this says so instead. */
const LOCK_TIMEOUT_MS = 30_000;

/** How far one partition has been projected. */
export interface Checkpoint {
  readonly partition: number;
  readonly position: number;
  /** The rows hold everything of the partition that was recorded before (epoch ms). */
  readonly asOfMs: number;
}

/** The log ended at `head` at the moment `atMs`, or later. */
export interface HeadSeen {
  readonly head: number;
  readonly atMs: number;
}

/** The tables belong to another number of partitions and cannot simply be taken over, in one line for who starts this. */
export class PartitionsDiffer extends Error {
  override readonly name = 'PartitionsDiffer';

  constructor(found: number, wanted: number) {
    super(
      `the read models stand at different positions of ${String(found)} partitions, and the feed has ${String(wanted)}: ` +
        `run \`npm run rebuild\`, which builds them anew for ${String(wanted)}`,
    );
  }
}

/** The checkpoints of all partitions. One of them is moved by its `Projector` alone, with the rows that belong to it. */
export class Checkpoints {
  private readonly table: string;

  constructor(
    private readonly pool: Pool,
    private readonly partitions: number,
    private readonly schema: string = SCHEMA,
  ) {
    this.table = `${schema}.projection_positions`;
  }

  /**
   * Makes sure that there is one for each partition of the feed. With another number of partitions an account belongs to
   * another one, so the number may only change where all stand at the same position: what is before it is in the rows, what
   * is behind it is not, whoever counts. Safe when several processes start at once; a projector that still counts
   * otherwise is fenced off.
   * @throws PartitionsDiffer when they do not stand at the same position.
   */
  async adopt(): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${String(LOCK_TIMEOUT_MS)}`);
      // One at a time, and no checkpoint moves meanwhile; readers do not notice.
      await client.query(`lock table ${this.table} in share row exclusive mode`);
      const { rows } = await client.query<{ rows: number; fitting: number; positions: number }>(
        `select count(*)::int as rows, count(distinct position)::int as positions,
           count(*) filter (where partitions = $2 and partition between 0 and $2 - 1)::int as fitting
         from ${this.table} where name = $1`,
        [PROJECTION, this.partitions],
      );
      const [found] = rows;
      if (found === undefined || found.rows === 0) throw new Error(`${this.schema} has no checkpoint of ${PROJECTION}`);
      if (found.rows !== this.partitions || found.fitting !== this.partitions) {
        if (found.positions > 1) throw new PartitionsDiffer(found.rows, this.partitions);
        const { rows: taken } = await client.query<{ position: string; as_of: string }>(
          `select min(position) as position, min(as_of)::text as as_of from ${this.table} where name = $1`,
          [PROJECTION],
        );
        await client.query(`delete from ${this.table} where name = $1`, [PROJECTION]);
        await client.query(
          `insert into ${this.table} (name, partition, partitions, position, updated_at, as_of)
           select $1, partition, $2, $3, now(), $4::timestamptz from generate_series(0, $2::integer - 1) as partition`,
          [PROJECTION, this.partitions, taken[0]?.position, taken[0]?.as_of],
        );
      }
      await client.query('commit');
      client.release();
    } catch (error) {
      client.release(true); // closing the connection rolls back
      throw error;
    }
  }

  /** Those of this number of partitions; none when the tables were put to another number. */
  async read(): Promise<readonly Checkpoint[]> {
    const { rows } = await this.pool.query<{ partition: number; position: string; as_of_ms: string }>({
      name: `${this.schema} checkpoints`,
      text: `select partition, position, (extract(epoch from as_of) * 1000)::bigint as as_of_ms
             from ${this.table} where name = $1 and partitions = $2 order by partition`,
      values: [PROJECTION, this.partitions],
    });
    return rows.map((row) => ({
      partition: row.partition,
      position: Number(row.position),
      asOfMs: Number(row.as_of_ms),
    }));
  }

  /**
   * Dates every checkpoint by the latest of these moments whose head it has reached: what was recorded before that moment
   * lies at or below that head. One that is being moved is passed over: it will be dated the next time.
   */
  async confirmCaughtUp(seen: readonly HeadSeen[]): Promise<void> {
    await this.pool.query({
      name: `${this.schema} confirm`,
      // Locked in order, so that two who do this at once never wait for each other.
      text: `with free as (
               select partition, position from ${this.table}
               where name = $1 and partitions = $2 order by partition for update skip locked
             ), due as (
               select partition, max(at_ms) as at_ms
               from free join unnest($3::bigint[], $4::double precision[]) as seen (head, at_ms) on position >= head
               group by partition
             )
             update ${this.table} as checkpoint set as_of = to_timestamp(due.at_ms / 1000)
             from due where checkpoint.name = $1 and checkpoint.partition = due.partition
               and checkpoint.as_of < to_timestamp(due.at_ms / 1000)`,
      values: [PROJECTION, this.partitions, seen.map(({ head }) => head), seen.map(({ atMs }) => atMs)],
    });
  }
}
