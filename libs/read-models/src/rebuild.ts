import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { EventLog, Page, RecordedEvent } from '#event-log/event-log';
import { SCHEMA } from './columns';
import { BulkLoad } from './bulk-load';
import { type ContentHashes, contentHashes, sameContent } from './content-hash';
import { readModelMigrations } from './database';
import { MonthPartitions } from './month-partitions';
import { PROJECTION } from './projection-positions/projection-position';
import { type LogPage, Projector } from './projector';
import { ValueRefused } from './value-refused';

const SHADOW = `${SCHEMA}_rebuild`;
const OLD = `${SCHEMA}_old`;

/** A few pages are in memory at a time: longer ones outlive the young generation of the heap, which costs more than it saves. */
const EVENTS_PER_PAGE = 2_000;
/** So close behind the live tables, the rest is read while they wait. */
const CLOSE_EVENTS = 5_000;
const CHASES_MAX = 50;
/** Live tables that do not move for so long have no projector at work. */
const STALLED_MS = 2_000;
const SWAP_LOCK_TIMEOUT_MS = 30_000;

export type RebuildPhase = 'load' | 'indexes' | 'catch-up' | 'swap' | 'compare' | 'clean-up';

export interface RebuildProgress {
  readonly phase: RebuildPhase;
  readonly events: number;
  readonly position: number;
  /** Where the log ended when the rebuild began. */
  readonly head: number;
}

export interface RebuildReport {
  readonly events: number;
  readonly parked: number;
  readonly seconds: number;
  /** Seconds by phase; `load` is reading, folding and storing all events there were at the start. */
  readonly phases: Readonly<Record<RebuildPhase, number>>;
  /**
   * The tables that were replaced, and those that replaced them, at the moment of the swap. `position`: what all
   * partitions have reached.
   */
  readonly before: { readonly position: number; readonly views: ContentHashes };
  readonly after: { readonly position: number; readonly views: ContentHashes };
  /** Both hold the same rows. They differ when the old tables had not caught up (`position`), or were wrong. */
  readonly identical: boolean;
}

export interface RebuildOptions {
  readonly onProgress?: (progress: RebuildProgress) => void;
  /** Of the feed that will go on projecting; without it: one, the log itself. */
  readonly partitions?: number;
  /** The partition of the feed that an account's events travel in. */
  readonly partitionOf?: (accountId: string) => number;
}

/** Another rebuild is at work on this database. */
export class RebuildRunning extends Error {
  override readonly name = 'RebuildRunning';

  constructor() {
    super('another rebuild is running');
  }
}

/**
 * Builds all views anew from the log, beside the live tables, which go on being projected and read. When the new
 * ones have caught up with the live ones they take their name, in one transaction, together with their checkpoints.
 *
 * Where the live tables belong to as many partitions as the feed has, the new ones stand in the end, partition by
 * partition, exactly where these stood. Otherwise they stand at one position, in as many partitions as are wanted, and
 * projectors that still count as before are fenced off.
 *
 * `pool` needs four connections, and must allow statements as long as building an index or hashing a view takes.
 * A rebuild that is broken off leaves the live tables as they were, and the next one removes what it left.
 * @throws RebuildRunning
 */
export const rebuild = async (
  log: Pick<EventLog, 'readAll' | 'head'>,
  pool: Pool,
  options: RebuildOptions = {},
): Promise<RebuildReport> => {
  const session = await pool.connect();
  try {
    const { rows } = await session.query<{ ours: boolean }>(
      `select pg_try_advisory_lock(hashtextextended('${SHADOW}', 0)) as ours`,
    );
    if (rows[0]?.ours !== true) throw new RebuildRunning();
    return await new Rebuild(log, pool, options).run();
  } finally {
    session.release(true); // ends the session, and with it the lock
  }
};

