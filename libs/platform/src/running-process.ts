import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What the operating system says about a live process. */
export interface RunningProcess {
  readonly pid: number;
  /** When it started, in the system's own words. Together with the pid it names one process for ever. */
  readonly startedAt: string;
  readonly commandLine: string;
}

/**
 * The process with this id, or undefined when there is none or only its remains (a zombie). A pid alone proves
 * nothing: it is given to another process once its owner is gone, so compare `startedAt` or `commandLine` too.
 */
export function findProcess(pid: number): RunningProcess | undefined {
  return process.platform === 'linux' ? findInProc(pid) : findWithPs(pid);
}

function findInProc(pid: number): RunningProcess | undefined {
  try {
    // The second field, the program's name in brackets, may itself hold blanks and brackets: read on after the last.
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const startedTicksSinceBoot = fields[19];
    if (state === undefined || startedTicksSinceBoot === undefined || state === 'Z' || state === 'X') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const commandLine = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
      .split('\0')
      .join(' ')
      .trim();
    return { pid, startedAt: `${boot}:${startedTicksSinceBoot}`, commandLine };
  } catch {
    return undefined; // no such directory: no such process
  }
}

function findWithPs(pid: number): RunningProcess | undefined {
  try {
    const ps = (column: string): string =>
      execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 }).trim();
    if (ps('stat').startsWith('Z')) return undefined;
    return { pid, startedAt: ps('lstart'), commandLine: ps('command') };
  } catch {
    return undefined; // ps ends with 1 when there is no such process
  }
}
