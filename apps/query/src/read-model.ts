import { createHash } from 'node:crypto';
import type { CustomTypesConfig, Pool } from 'pg';
import { Problem } from '#platform/problem-details';
import { SCHEMA } from '#read-models/columns';
import { PROJECTION } from '#read-models/projection-positions/projection-position';

/** How far the rows of all partitions reach, and as of when they are complete (epoch milliseconds). */
export interface Checkpoint {
  readonly position: number;
  readonly asOf: number;
}

/** A checkpoint that was read so lately is good enough: an older one only understates what the rows hold. */
const FRESH_MS = 20;
const POLL_MS = 5;
/** How long a read waits for the read model to reach the position it asks for. */
export const WAIT_MAX_MS = 2_000;

interface Waiter {
  readonly position: number;
  readonly resolve: (checkpoint: Checkpoint) => void;
  readonly reject: (error: unknown) => void;
}

/** Columns come as the server's text, and what is JSON goes out as it came. */
const RAW_TEXT: CustomTypesConfig = { getTypeParser: () => (text: unknown) => text };

/** Statements on the read models, and how far these reach. */
export class ReadModel {
  private readonly names = new Map<string, string>();
  private known: { readonly checkpoint: Checkpoint; readonly readAtMs: number } | undefined;
  private reading: Promise<Checkpoint> | undefined;
  private readonly waiters = new Set<Waiter>();
  private polling = false;

  constructor(
    private readonly pool: Pool,
    private readonly now: () => number,
  ) {}

  /**
   * Runs a statement of one column and returns its texts. Statements are prepared once per connection, so there must
   * only be a limited number of different ones: every value is a parameter.
   */
  async texts(statement: string, values: readonly unknown[]): Promise<readonly string[]> {
    const rows = await this.rows(statement, values);
    return rows.map(([text]) => text ?? '');
  }

  /** Where the read model stands: at least here. */
  checkpoint(): Promise<Checkpoint> {
    const { known } = this;
    return known && this.now() - known.readAtMs < FRESH_MS ? Promise.resolve(known.checkpoint) : this.look();
  }

  /**
   * Waits until the rows reach `position`. All who wait share one poll, and nobody polls while nobody waits.
   * @throws Problem 503 READ_MODEL_BEHIND after two seconds, naming where it stands.
   */
  async reached(position: number): Promise<Checkpoint> {
    const checkpoint = await this.checkpoint();
    return checkpoint.position >= position ? checkpoint : this.wait(position);
  }

  private wait(position: number): Promise<Checkpoint> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        position,
        resolve: (checkpoint) => {
          clearTimeout(timer);
          resolve(checkpoint);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        waiter.reject(behind(position, this.known?.checkpoint.position ?? 0));
      }, WAIT_MAX_MS);
      this.waiters.add(waiter);
      if (!this.polling) this.poll();
    });
  }

  /** Looks again and again for as long as somebody waits. */
  private poll(): void {
    this.polling = this.waiters.size > 0;
    if (!this.polling) return;
    this.look().then(
      ({ position, asOf }) => {
        this.settle(
          ({ position: wanted }) => wanted <= position,
          (waiter) => waiter.resolve({ position, asOf }),
        );
        setTimeout(() => this.poll(), POLL_MS);
      },
      (error: unknown) => {
        this.settle(
          () => true,
          (waiter) => waiter.reject(error),
        );
        this.polling = false;
      },
    );
  }

  private settle(isDue: (waiter: Waiter) => boolean, end: (waiter: Waiter) => void): void {
    for (const waiter of this.waiters) {
      if (!isDue(waiter)) continue;
      this.waiters.delete(waiter);
      end(waiter);
    }
  }

  /** Reads the checkpoint; who asks while it is being read gets the same answer. */
  private look(): Promise<Checkpoint> {
    this.reading ??= this.readCheckpoint().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readCheckpoint(): Promise<Checkpoint> {
    const readAtMs = this.now();
    const [row] = await this.rows(
      // As far as every partition has come: a client does not know which one its account belongs to.
      `select min(position), (extract(epoch from min(as_of)) * 1000)::bigint
       from ${SCHEMA}.projection_positions where name = $1`,
      [PROJECTION],
    );
    if (row === undefined || row[0] === null)
      throw new Problem(503, 'READ_MODEL_UNAVAILABLE', 'The read model has no checkpoint.');
    const checkpoint = { position: Number(row[0]), asOf: Number(row[1]) };
    this.known = { checkpoint, readAtMs };
    return checkpoint;
  }

  private async rows(text: string, values: readonly unknown[]): Promise<readonly (readonly (string | null)[])[]> {
    const { rows } = await this.pool.query<(string | null)[]>({
      name: this.nameOf(text),
      text,
      values: [...values],
      rowMode: 'array',
      types: RAW_TEXT,
    });
    return rows;
  }

  /** Postgres tells prepared statements apart by the first 63 characters of their names, so the name is a digest. */
  private nameOf(text: string): string {
    const name = this.names.get(text) ?? createHash('sha256').update(text).digest('base64url');
    this.names.set(text, name);
    return name;
  }
}

const behind = (wanted: number, position: number): Problem =>
  new Problem(
    503,
    'READ_MODEL_BEHIND',
    `The read model stands at position ${String(position)} and has not reached ${String(wanted)}.`,
    { headers: { 'retry-after': '1', 'coordinator-position': String(position) } },
  );
