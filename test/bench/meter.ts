import { familyCpuSec, machineCpuSec, usageOf } from './processes';

/** A process whose cost is told. */
export interface Watched {
  /** `projector 1` */
  readonly name: string;
  readonly pid: number;
  /** Its children count with it: a Postgres server and its backends. */
  readonly family?: boolean;
}

/** CPU time used so far, by name; nothing on a system that does not tell. `others`: all that is not named. */
export type Reading = Readonly<Record<string, number>>;

export const OTHERS = 'others';
const MIB = 2 ** 20;

/** Reads what some processes have used. */
export class Meter {
  constructor(private readonly watched: readonly Watched[]) {}

  read(): Reading {
    const reading: Record<string, number> = {};
    let named = 0;
    for (const { name, pid, family = false } of this.watched) {
      const cpuSec = family ? familyCpuSec(pid) : usageOf(pid)?.cpuSec;
      if (cpuSec === undefined) return {};
      reading[name] = cpuSec;
      named += cpuSec;
    }
    return { ...reading, [OTHERS]: machineCpuSec() - named };
  }

  /** Resident memory in MB. A family's would count shared pages once for each member. */
  rssMb(name: string): number | undefined {
    const one = this.watched.find((candidate) => candidate.name === name);
    if (one === undefined || one.family === true) return undefined;
    const rssBytes = usageOf(one.pid)?.rssBytes;
    return rssBytes === undefined ? undefined : Math.round(rssBytes / MIB);
  }
}

/** CPU time spent between two readings. */
export const spent = (from: Reading, to: Reading): Reading =>
  Object.fromEntries(Object.entries(to).map(([name, cpuSec]) => [name, Math.max(0, cpuSec - (from[name] ?? cpuSec))]));
