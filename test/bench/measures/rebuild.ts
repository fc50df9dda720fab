import type { Cleanup } from '../cleanup';
import { familyCpuSec, machineCpuSec, usageOf } from '../processes';
import { type ProjectionWork, type ProjectionWorkDone, startProjectionWorker } from '../projection';
import { type Cost, figure, type Measure, ratio } from '../report';
import type { Store } from '../store';

/** All views from the whole log, beside a bulk upsert of the rows that come out. */
export const rebuildViews = async (cleanup: Cleanup, store: Store): Promise<Measure> => {
  const worker = startProjectionWorker();
  cleanup.add(() => worker.stop());
  const timed = async (of: string, work: ProjectionWork): Promise<ProjectionWorkDone & { readonly cost: Cost }> => {
    const now = () => ({
      worker: usageOf(worker.pid)?.cpuSec ?? 0,
      postgres: familyCpuSec(store.pid) ?? 0,
      machine: machineCpuSec(),
      ms: performance.now(),
    });
    const before = now();
    const done = await worker.ask(work);
    const after = now();
    const [serverCpuSec, postgresCpuSec] = [after.worker - before.worker, after.postgres - before.postgres];
    const rssBytes = usageOf(worker.pid)?.rssBytes;
    const cost: Cost = {
      of,
      seconds: (after.ms - before.ms) / 1_000,
      units: done.events ?? done.rows ?? 0,
      ...(rssBytes !== undefined && {
        serverCpuSec,
        postgresCpuSec,
        otherCpuSec: Math.max(0, after.machine - before.machine - serverCpuSec - postgresCpuSec),
        serverRssMb: Math.round(rssBytes / 2 ** 20),
      }),
    };
    return { ...done, cost };
  };

  const ours = await timed('rebuild', { kind: 'rebuild', databaseUrl: store.url });
  const ceiling = await timed('bulk upsert', { kind: 'bulk-upsert', fromUrl: store.url, toUrl: store.ceilingUrl });
  await worker.stop();
  const events = ours.events ?? 0;
  return {
    name: 'rebuild',
    title: 'All views from the log',
    figures: [
      figure('events', events, ''),
      figure('events projected', events / ours.seconds, '/s', { atLeast: 100_000 }),
      figure('reading, folding, storing', ours.phases['load'] ?? 0, 's'),
      figure('making indexes', ours.phases['indexes'] ?? 0, 's'),
      figure('rows', ceiling.rows ?? 0, ''),
      figure('bulk upsert of the rows', ceiling.seconds, 's'),
      figure('  of that, making indexes', ceiling.phases['indexes'] ?? 0, 's'),
      figure('events a bulk upsert would stand for', events / ceiling.seconds, '/s'),
      ratio('ratio to the bulk upsert', ceiling.seconds, ours.seconds, { atLeast: 0.6 }),
    ],
    costs: [ours.cost, ceiling.cost],
  };
};