class Rebuild {
  private readonly startedAtMs = performance.now();
  private readonly shadow: Projector;
  private readonly months: MonthPartitions;
  private readonly onProgress: RebuildOptions['onProgress'];
  private readonly partitions: number;
  private readonly partitionOf: (accountId: string) => number;
  private readonly phases: Record<RebuildPhase, number> = {
    load: 0,
    indexes: 0,
    'catch-up': 0,
    swap: 0,
    compare: 0,
    'clean-up': 0,
  };
  private phase: RebuildPhase = 'load';
  private events = 0;
  private parked = 0;
  private position = 0;
  private head = 0;

  constructor(
    private readonly log: Pick<EventLog, 'readAll' | 'head'>,
    private readonly pool: Pool,
    { onProgress, partitions = 1, partitionOf = () => 0 }: RebuildOptions,
  ) {
    this.onProgress = onProgress;
    this.partitions = partitions;
    this.partitionOf = partitionOf;
    this.months = new MonthPartitions(pool, SHADOW);
    this.shadow = new Projector(pool, { schema: SHADOW, months: this.months });
  }

  async run(): Promise<RebuildReport> {
    const createIndexes = await this.in('load', async () => {
      await this.dropLeftovers();
      await this.createTables();
      const indexes = await this.dropIndexes();
      this.head = await this.log.head();
      await this.loadInBulk(this.head);
      return indexes;
    });
    await this.in('indexes', async () => {
      for (const sql of createIndexes) await this.pool.query(sql);
    });
    await this.in('catch-up', async () => {
      // Without figures about the new tables their first reads would be planned blindly.
      await this.pool.query(`analyze ${SHADOW}.orders, ${SHADOW}.positions`);
      await this.chase();
    });
    const snapshot = await this.pool.connect();
    try {
      // The projector that goes on after the swap knows the partitions ahead to be there.
      await this.months.makeAhead(Date.now());
      const reached = await this.in('swap', () => this.swap(snapshot));
      const hashes = await this.in('compare', async () => ({
        before: await contentHashes(snapshot, OLD),
        after: await contentHashes(snapshot, SCHEMA),
      }));
      await snapshot.query('commit');
      await this.in('clean-up', () => this.pool.query(`drop schema ${OLD} cascade`));
      return {
        events: this.events,
        parked: this.parked,
        seconds: seconds(this.startedAtMs),
        phases: this.phases,
        before: { position: reached.before, views: hashes.before },
        after: { position: reached.after, views: hashes.after },
        identical: sameContent(hashes.before, hashes.after),
      };
    } finally {
      snapshot.release(true);
    }
  }

  private async in<Result>(phase: RebuildPhase, work: () => Promise<Result>): Promise<Result> {
    const startedAtMs = performance.now();
    this.phase = phase;
    this.report();
    const result = await work();
    this.phases[phase] = seconds(startedAtMs);
    return result;
  }

  private report(): void {
    const { phase, events, position, head } = this;
    this.onProgress?.({ phase, events, position, head });
  }

  private async dropLeftovers(): Promise<void> {
    for (const schema of [SHADOW, OLD]) await this.pool.query(`drop schema if exists ${schema} cascade`);
  }

  private async createTables(): Promise<void> {
    for (const Migration of readModelMigrations) await new Migration(SHADOW).up(this.pool);
  }

