import Table from 'cli-table3';
import type { Machine } from './machine';

/** What was wished for: at least this much, or at most. */
export type Aim = { readonly atLeast: number } | { readonly atMost: number };

/** One number that came out. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** Empty for a ratio. */
  readonly unit: string;
  readonly aim?: Aim;
  /** Whether the aim was met; absent without one. */
  readonly met?: boolean;
}

/** What one stretch of work took from the machine. Seconds of CPU; absent where the system does not tell. */
export interface Cost {
  readonly of: string;
  readonly seconds: number;
  /** Requests answered, or events projected, or rows stored. */
  readonly units: number;
  readonly serverCpuSec?: number;
  readonly postgresCpuSec?: number;
  readonly generatorCpuSec?: number;
  /** Whatever else ran on the machine meanwhile: above a few percent the figures are not worth much. */
  readonly otherCpuSec?: number;
  /** Of the serving process, at the end. */
  readonly serverRssMb?: number;
}

/** What one process took from the machine. Seconds of CPU. */
export interface ProcessCost {
  readonly name: string;
  readonly cpuSec: number;
  /** Until all units were through, which may be later than the end of the stretch: what they cost. Absent: `cpuSec`. */
  readonly unitsCpuSec?: number;
  /** At the end. */
  readonly rssMb?: number;
}

/** What one stretch of work took, process by process; no process where the system does not tell. */
export interface ProcessCosts {
  readonly of: string;
  readonly seconds: number;
  /** Orders accepted, or events projected. */
  readonly units: number;
  readonly processes: readonly ProcessCost[];
}

export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly costs: readonly Cost[];
  /** Of work that many processes share. */
  readonly processCosts?: readonly ProcessCosts[];
  /** What is to be known about the figures and is no figure. */
  readonly notes?: readonly string[];
}

export interface BenchReport {
  readonly profile: 'embedded' | 'distributed';
  readonly takenAt: string;
  /** Short run on a small store: for a quick look, not for the record. */
  readonly quick: boolean;
  readonly machine: Machine;
  /** Sizes of what was measured on. */
  readonly dataset: Readonly<Record<string, number>>;
  readonly measures: readonly Measure[];
  /** True when every aim was met. */
  readonly allMet: boolean;
  readonly seconds: number;
}

export const figure = (name: string, value: number, unit: string, aim?: Aim): Figure => {
  const rounded = significant(value);
  return { name, value: rounded, unit, ...(aim && { aim, met: isMet(rounded, aim) }) };
};

/** Ours over the ceiling's, both of the same kind. */
export const ratio = (name: string, ours: number, ceiling: number, aim?: Aim): Figure =>
  figure(name, ceiling === 0 ? 0 : ours / ceiling, '', aim);

const isMet = (value: number, aim: Aim): boolean => ('atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost);

/** Three digits that mean something, whole numbers from a thousand on. */
const significant = (value: number): number =>
  Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));

export const allAimsMet = (measures: readonly Measure[]): boolean =>
  measures.every(({ figures }) => figures.every(({ met }) => met !== false));

/** The report for people: figures, then costs. */
export const reportTable = ({ profile, measures, machine, quick, dataset, takenAt, seconds }: BenchReport): string => {
  const style = { head: [], border: [] };
  const figures = new Table({
    head: ['measure', 'figure', 'value', 'aim', ''],
    style,
    colAligns: ['left', 'left', 'right', 'right'],
  });
  const costs = new Table({
    head: ['measure', 'load', 's', 'server', 'Postgres', 'generator', 'others', 'server/unit', 'Postgres/unit', 'RSS'],
    style,
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const measure of measures) {
    for (const { name, value, unit, aim, met } of measure.figures)
      figures.push([
        measure.name,
        name,
        withUnit(value, unit),
        aim ? aimText(aim) : '',
        met === undefined ? '' : met ? 'met' : 'missed',
      ]);
    for (const {
      of,
      seconds: took,
      units,
      serverCpuSec,
      postgresCpuSec,
      generatorCpuSec,
      otherCpuSec,
      serverRssMb,
    } of measure.costs)
      costs.push([
        measure.name,
        of,
        took.toFixed(1),
        ...[serverCpuSec, postgresCpuSec, generatorCpuSec, otherCpuSec].map((cpuSec) => share(cpuSec, took)),
        ...[serverCpuSec, postgresCpuSec].map((cpuSec) => each(cpuSec, units)),
        serverRssMb === undefined ? '' : `${String(serverRssMb)} MB`,
      ]);
  }
  const processes = new Table({
    head: ['measure', 'load', 's', 'process', 'CPU', 'CPU/unit', 'RSS'],
    style,
    colAligns: ['left', 'left', 'right', 'left', 'right', 'right', 'right'],
  });
  for (const { name: measure, processCosts = [] } of measures)
    for (const { of, seconds: took, units, processes: ofProcesses } of processCosts)
      for (const { name, cpuSec, unitsCpuSec = cpuSec, rssMb } of ofProcesses)
        processes.push([
          measure,
          of,
          took.toFixed(1),
          name,
          share(cpuSec, took),
          each(unitsCpuSec, units),
          rssMb === undefined ? '' : `${String(rssMb)} MB`,
        ]);
  const { cpu, cores, memoryMb, node, postgres, kernel, commit } = machine;
  return [
    `${takenAt}, ${profile} profile, commit ${commit}${quick ? ', QUICK: small store, short runs' : ''}`,
    `${String(cores)} cores of ${cpu}, ${String(memoryMb)} MB, ${kernel}, Node ${node}, ${postgres}`,
    Object.entries(dataset)
      .map(([what, count]) => `${what}: ${thousands(count)}`)
      .join(', '),
    figures.toString(),
    ...measures.flatMap(({ name, notes = [] }) => notes.map((note) => `${name}: ${note}`)),
    ...(costs.length > 0 ? ['CPU in percent of one core, and per request, event or row', costs.toString()] : []),
    ...(processes.length > 0
      ? ['CPU in percent of one core, and per order or event until all were projected', processes.toString()]
      : []),
    `${seconds.toFixed(0)} s in all`,
  ].join('\n');
};

const withUnit = (value: number, unit: string): string => `${thousands(value)}${unit === '' ? '' : ` ${unit}`}`;
const aimText = (aim: Aim): string => ('atLeast' in aim ? `≥ ${thousands(aim.atLeast)}` : `≤ ${thousands(aim.atMost)}`);
const thousands = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 4 });
const share = (cpuSec: number | undefined, seconds: number): string =>
  cpuSec === undefined ? '' : `${((100 * cpuSec) / seconds).toFixed(0)} %`;
const each = (cpuSec: number | undefined, units: number): string =>
  cpuSec === undefined ? '' : `${((1e6 * cpuSec) / units).toFixed(0)} µs`;
