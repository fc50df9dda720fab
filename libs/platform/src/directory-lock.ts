import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProcess } from './running-process';

/** Another live process holds the directory. */
export class DirectoryInUse extends Error {
  constructor(
    readonly directory: string,
    readonly ownerPid: number,
  ) {
    super(`data directory ${directory} is in use by process ${String(ownerPid)}`);
    this.name = 'DirectoryInUse';
  }
}

interface Owner {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Makes this process the only owner of a directory, until the returned function is called or the process is gone. The
 * lock of a process that died, however it died, counts for nothing.
 * @throws DirectoryInUse while its owner lives (this process counts too).
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'owner.lock');
  const me = findProcess(process.pid);
  if (me === undefined) throw new Error(`this system does not tell when process ${String(process.pid)} started`);
  const mine = JSON.stringify({ pid: me.pid, startedAt: me.startedAt, lock: randomUUID() });

  // A link appears at once and with its content, or not at all: nobody ever reads half a lock.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, mine);
  try {
    while (!(await linked(draft, path))) {
      const owner = await liveOwner(path);
      if (owner !== undefined) throw new DirectoryInUse(directory, owner.pid);
      await setAsideStale(directory, path);
    }
  } finally {
    await rm(draft, { force: true });
  }

  return async () => {
    if ((await contentOf(path)) === mine) await rm(path, { force: true });
  };
}

/** Two starters may find the same stale lock: whoever moved away the other's fresh one puts it back and gives way. */
async function setAsideStale(directory: string, path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const owner = await liveOwner(aside);
  if (owner !== undefined) await linked(aside, path);
  await rm(aside, { force: true });
  if (owner !== undefined) throw new DirectoryInUse(directory, owner.pid);
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function liveOwner(path: string): Promise<Owner | undefined> {
  const owner = parseOwner((await contentOf(path)) ?? '');
  return owner !== undefined && findProcess(owner.pid)?.startedAt === owner.startedAt ? owner : undefined;
}

/** A lock that cannot be read names no owner: only a crashed disk leaves one behind. */
function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return undefined;
    const { pid, startedAt } = value;
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof startedAt === 'string'
      ? { pid, startedAt }
      : undefined;
  } catch {
    return undefined;
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
