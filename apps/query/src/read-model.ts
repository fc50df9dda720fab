import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, QueryArrayConfig } from 'pg';
import { Problem } from '#platform/problem-details';
import { SCHEMA } from '#read-models/columns';
import { PROJECTION } from '#read-models/projection-positions/projection-position';

/** How far the rows reach, and as of when they are complete (epoch milliseconds). */
export interface Checkpoint {
  readonly position: number;
  readonly asOf: number;
}

/** A checkpoint that is younger than this is good enough: an older one only understates what the rows hold. */
const FRESH_MS = 20;
const POLL_MS = 5;
const WAIT_MAX_MS = 2_000;

/** Statements against the read models: prepared, rows as arrays, and the checkpoint they were read at. */
export class ReadModel {
  private known: { readonly checkpoint: Checkpoint; readonly readAt: number } | undefined;
  private reading: Promise<Checkpoint> | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly now: () => number,
  ) {}

  /** `name` must stand for `text`: the statement is prepared once per connection. */
  async rows(name: string, text: string, values: readonly unknown[]): Promise<readonly unknown[][]> {
    const query: QueryArrayConfig = { name, text, values: [...values], rowMode: 'array' };
    return (await this.pool.query<unknown[]>(query)).rows;
  }

  /** Where the read model stands: at least here. */
  checkpoint(): Promise<Checkpoint> {
    const { known } = this;
    return known && this.now() - known.readAt < FRESH_MS ? Promise.resolve(known.checkpoint) : this.readCheckpoint();
  }

  /**
   * Waits until the rows reach `position`. All who wait share one poll.
   * @throws Problem 503 READ_MODEL_BEHIND after two seconds, naming where it stands.
   */
  async reached(position: number): Promise<Checkpoint> {
    const deadline = this.now() + WAIT_MAX_MS;
    for (;;) {
      const checkpoint = await this.readCheckpoint();
      if (checkpoint.position >= position) return checkpoint;
      if (this.now() > deadline)
        throw new Problem(
          503,
          'READ_MODEL_BEHIND',
          `The read model stands at ${String(checkpoint.position)}, not yet at ${String(position)}.`,
          {
            headers: { 'retry-after': '1', 'coordinator-position': String(checkpoint.position) },
          },
        );
      await sleep(POLL_MS);
    }
  }

  private readCheckpoint(): Promise<Checkpoint> {
    this.reading ??= this.select().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async select(): Promise<Checkpoint> {
    const readAt = this.now();
    const [row] = await this.rows(
      'checkpoint',
      `select position::text, (extract(epoch from as_of) * 1000)::bigint::text from ${SCHEMA}.projection_positions where name = $1`,
      [PROJECTION],
    );
    if (!row) throw new Problem(503, 'READ_MODEL_UNAVAILABLE', 'The read model has no checkpoint.');
    const checkpoint = { position: Number(row[0]), asOf: Number(row[1]) };
    this.known = { checkpoint, readAt };
    return checkpoint;
  }
}
