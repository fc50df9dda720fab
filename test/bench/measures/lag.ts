import { latenciesOf } from '../latencies';
import { figure, type Measure } from '../report';
import type { Stage } from '../stage';

const CONNECTIONS = 64;
const POLL_MS = 2;
/** One write in so many is read back over HTTP. */
const READ_BACK_EVERY = 50;

/** When the read models were seen to have reached a position. Milliseconds of the database's clock. */
interface Sighting {
  readonly position: number;
  readonly atMs: number;
}

/**
 * Append → visible, while writing at half of what the software can take.
 *
 * Measured from outside, for every event: from `recorded_at`, the moment at which the transaction that appended it
 * began, until a look at the checkpoint finds it at or beyond the event. The checkpoint moves in the transaction of the
 * rows, so whoever sees the one sees the others. Both times are of the database's clock. Looks are two milliseconds
 * apart, and count as late as they are.
 */
export const lag = async (stage: Stage, capacityPerSec: number): Promise<Measure> => {
  const { store, accounts, shares, query } = stage;
  const sightings: Sighting[] = [];
  const look = async (): Promise<void> => {
    const { rows } = await store.client.query<{ position: string; at_ms: number }>({
      name: 'look',
      text: `select position, (extract(epoch from clock_timestamp()) * 1000)::float8 as at_ms
             from read_model.projection_positions where name = 'read-models'`,
    });
    const [row] = rows;
    if (row === undefined) throw new Error('the read models have no checkpoint');
    sightings.push({ position: Number(row.position), atMs: row.at_ms });
  };

  let over = false;
  const watch = async (): Promise<void> => {
    while (!over) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const arrivalsPerSec = capacityPerSec / 2;
  let watching: Promise<void> = Promise.resolve();
  const load = stage.run(
    'half of capacity',
    stage.command,
    {
      connections: CONNECTIONS,
      arrivalsPerSec,
      requests: {
        kind: 'orders',
        shares,
        accounts,
        linesPerRequest: 1,
        readBack: { origin: query.origin, everyNth: READ_BACK_EVERY },
      },
    },
    async () => {
      await look();
      watching = watch();
      watching.catch(() => undefined); // awaited below
      return Promise.resolve();
    },
  );
  const ours = await load.finally(() => (over = true));
  await watching;
  const last = await head(stage);
  while ((sightings.at(-1)?.position ?? 0) < last) await look();

  const lags = latenciesOf(lagsOf(await appended(stage, sightings[0]?.position ?? 0, last), sightings));
  return {
    name: 'lag',
    title: 'Append → visible, writing at half of capacity',
    figures: [
      figure('orders meanwhile', ours.perSec, '/s'),
      figure('events watched', lags.count, ''),
      figure('p50', lags.p50Ms, 'ms'),
      figure('p99', lags.p99Ms, 'ms', { atMost: 100 }),
      figure('longest', lags.maxMs, 'ms'),
      figure('p99 of a write', ours.latencies.p99Ms, 'ms'),
      ...(ours.readBack
        ? [
            figure('write answered → read back over HTTP, p50', ours.readBack.p50Ms, 'ms'),
            figure('write answered → read back over HTTP, p99', ours.readBack.p99Ms, 'ms'),
          ]
        : []),
    ],
    costs: [ours.cost],
  };
};

const head = async ({ store }: Stage): Promise<number> => {
  const { rows } = await store.client.query<{ position: string }>('select max(position) as position from events');
  return Number(rows[0]?.position);
};

const appended = async ({ store }: Stage, after: number, until: number): Promise<readonly Sighting[]> => {
  const { rows } = await store.client.query<{ position: string; at_ms: number }>(
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
