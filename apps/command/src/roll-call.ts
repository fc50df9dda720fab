import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

/** Present is whoever holds the lock shared; who gets it alone is the only one. */
const LOCK = `hashtextextended('coordinator write side', 0)`;

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 5_000;
/** How long the session of a process that was killed may take to be noticed by Postgres. */
const ALONE_PATIENCE_MS = 1_500;
/** How long another one may take for its first pass. */
const ADMISSION_PATIENCE_MS = 120_000;
const RETRY_MS = 100;
const REJOIN_MS = 1_000;

/** Nobody let this process in. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted';
}

export interface RollCallOptions {
  readonly databaseUrl: string;
  /** Told when the lock was lost with its connection; it is asked for again until it is back. */
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Which processes take orders on a database. A process that starts as the only one knows that whatever is open in the
 * log was left behind by one that is gone, and finishes it before it serves; one that joins others must leave their
 * work alone. A lock of a session: it ends with the process, however that ends.
 */
export class RollCall {
  private client: Client | undefined;
  private left = false;

  constructor(private readonly options: RollCallOptions) {}

  /**
   * Joins. When no other process is there, `whenAlone` runs first, and whoever starts meanwhile waits for it.
   * @throws NotAdmitted when another process has kept the door closed for too long.
   */
  async enter(whenAlone: () => Promise<void>): Promise<void> {
    const client = await this.connect();
    this.client = client;
    if (await patiently(ALONE_PATIENCE_MS, () => ask(client, `pg_try_advisory_lock(${LOCK})`))) {
      await whenAlone();
      await ask(client, `pg_try_advisory_lock_shared(${LOCK})`); // never refused to who holds it alone
      await ask(client, `pg_advisory_unlock(${LOCK})`);
    } else if (!(await this.getsIn(client))) {
      throw new NotAdmitted('another process has been recovering for too long: is it stuck?');
    }
  }

  async leave(): Promise<void> {
    this.left = true;
    await this.client?.end();
  }

  private async connect(): Promise<Client> {
    const client = new Client({
      connectionString: this.options.databaseUrl,
      application_name: 'roll call',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    });
    client.on('error', () => undefined); // always followed by its end
    client.once('end', () => {
      if (this.left || this.client !== client) return;
      this.client = undefined;
      this.options.onTrouble(new Error('the connection of the roll call was lost'));
      void this.rejoin();
    });
    await client.connect();
    return client;
  }

  /** One at a time: only the loss of a connection that had the lock begins it. */
  private async rejoin(): Promise<void> {
    while (!this.left) {
      let client: Client | undefined;
      try {
        client = await this.connect();
        if (await this.getsIn(client)) {
          this.client = client;
          if (!this.hasLeft()) return;
        }
      } catch (error) {
        this.options.onTrouble(error);
      }
      this.client = undefined;
      await client?.end().catch(() => undefined); // it is lost already
      await sleep(REJOIN_MS);
    }
  }

  private getsIn(client: Client): Promise<boolean> {
    return patiently(ADMISSION_PATIENCE_MS, async () => {
      if (this.left) throw new Error('this process ends');
      return ask(client, `pg_try_advisory_lock_shared(${LOCK})`);
    });
  }

  private hasLeft(): boolean {
    return this.left;
  }
}

const ask = async (client: Client, call: string): Promise<boolean> => {
  const { rows } = await client.query<{ yes: boolean }>(`select ${call} as yes`);
  return rows[0]?.yes === true;
};

const patiently = async (patienceMs: number, isDone: () => Promise<boolean>): Promise<boolean> => {
  const giveUpAtMs = performance.now() + patienceMs;
  while (!(await isDone())) {
    if (performance.now() > giveUpAtMs) return false;
    await sleep(RETRY_MS);
  }
  return true;
};
