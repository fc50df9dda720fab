import { DatabaseError, type Pool } from 'pg';

/** Tables that are kept by month of their time (UTC) or their day. */
const PARTITIONED = ['order_events', 'trades', 'trade_charges'] as const;

/** Months outside of these years are no trading month: such rows go to the default partition. */
const FIRST_YEAR = 2000;
const LAST_YEAR = 2100;

const LOCK_TIMEOUT_MS = 5_000;

/** The partitions of one schema. Remembers which there are, so that asking for a month again costs nothing. */
export class MonthPartitions {
  private readonly made = new Set<string>();

  constructor(
    private readonly pool: Pool,
    private readonly schema: string,
  ) {}

  /** Makes what is missing for the months of these instants (epoch ms), before a row of theirs is stored. */
  async cover(instants: Iterable<number>): Promise<void> {
    const missing = this.missing(instants);
    if (missing.length > 0) await this.make(missing);
  }

  /** True when `cover` would have nothing to do. A partition is not made beside an open transaction that uses its table. */
  covers(instants: Iterable<number>): boolean {
    return this.missing(instants).length === 0;
  }

  private missing(instants: Iterable<number>): readonly Month[] {
    const missing = new Map<string, Month>();
    let last: Month | undefined;
    for (const ms of instants) {
      if (last !== undefined && ms >= last.fromMs && ms < last.toMs) continue; // most rows are of one month
      last = monthOf(ms);
      if (last !== undefined && !this.made.has(last.name)) missing.set(last.name, last);
    }
    return [...missing.values()];
  }

  /** Makes the present month and the next two, so that the first row of a month finds its partition. */
  async makeAhead(nowMs: number): Promise<void> {
    const months: number[] = [];
    for (let ms = nowMs; months.length < 3; ms = monthOf(ms)?.toMs ?? ms) months.push(ms);
    await this.cover(months);
  }

  private async make(months: readonly Month[]): Promise<void> {
    for (const month of months) {
      for (const table of PARTITIONED) await this.makeOne(table, month);
      this.made.add(month.name);
    }
  }

  private async makeOne(table: string, { name, fromMs, toMs }: Month): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${String(LOCK_TIMEOUT_MS)}`);
      // Projectors that meet the same new month take turns.
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${this.schema} partitions`]);
      await client.query(
        `create table if not exists ${this.schema}.${table}_${name} partition of ${this.schema}.${table}
         for values from ('${new Date(fromMs).toISOString()}') to ('${new Date(toMs).toISOString()}')`,
      );
      await client.query('commit');
      client.release();
    } catch (error) {
      client.release(true); // closing the connection rolls back
      if (!isHeldByDefault(error)) throw error;
    }
  }
}

/**
 * The default partition holds rows of the month, so there can be no partition for it (and none is needed: the rows to
 * come go to the default one, too) until somebody has moved them out of the way.
 */
const isHeldByDefault = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === '23514' && error.message.includes('default partition');

interface Month {
  /** `2026_01` */
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const monthOf = (ms: number): Month | undefined => {
  const date = new Date(ms);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (!(year >= FIRST_YEAR && year <= LAST_YEAR)) return undefined;
  return {
    name: `${String(year)}_${String(month + 1).padStart(2, '0')}`,
    fromMs: Date.UTC(year, month),
    toMs: Date.UTC(year, month + 1),
  };
};
