/** One process at a time, across processes: two `npm run start:…` at once must not build into each other's files. */

import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { findProcess, isRunning } from './infra/processes.mjs';

const POLL_MS = 100;

/**
 * Runs `work` while no other process holds the lock. The lock of a process that died, however it died, counts for
 * nothing; one that lives is waited for, and said so once.
 */
export const withLock = (path, work) => {
  const mine = JSON.stringify({ ...findProcess(process.pid), lock: randomUUID() });
  // A link appears at once and with its content, or not at all: nobody ever reads half a lock.
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, mine);
  try {
    for (let told = false; !linked(draft, path);) {
      const owner = ownerIn(path);
      if (owner === undefined) setAsideStale(path);
      else {
        if (!told) console.error(`Waiting for process ${owner.pid} (${owner.commandLine}) …`);
        told = true;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
  try {
    return work();
  } finally {
    if (contentOf(path) === mine) rmSync(path, { force: true });
  }
};

/** Two may find the same stale lock: whoever moved away the other's fresh one puts it back. */
const setAsideStale = (path) => {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (ownerIn(aside) !== undefined) linked(aside, path);
  rmSync(aside, { force: true });
};

const linked = (from, to) => {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
};

const ownerIn = (path) => {
  const content = contentOf(path);
  const owner = content && JSON.parse(content);
  return owner && isRunning(owner) ? owner : undefined;
};

const contentOf = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
};
