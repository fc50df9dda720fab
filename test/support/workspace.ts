/** Where the stories run: the built sources, and folders of their own for what they store. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const root = resolve(__dirname, '../..');

const BUILD_TIMEOUT_MS = 300_000;

/** A directory for the data of one story, which Postgres can reach when it runs as another user. */
export const makeDataDir = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'coordinator-story-'));
  chmodSync(folder, 0o755);
  return join(folder, 'data');
};

export const removeDataDir = (dataDir: string): void => {
  rmSync(resolve(dataDir, '..'), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
};

/** Compiles the sources if the build is not theirs. Stories run side by side; only one of them does it. */
export const ensureBuilt = (): void => {
  const build = `import { ensureBuilt } from './scripts/setup.mjs'; ensureBuilt();`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', build], {
    cwd: root,
    encoding: 'utf8',
    timeout: BUILD_TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
};