  /**
   * Drops every index that loading does not need, because building one at the end is far cheaper than growing it row
   * by row: all of the tables that are only appended to, and what is no primary key. Returns how to make them again.
   */
  private async dropIndexes(): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ drop: string; create: string }>(`
      select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop,
        format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as create
      from pg_constraint
      where connamespace = '${SHADOW}'::regnamespace and contype = 'p' and conparentid = 0
        and conrelid in ('${SHADOW}.order_events'::regclass, '${SHADOW}.trades'::regclass,
          '${SHADOW}.order_charges'::regclass, '${SHADOW}.trade_charges'::regclass)
      union all
      select format('drop index %s', indexrelid::regclass), replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
      from pg_index join pg_class on pg_class.oid = indexrelid
      where relnamespace = '${SHADOW}'::regnamespace and not indisprimary and not relispartition`);
    for (const { drop } of rows) await this.pool.query(drop);
    return rows.map(({ create }) => create);
  }

  /** Everything up to a position, in large transactions. */
  private async loadInBulk(until: number): Promise<void> {
    while (this.position < until) {
      const load = new BulkLoad({ pool: this.pool, schema: SHADOW, months: this.months, position: this.position });
      const { events, parked } = this;
      let foldedTo = this.position;
      try {
        for await (const page of this.pages(until)) {
          foldedTo = page.next;
          await load.add(page);
          this.count(load, events, parked);
        }
        await load.finish();
        this.count(load, events, parked);
        return;
      } catch (error) {
        await load.abandon();
        if (!(error instanceof ValueRefused)) throw error;
        this.count(load, events, parked);
        await this.shadow.begin();
        await this.project(foldedTo); // page by page: the projector finds the event and parks it
      }
    }
  }

  private count({ loaded }: BulkLoad, eventsBefore: number, parkedBefore: number): void {
    this.events = eventsBefore + loaded.events;
    this.parked = parkedBefore + loaded.parked;
    this.position = loaded.position;
    this.report();
  }

  /**
   * Projects up to a position: one page is read while the one before it is folded and the one before that stored.
   * @param reached of what lies ahead, the events that the live tables have.
   */
  private async project(until: number, reached: (event: RecordedEvent) => boolean = () => true): Promise<void> {
    let storing: Promise<void> = Promise.resolve();
    for await (const { after, next, events } of this.pages(until)) {
      const folded = await this.shadow.fold({ after, next, events: events.filter(reached) });
      await storing;
      storing = this.shadow.store(folded).then((projected) => {
        this.events += projected.events;
        this.parked += projected.parked.length;
        this.position = next;
        this.report();
      });
      storing.catch(() => undefined); // awaited when its turn comes
    }
    await storing;
  }

  /** From where the new tables stand; the next page is being read while the one before it is at work. */
  private async *pages(until: number): AsyncIterable<LogPage> {
    if (this.position >= until) return;
    let reading = this.read(this.position);
    for (let after = this.position; after < until;) {
      const page = cutAt(await reading, after, until);
      if (page.next === after) break; // the log ends before `until`
      after = page.next;
      if (after < until) reading = this.read(after);
      yield page;
    }
  }

  private read(after: number): Promise<Page> {
    const page = this.log.readAll({ after, limit: EVENTS_PER_PAGE });
    page.catch(() => undefined); // awaited when its turn comes
    return page;
  }

  /**
   * Follows the live tables until close behind them: behind the partition that is furthest behind. Never beyond them, as
   * long as they move: see `identical`.
   */
  private async chase(): Promise<void> {
    let movedAtMs = performance.now();
    let before = -1;
    for (let chases = 0; chases < CHASES_MAX;) {
      const live = lowest(await this.livePositions());
      if (live > before) movedAtMs = performance.now();
      before = live;
      if (live === this.position) return;
      if (live > this.position) {
        if (live - this.position <= CLOSE_EVENTS) return;
        await this.project(live);
        chases += 1;
      } else if (performance.now() - movedAtMs > STALLED_MS) return;
      else await sleep(20);
    }
  }

  /**
   * Stops the live projectors for a moment, reads the rest, and swaps the names. `snapshot` sees both sets of tables as
   * they were at that moment from then on, under their new names. Returns what all partitions of each had reached.
   */
  private async swap(snapshot: PoolClient): Promise<{ readonly before: number; readonly after: number }> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${String(SWAP_LOCK_TIMEOUT_MS)}`);
      // Conflicts with moving a checkpoint, which every projection begins with; readers do not notice. Whoever waits
      // here finds the new table behind the same name.
      await client.query(`lock table ${SCHEMA}.projection_positions in share mode`);
      const live = await this.livePositions();
      const after = await this.takeCheckpoints(client, live, await this.projectTheRest(live));
      await snapshot.query('begin isolation level repeatable read, read only');
      await snapshot.query(`select from ${SHADOW}.projection_positions`);
      await client.query(`alter schema ${SCHEMA} rename to ${OLD}`);
      await client.query(`alter schema ${SHADOW} rename to ${SCHEMA}`);
      await client.query('commit');
      client.release();
      return { before: lowest(live), after };
    } catch (error) {
      client.release(true); // closing the connection rolls back
      throw error;
    }
  }

  /**
   * Up to what all partitions have reached, and then of each partition what the live tables have of it. Which accounts a
   * partition has is known only where the feed counts as the live tables do: otherwise everything up to the furthest.
   */
  private async projectTheRest(live: readonly LivePosition[]): Promise<Filled> {
    const furthest = Math.max(...live.map(({ position }) => position));
    if (!this.fits(live)) await this.project(furthest);
    await this.project(lowest(live));
    const { position } = this;
    const { rows } = await this.pool.query<{ as_of: string }>(
      `select as_of::text from ${SHADOW}.projection_positions where name = $1`,
      [PROJECTION],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`${SHADOW} has no checkpoint of ${PROJECTION}`);

    const reached = new Map(live.map((row) => [row.partition, row.position]));
    await this.project(
      furthest,
      (event) => event.position <= (reached.get(this.partitionOf(event.meta.accountId)) ?? 0),
    );
    return { position, asOf: row.as_of };
  }

  /** The new tables were filled by one checkpoint: from now on there is one for each partition. Returns the lowest of them. */
  private async takeCheckpoints(
    client: PoolClient,
    live: readonly LivePosition[],
    { position, asOf }: Filled,
  ): Promise<number> {
    const table = `${SHADOW}.projection_positions`;
    await client.query(`delete from ${table} where name = $1`, [PROJECTION]);
    if (this.fits(live)) {
      // Where the live tables were further, the new ones have followed them, and are as old. Beyond the end of the log
      // there is nothing to follow: a checkpoint from there would hide whatever is written next.
      const end = Math.max(position, await this.log.head());
      await client.query(
        `insert into ${table} (name, partition, partitions, position, updated_at, as_of)
         select name, partition, partitions, least(greatest(position, $2), $4), now(),
           case when position >= $2 then as_of else greatest(as_of, $3::timestamptz) end
         from ${SCHEMA}.projection_positions where name = $1`,
        [PROJECTION, position, asOf, end],
      );
      return Math.max(position, Math.min(lowest(live), end));
    }
    await client.query(
      `insert into ${table} (name, partition, partitions, position, updated_at, as_of)
       select $1, partition, $2, $3, now(), $4::timestamptz from generate_series(0, $2::integer - 1) as partition`,
      [PROJECTION, this.partitions, position, asOf],
    );
    return position;
  }

  private fits(live: readonly LivePosition[]): boolean {
    return live.length === this.partitions && live.every(({ partitions }) => partitions === this.partitions);
  }

  private async livePositions(): Promise<readonly LivePosition[]> {
    const { rows } = await this.pool.query<{ partition: number; partitions: number; position: string }>(
      `select partition, partitions, position from ${SCHEMA}.projection_positions where name = $1`,
      [PROJECTION],
    );
    if (rows.length === 0) throw new Error(`${SCHEMA} has no checkpoint of ${PROJECTION}`);
    return rows.map((row) => ({ ...row, position: Number(row.position) }));
  }
}

/** A checkpoint of the live tables. */
interface LivePosition {
  readonly partition: number;
  readonly partitions: number;
  readonly position: number;
}

/** What the new tables hold of all partitions. */
interface Filled {
  readonly position: number;
  /** As Postgres writes it, to the microsecond. */
  readonly asOf: string;
}

const lowest = (live: readonly LivePosition[]): number => Math.min(...live.map(({ position }) => position));

const cutAt = ({ events, next }: Page, after: number, until: number): LogPage => {
  if (next <= until) return { after, events, next };
  return { after, events: events.filter(({ position }) => position <= until), next: until };
};

const seconds = (sinceMs: number): number => Math.round(performance.now() - sinceMs) / 1_000;
