import { LagWatch } from '../lag-watch';
import { figure, type Measure } from '../report';
import type { Stage } from '../stage';

const CONNECTIONS = 64;
/** One write in so many is read back over HTTP. */
const READ_BACK_EVERY = 50;

/** Append → visible, while writing at half of what the software can take. */
export const lag = async (stage: Stage, capacityPerSec: number): Promise<Measure> => {
  const { store, accounts, shares, query } = stage;
  const watch = new LagWatch(store);
  const ours = await stage.run(
    'half of capacity',
    stage.command,
    {
      connections: CONNECTIONS,
      arrivalsPerSec: capacityPerSec / 2,
      requests: {
        kind: 'orders',
        shares,
        accounts,
        linesPerRequest: 1,
        readBack: { origin: query.origin, everyNth: READ_BACK_EVERY },
      },
    },
    () => watch.begin(),
  );
  const lags = await watch.end();
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
