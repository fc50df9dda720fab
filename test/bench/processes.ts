import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Linux counts the time of processes in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;
const BYTES_PER_KIB = 1024;

/** What a process has used so far. `undefined` on a system without `/proc`. */
export interface Usage {
  readonly cpuSec: number;
  readonly rssBytes: number;
}

/** CPU time of one process, threads included, and its resident memory. */
export const usageOf = (pid: number): Usage | undefined => {
  const stat = statOf(pid);
  const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${String(pid)}/status`) ?? '')?.[1];
  if (stat === undefined || rssKib === undefined) return undefined;
  return { cpuSec: stat.ownSec, rssBytes: Number(rssKib) * BYTES_PER_KIB };
};

/** CPU time of a process and all of its children, those that have ended included: a Postgres server and its backends. */
export const familyCpuSec = (pid: number): number | undefined => {
  const parent = statOf(pid);
  if (parent === undefined) return undefined;
  let cpuSec = parent.ownSec + parent.endedChildrenSec;
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (child?.parentPid === pid) cpuSec += child.ownSec;
  }
  return cpuSec;
};

/** CPU time that all processes of the machine have used since it was started; what was waited for is not counted. */
export const machineCpuSec = (): number => {
  let busyMs = 0;
  for (const { times } of cpus()) busyMs += times.user + times.nice + times.sys + times.irq;
  return busyMs / 1000;
};

interface Stat {
  readonly parentPid: number;
  readonly ownSec: number;
  readonly endedChildrenSec: number;
}

const statOf = (pid: number): Stat | undefined => {
  const stat = read(`/proc/${String(pid)}/stat`);
  if (stat === undefined) return undefined;
  // The second field, the program's name in brackets, may itself hold blanks and brackets: read on after the last.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const ticks = (first: number): number => (fields[first] ?? 0) + (fields[first + 1] ?? 0);
  return {
    parentPid: fields[1] ?? 0,
    ownSec: ticks(11) / TICKS_PER_SECOND,
    endedChildrenSec: ticks(13) / TICKS_PER_SECOND,
  };
};

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // no such process (any more), or no /proc
  }
};
