/**
 * Processes of the system, told apart by when they started: a pid alone proves nothing, it is given to another process
 * once its owner is gone. The same words as `libs/platform/src/running-process.ts`, for scripts that run unbuilt.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** `{ pid, startedAt, commandLine }` of a live process, undefined for none, or for only its remains (a zombie). */
export const findProcess = (pid) => (process.platform === 'linux' ? findInProc(pid) : findWithPs(pid));

const findInProc = (pid) => {
  try {
    // The second field, the program's name in brackets, may itself hold blanks and brackets: read on after the last.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie is gone once its last thread is: until then, of one that was killed, its ports and locks are still held.
    if (fields[0] === 'X' || (fields[0] === 'Z' && readdirSync(`/proc/${pid}/task`).length === 1)) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return { pid, startedAt: `${boot}:${fields[19]}`, commandLine };
  } catch {
    return undefined; // no such directory: no such process
  }
};

const findWithPs = (pid) => {
  try {
    const ps = (column) =>
      execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 }).trim();
    return ps('stat').startsWith('Z') ? undefined : { pid, startedAt: ps('lstart'), commandLine: ps('command') };
  } catch {
    return undefined; // ps ends with 1 when there is no such process
  }
};

/** Whether the very process that was noted as `{ pid, startedAt }` still runs. */
export const isRunning = (noted) => findProcess(noted.pid)?.startedAt === noted.startedAt;

const POLL_MS = 25;
const PORT_GRACE_MS = 2_000;

/**
 * Ends a noted process and waits until it is gone; a stranger that has its pid by now is left alone. Each step is a
 * signal and for how long it may take. @returns false when it still runs after the last one.
 */
export const endProcess = async (noted, ...steps) => {
  for (const [signal, timeoutMs] of steps) {
    if (!isRunning(noted)) return true;
    try {
      process.kill(noted.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
    for (const endMs = Date.now() + timeoutMs; isRunning(noted) && Date.now() < endMs;) await sleep(POLL_MS);
  }
  return !isRunning(noted);
};

/**
 * A port that nobody listens on. Below those that the system hands out to outgoing connections (from 32768 on Linux):
 * while a server is down, a client that calls again and again would sooner or later be given its port.
 */
export const freePort = async (preferred) => {
  if (preferred !== undefined && (await becomesFree(preferred))) return preferred;
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 18_000 + Math.floor(Math.random() * 14_000);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port between 18000 and 32000');
};

/** Whoever had it last may be on its way out. */
export const becomesFree = async (port) => {
  for (const endMs = Date.now() + PORT_GRACE_MS; Date.now() < endMs; await sleep(POLL_MS))
    if (await isFree(port)) return true;
  return false;
};

export const isFree = (port) =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** Whether somebody listens there. Asked by calling: to listen oneself would take the port from a server that is starting. */
export const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const told = (answer) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', told(true)).once('error', told(false)).once('timeout', told(false));
  });

/**
 * Calls `end` once when this process is asked to end, or when who started it is gone: npm passes a signal on to its
 * shell only, and nobody can pass on being killed.
 */
export const whenAskedToEnd = (end) => {
  let asked = false;
  const once = () => {
    if (asked) return;
    asked = true;
    clearInterval(watch);
    end();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, once);
  const { ppid } = process;
  const watch = setInterval(() => {
    if (process.ppid !== ppid) once();
  }, 250);
  watch.unref();
};
