/** Work that only one process may do at a time: whoever holds the lease does it, the others stand by. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { Logger } from './logging';
import { gauge } from './metrics';

/** Where leases are kept. A `DataSource` is one. */
export interface LeaseDatabase {
  query<T>(sql: string, parameters?: unknown[]): Promise<T>;
}

export interface LeaseOptions {
  readonly database: LeaseDatabase;
  /** What the lease is for: `relay`, `write-side-keeper`. */
  readonly name: string;
  /** This process, for people who look at the table. */
  readonly holder: string;
  readonly logger: Logger;
  /** For how long a holder that falls silent keeps the others waiting. */
  readonly ttlMs?: number;
  /** How often the holder renews and the others ask. */
  readonly renewMs?: number;
  /** Milliseconds that never go back, whatever becomes of the wall clock. */
  readonly monotonicMs?: () => number;
}

/** One uninterrupted time of holding a lease. */
export interface Lead {
  readonly token: number;
  readonly isHeld: () => boolean;
  /** Aborts soon after it was lost: what must not happen twice asks `isHeld`. */
  readonly lost: AbortSignal;
}

const WATCH_MS = 100;
const RENEW_MS = 1_000;
/** How late a holder's renewal may be and still be seen. */
const SIGN_OF_LIFE_MS = 500;

const held = gauge({
  name: 'coordinator_lease_held',
  help: '1 while this process holds the lease: over all processes the sum must be 1',
  labels: ['lease'],
});

/**
 * A lease in Postgres, renewed while the process lives. It is kept there and not in a cache because its token must
 * survive whatever a cache may lose: each holder gets a higher token than the one before, so that what is written with
 * an old one can be told from what is written with the present one.
 *
 * `isHeld` is true only as long as no other process can have got it: it is counted from before the question was sent,
 * by a clock that goes on while the process is stopped. A holder that was paused finds it false when it wakes up. That
 * clock stands still while a whole machine is suspended: what must not be done by two checks the token where it is written.
 */
export class Lease {
  private token = 0;
  private heldUntilMs = 0;
  private failing = false;
  private readonly stopped = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: LeaseOptions) {}

  /** Asks once, then keeps asking or renewing in the background. */
  async start(): Promise<void> {
    await this.turn();
    this.running = this.keep();
  }

  /**
   * Takes the lease from a holder that is gone, without waiting for its end: `false`, and nothing is taken, when the
   * holder shows a sign of life.
   */
  async takeOver(): Promise<boolean> {
    const { database, name, renewMs = RENEW_MS } = this.options;
    const renewals = async (): Promise<unknown> => {
      const rows = await database.query<{ renewed: string }[]>(
        `select expires_at::text as renewed from leases where name = $1 and expires_at > now()`,
        [name],
      );
      return rows[0]?.renewed;
    };
    const before = await renewals();
    if (before !== undefined) {
      await sleep(renewMs + SIGN_OF_LIFE_MS);
      if ((await renewals()) !== before) return false;
    }
    await this.turn(true);
    return this.isHeld();
  }

  /**
   * The lead, as soon as this process has it, for as long as it has it.
   * @throws the reason of `signal` when that aborts first.
   */
  async lead(signal: AbortSignal): Promise<Lead> {
    while (!this.isHeld()) await sleep(WATCH_MS, undefined, { signal });
    const { token } = this;
    const isHeld = (): boolean => this.held() === token;
    const lost = new AbortController();
    const watch = setInterval(() => {
      if (isHeld()) return;
      clearInterval(watch);
      lost.abort();
    }, WATCH_MS);
    return { token, isHeld, lost: lost.signal };
  }

  /** The fencing token while the lease is held, `undefined` otherwise. */
  held(): number | undefined {
    return this.isHeld() ? this.token : undefined;
  }

  isHeld(): boolean {
    return !this.isStopped() && this.now() < this.heldUntilMs;
  }

  /** Gives the lease up, so that another process need not wait for its end. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
    const { database, name } = this.options;
    held.set({ lease: name }, 0);
    if (this.token > 0)
      await database.query(`update leases set expires_at = now() where name = $1 and token = $2`, [name, this.token]);
  }

  private async keep(): Promise<void> {
    const { renewMs = RENEW_MS } = this.options;
    while (!this.isStopped()) {
      await sleep(renewMs, undefined, { signal: this.stopped.signal }).catch(() => undefined); // woken by `stop`
      if (!this.isStopped()) await this.turn();
    }
  }

  private isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  private async turn(evenIfHeld = false): Promise<void> {
    const { logger, name } = this.options;
    const wasHeld = this.isHeld();
    try {
      await this.ask(evenIfHeld);
      this.failing = false;
    } catch (error) {
      if (!this.failing) logger.warn({ err: error, lease: name }, 'the lease could not be asked for');
      this.failing = true;
    }
    if (wasHeld !== this.isHeld())
      logger.info({ lease: name, fencingToken: this.token }, wasHeld ? 'lease lost' : 'lease held');
    held.set({ lease: name }, this.isHeld() ? 1 : 0);
  }

  /** Renews the lease if it is ours, takes it if it is nobody's; otherwise it stays another's, unless told not to. */
  private async ask(evenIfHeld: boolean): Promise<void> {
    const { database, name, holder, ttlMs = 5_000 } = this.options;
    const askedAtMs = this.now();
    const renewed = await tokenOf(
      database,
      `update leases set expires_at = now() + $3 * interval '1 millisecond'
       where name = $1 and token = $2 and expires_at > now() returning token`,
      [name, this.token, ttlMs],
    );
    const token =
      renewed ??
      (await tokenOf(
        database,
        `insert into leases as held (name, holder, token, expires_at)
         values ($1, $2, 1, now() + $3 * interval '1 millisecond')
         on conflict (name) do update set holder = excluded.holder, token = held.token + 1, expires_at = excluded.expires_at
         where held.expires_at <= now() or $4 returning token`,
        [name, holder, ttlMs, evenIfHeld],
      ));
    if (token === undefined) {
      this.heldUntilMs = 0;
      return;
    }
    this.token = token;
    this.heldUntilMs = askedAtMs + ttlMs;
  }

  private now(): number {
    return this.options.monotonicMs?.() ?? performance.now();
  }
}

const tokenOf = async (database: LeaseDatabase, sql: string, parameters: unknown[]): Promise<number | undefined> => {
  const answer = await database.query<unknown>(sql, parameters);
  // TypeORM answers an update with its rows and their number, an insert with its rows alone.
  const rows: unknown = Array.isArray(answer) && Array.isArray(answer[0]) ? answer[0] : answer;
  const [row] = Array.isArray(rows) ? (rows as { token: string }[]) : [];
  return row === undefined ? undefined : Number(row.token);
};

class CreateLeases1767225650000 implements MigrationInterface {
  readonly name = 'CreateLeases1767225650000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table leases (
        name text primary key,
        holder text not null,
        token bigint not null,
        expires_at timestamptz not null
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table leases');
  }
}

export const leaseMigrations = [CreateLeases1767225650000];
