import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';

/** Another process takes orders on this database. */
export class SecondWriter extends Error {
  override readonly name = 'SecondWriter';
}

/** How long the session of a process that was killed may take to be noticed by Postgres. */
const CLAIM_PATIENCE_MS = 15_000;
const CLAIM_RETRY_MS = 250;

/**
 * One process takes orders on a database at a time: the paper broker's book lives in it, and the recovery takes
 * whatever is open at its start for abandoned. Held as a lock of a session, which ends with the process.
 */
export class SoleWriter {
  private readonly session: QueryRunner;

  constructor(dataSource: DataSource) {
    this.session = dataSource.createQueryRunner();
  }

  /** @throws SecondWriter when another process holds on to it. */
  async claim(): Promise<void> {
    const giveUpAt = Date.now() + CLAIM_PATIENCE_MS;
    while (!(await this.isOurs())) {
      if (Date.now() > giveUpAt) throw new SecondWriter('another process already takes orders on this database');
      await sleep(CLAIM_RETRY_MS);
    }
  }

  async release(): Promise<void> {
    await this.session.query(`select pg_advisory_unlock(hashtextextended('coordinator write side', 0))`);
    await this.session.release();
  }

  private async isOurs(): Promise<boolean> {
    const rows: unknown = await this.session.query(
      `select pg_try_advisory_lock(hashtextextended('coordinator write side', 0)) as ours`,
    );
    return Array.isArray(rows) && (rows as { ours: boolean }[])[0]?.ours === true;
  }
}
