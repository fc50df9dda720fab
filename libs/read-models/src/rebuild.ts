import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { EventLog, Page } from '#event-log/event-log';
import { SCHEMA } from './columns';
import { type ContentHashes, contentHashes, sameContent } from './content-hash';
import { readModelMigrations } from './database';
import { type LogPage, Projector } from './projector';

const SHADOW = `${SCHEMA}_rebuild`;
const OLD = `${SCHEMA}_old`;

/** Three pages are in memory at a time: longer ones outlive the young generation of the heap, which costs more than it saves. */
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
  /** The tables that were replaced, and those that replaced them, at the moment of the swap. */
  readonly before: { readonly position: number; readonly views: ContentHashes };
  readonly after: { readonly position: number; readonly views: ContentHashes };
  /** Both hold the same rows. They differ when the old tables had not caught up (`position`), or were wrong. */
  readonly identical: boolean;
}

export interface RebuildOptions {
  readonly onProgress?: (progress: RebuildProgress) => void;
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
 * ones have caught up with the live ones they take their name, in one transaction, together with their checkpoint.
 *
 * `pool` needs four connections, and must allow statements as long as building an index or hashing a view takes.
 * A rebuild that is broken off leaves the live tables as they were, and the next one removes what it left.
 * @throws RebuildRunning
 */
export const rebuild = async (
  log: Pick<EventLog, 'readAll' | 'head'>,
  pool: Pool,
  { onProgress }: RebuildOptions = {},
): Promise<RebuildReport> => {
  const session = await pool.connect();
  try {
    const { rows } = await session.query<{ ours: boolean }>(
      `select pg_try_advisory_lock(hashtextextended('${SHADOW}', 0)) as ours`,
    );
    if (rows[0]?.ours !== true) throw new RebuildRunning();
    return await new Rebuild(log, pool, onProgress).run();
  } finally {
    session.release(true); // ends the session, and with it the lock
  }
};

class Rebuild {
  private readonly startedAtMs = performance.now();
  private readonly live: Projector;
  private readonly shadow: Projector;
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
    private readonly onProgress: RebuildOptions['onProgress'],
  ) {
    this.live = new Projector(pool);
    this.shadow = new Projector(pool, SHADOW);
  }

  async run(): Promise<RebuildReport> {
    const createIndexes = await this.in('load', async () => {
      await this.dropLeftovers();
      await this.createTables();
      const indexes = await this.dropIndexes();
      this.head = await this.log.head();
      await this.load(this.head);
      return indexes;
    });
    await this.in('indexes', async () => {
      for (const sql of createIndexes) await this.pool.query(sql);
    });
    await this.in('catch-up', async () => {
      // Without figures about the new table its first reads would be planned blindly.
      await this.pool.query(`analyze ${SHADOW}.orders`);
      await this.chase();
    });
    const snapshot = await this.pool.connect();
    try {
      // The projector that goes on after the swap knows the partitions ahead to be there.
      await this.shadow.makePartitionsAhead(Date.now());
      const livePosition = await this.in('swap', () => this.swap(snapshot));
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
        before: { position: livePosition, views: hashes.before },
        after: { position: this.position, views: hashes.after },
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
        and conrelid in ('${SHADOW}.order_events'::regclass, '${SHADOW}.trades'::regclass)
      union all
      select format('drop index %s', indexrelid::regclass), replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
      from pg_index join pg_class on pg_class.oid = indexrelid
      where relnamespace = '${SHADOW}'::regnamespace and not indisprimary and not relispartition`);
    for (const { drop } of rows) await this.pool.query(drop);
    return rows.map(({ create }) => create);
  }

  /** Projects up to a position: one page is read while the one before it is folded and the one before that stored. */
  private async load(until: number): Promise<void> {
    if (this.position >= until) return;
    let storing: Promise<void> = Promise.resolve();
    let reading = this.read(this.position);
    for (let after = this.position; after < until;) {
      const page = cutAt(await reading, after, until);
      if (page.next === after) break; // the log ends before `until`
      after = page.next;
      if (after < until) reading = this.read(after);
      const folded = await this.shadow.fold(page);
      await storing;
      storing = this.shadow.store(folded).then(({ events, parked }) => {
        this.events += events;
        this.parked += parked.length;
        this.position = page.next;
        this.report();
      });
      storing.catch(() => undefined); // awaited when its turn comes
    }
    await storing;
  }

  private read(after: number): Promise<Page> {
    const page = this.log.readAll({ after, limit: EVENTS_PER_PAGE });
    page.catch(() => undefined); // awaited when its turn comes
    return page;
  }

  /** Follows the live tables until close behind them. Never beyond them, as long as they move: see `identical`. */
  private async chase(): Promise<void> {
    let movedAtMs = performance.now();
    let before = -1;
    for (let chases = 0; chases < CHASES_MAX;) {
      const live = await this.live.position();
      if (live > before) movedAtMs = performance.now();
      before = live;
      if (live === this.position) return;
      if (live > this.position) {
        if (live - this.position <= CLOSE_EVENTS) return;
        await this.load(live);
        chases += 1;
      } else if (performance.now() - movedAtMs > STALLED_MS) return;
      else await sleep(20);
    }
  }

  /**
   * Stops the live projector for a moment, reads the rest, and swaps the names. `snapshot` sees both sets of tables as
   * they were at that moment from then on, under their new names. Returns the live tables' last position.
   */
  private async swap(snapshot: PoolClient): Promise<number> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${String(SWAP_LOCK_TIMEOUT_MS)}`);
      // Conflicts with moving the checkpoint, which every projection begins with; readers do not notice. Whoever waits
      // here finds the new table behind the same name.
      await client.query(`lock table ${SCHEMA}.projection_positions in share mode`);
      const livePosition = await this.live.position();
      await this.load(livePosition);
      await snapshot.query('begin isolation level repeatable read, read only');
      await snapshot.query(`select from ${SHADOW}.projection_positions`);
      await client.query(`alter schema ${SCHEMA} rename to ${OLD}`);
      await client.query(`alter schema ${SHADOW} rename to ${SCHEMA}`);
      await client.query('commit');
      client.release();
      return livePosition;
    } catch (error) {
      client.release(true); // closing the connection rolls back
      throw error;
    }
  }
}

const cutAt = ({ events, next }: Page, after: number, until: number): LogPage => {
  if (next <= until) return { after, events, next };
  return { after, events: events.filter(({ position }) => position <= until), next: until };
};

const seconds = (sinceMs: number): number => Math.round(performance.now() - sinceMs) / 1_000;
