import { Pool } from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { MessagingLogger } from './kafka-client';
import { type RelayCheckpoint, StaleLeader } from './relay';

/** How far each relay has published the log. */
export class RelayPositions1767225800000 implements MigrationInterface {
  readonly name = 'RelayPositions1767225800000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table relay_positions (
        name text primary key,
        position bigint not null,
        token bigint not null,
        saved_at timestamptz not null default now()
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table relay_positions');
  }
}

export interface PostgresRelayCheckpointOptions {
  /** Connection string of a database that has the migration above. */
  readonly url: string;
  /** One row per relay: named after what it publishes to. */
  readonly name: string;
  readonly logger: MessagingLogger;
  readonly timeoutMs?: number;
}

/** The checkpoint in a row that only the newest leader may change. */
export class PostgresRelayCheckpoint implements RelayCheckpoint {
  private readonly pool: Pool;

  constructor(private readonly options: PostgresRelayCheckpointOptions) {
    const { url, timeoutMs = 5_000, logger } = options;
    this.pool = new Pool({
      connectionString: url,
      application_name: 'relay',
      max: 1,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      statement_timeout: timeoutMs,
      keepAlive: true,
    });
    this.pool.on('error', (error) => {
      logger.warn({ err: error }, 'an idle connection of the relay was lost');
    });
    // While a client is handed out the pool does not listen; the query in hand fails with the same error.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async take(token: number): Promise<number> {
    return this.write(
      `insert into relay_positions as saved (name, position, token) values ($1, 0, $2)
       on conflict (name) do update set token = excluded.token where saved.token <= excluded.token
       returning position`,
      [this.options.name, token],
      token,
    );
  }

  async save(position: number, token: number): Promise<void> {
    await this.write(
      `insert into relay_positions as saved (name, position, token) values ($1, $3, $2)
       on conflict (name) do update set position = excluded.position, token = excluded.token, saved_at = now()
       where saved.token <= excluded.token
       returning position`,
      [this.options.name, token, position],
      token,
    );
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async write(text: string, values: readonly unknown[], token: number): Promise<number> {
    const { rows } = await this.pool.query<{ position: string }>(text, [...values]);
    const [row] = rows;
    if (row === undefined) throw new StaleLeader(token); // the row bears a higher one
    return Number(row.position);
  }
}
