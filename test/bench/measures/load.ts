import type { Cleanup } from '../cleanup';
import { type Master, startMasterWorker } from '../master';
import { figure, type Measure } from '../report';

/** A whole master from the packed file to instruments in memory, in a process that does nothing else. */
export const loadMaster = async (cleanup: Cleanup, { file, day, note }: Master): Promise<Measure> => {
  const worker = startMasterWorker();
  cleanup.add(() => worker.stop());
  const { rows, seconds, peakRssMb } = await worker.ask({ kind: 'load', file, day });
  await worker.stop();
  return {
    name: 'load',
    title: 'a day’s instrument master, read and checked',
    figures: [
      figure('rows', rows, ''),
      figure('rows read', rows / seconds, '/s'),
      figure('time for 100,000 rows', (seconds / rows) * 100_000, 's', { atMost: 5 }),
      figure('peak memory of the process', peakRssMb, 'MB', { atMost: 400 }),
    ],
    costs: [],
    notes: [note],
  };
};
