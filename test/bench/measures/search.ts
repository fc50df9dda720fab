import type { Cleanup } from '../cleanup';
import { latenciesOf } from '../latencies';
import { type Master, startMasterWorker } from '../master';
import { figure, type Measure } from '../report';

/** What a trader types, searched after every letter, in a process that holds the instruments and the index. */
export const search = async (cleanup: Cleanup, { file, day, note }: Master): Promise<Measure> => {
  const worker = startMasterWorker();
  cleanup.add(() => worker.stop());
  const { rows, seconds, peakRssMb, durationsMs } = await worker.ask({ kind: 'search', file, day });
  await worker.stop();
  const { count, p50Ms, p99Ms, maxMs } = latenciesOf(durationsMs);
  return {
    name: 'search',
    title: 'instruments by what is typed, after each letter',
    figures: [
      figure('instruments', rows, '', { atLeast: 100_000 }),
      figure('searches', count, ''),
      figure('p50', p50Ms, 'ms'),
      figure('p99', p99Ms, 'ms', { atMost: 5 }),
      figure('longest', maxMs, 'ms'),
      figure('building the index', seconds, 's', { atMost: 2 }),
      figure('peak memory of the process', peakRssMb, 'MB'),
    ],
    costs: [],
    notes: [note],
  };
};
