import { type Child, hasFields, startChild } from '../child';
import type { Cleanup } from '../cleanup';
import { latenciesOf } from '../latencies';
import { type Figure, figure, type Measure } from '../report';
import type { DecideFigures, DecideWork, Judged } from '../decide';

const startDecideWorker = (): Child<DecideWork, DecideFigures> =>
  startChild('decide-worker.js', hasFields<DecideFigures>('instruments', 'cash', 'portfolio'));

const figuresOf = (
  what: string,
  { durationsMs, cpuMs, seconds, gcMs, passed, othersShare }: Judged,
  p99MaxMicros: number,
): readonly Figure[] => {
  const { count, p50Ms, p99Ms, maxMs } = latenciesOf(durationsMs);
  return [
    figure(`${what}: orders`, count, ''),
    figure(`${what}: orders per second`, count / seconds, '/s'),
    figure(`${what}: p50`, p50Ms * 1_000, 'µs'),
    figure(`${what}: p99`, p99Ms * 1_000, 'µs', { atMost: p99MaxMicros }),
    figure(`${what}: p99 of processor time`, latenciesOf(cpuMs).p99Ms * 1_000, 'µs'),
    figure(`${what}: longest`, maxMs * 1_000, 'µs'),
    figure(`${what}: collecting garbage, of the time`, (gcMs / (seconds * 1_000)) * 100, '%'),
    figure(`${what}: others had of the processors`, othersShare * 100, '%'),
    figure(`${what}: orders that passed`, (passed / count) * 100, '%'),
  ];
};

/** The whole list for one order after the other, margin and charges included, on one core of a process that does nothing else. */
export const decide = async (cleanup: Cleanup, work: DecideWork): Promise<Measure> => {
  const worker = startDecideWorker();
  cleanup.add(() => worker.stop());
  const { instruments, accounts, cash, portfolio, peakRssMb } = await worker.ask(work);
  await worker.stop();
  return {
    name: 'decide',
    title: 'an order judged: every check, every limit set, the margin of its account and its charges',
    figures: [
      figure('instruments', instruments, '', { atLeast: 50_000 }),
      figure('accounts', accounts, '', { atLeast: 10_000 }),
      ...figuresOf('shares', cash, 200),
      ...figuresOf(`${String(work.legs)} contracts held`, portfolio, 1_000),
      figure('peak memory of the process', peakRssMb, 'MB'),
    ],
    costs: [],
    notes: [
      'collecting garbage is part of every figure; what others have of the processors is part of the durations, not of processor time',
      'instruments MADE UP: the recorded rows, the options among them repeated with other strikes and weeks',
      'one process, no database: accounts and settings are in memory, as the write side has them',
    ],
  };
};
