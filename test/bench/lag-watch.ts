import type { Client } from 'pg';
import { latenciesOf, type Latencies } from './latencies';
import { headOf, REACHED, type Store } from './store';

const POLL_MS = 2;
/** Whatever was appended is visible by then, or the projection stands still. */
const LAST_TIMEOUT_MS = 60_000;

/** When the read models were seen to have reached a position. Milliseconds of the database's clock. */
interface Sighting {
  readonly position: number;
  readonly atMs: number;
}

/**
 * Append → visible, measured from outside, for every event: from `recorded_at`, the moment at which the transaction
 * that appended it began, until a look at the checkpoints finds all of them at or beyond the event. A checkpoint moves
 * in the transaction of the rows, so whoever sees the one sees the others. Both times are of the database's clock. Looks
 * are two milliseconds apart, and count as late as they are.
 *
 * An event is visible when its own partition has come past it, which may be earlier; until the last one has, a reader that
 * asks for the position of the event is made to wait.
 */
export class LagWatch {
  private readonly sightings: Sighting[] = [];
  private isOver = false;
  private watching: Promise<void> = Promise.resolve();

  constructor(private readonly store: Store) {}

  /** Events that are appended from now on count. */
  async begin(): Promise<void> {
    await this.look();
    this.watching = this.watch();
    this.watching.catch(() => undefined); // awaited at the end
  }

  /** To be called when nothing is appended any more: waits until the last event is visible. */
  async end(): Promise<Latencies> {
    this.isOver = true;
    await this.watching;
    const last = await headOf(this.store);
    const giveUpAt = performance.now() + LAST_TIMEOUT_MS;
    while ((this.sightings.at(-1)?.position ?? 0) < last) {
      if (performance.now() > giveUpAt) throw new Error(`the read models do not reach position ${String(last)}`);
      await this.look();
    }
    const events = await appended(this.store.client, this.sightings[0]?.position ?? 0, last);
    return latenciesOf(lagsOf(events, this.sightings));
  }

  private async watch(): Promise<void> {
    while (!this.isOver) {
      await this.look();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  private async look(): Promise<void> {
    const { rows } = await this.store.client.query<{ position: string | null; at_ms: number }>({
      name: 'look',
      text: `select ${REACHED} as position, (extract(epoch from clock_timestamp()) * 1000)::float8 as at_ms`,
    });
    const [row] = rows;
    if (row?.position == null) throw new Error('the read models have no checkpoint');
    this.sightings.push({ position: Number(row.position), atMs: row.at_ms });
  }
}

const appended = async (client: Client, after: number, until: number): Promise<readonly Sighting[]> => {
  const { rows } = await client.query<{ position: string; at_ms: number }>(
    `select position, (extract(epoch from recorded_at) * 1000)::float8 as at_ms from events
     where position > $1 and position <= $2 order by position`,
    [after, until],
  );
  return rows.map(({ position, at_ms: atMs }) => ({ position: Number(position), atMs }));
};

/** For each event, until the first sighting at or beyond its position. Both lists in order of position. */
export const lagsOf = (events: readonly Sighting[], sightings: readonly Sighting[]): number[] => {
  let next = 0;
  return events.map(({ position, atMs }) => {
    while ((sightings[next]?.position ?? Infinity) < position) next += 1;
    const sighting = sightings[next];
    if (sighting === undefined) throw new RangeError(`position ${String(position)} was never sighted`);
    return sighting.atMs - atMs;
  });
};
