/**
 * What a fresh clone needs before anything runs: the packages of the lockfile, and the compiled sources. Each is done
 * only when it is out of date. Everything stays inside this clone; another one beside it is never touched.
 *
 * `node scripts/setup.mjs` does both.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

export const root = resolve(fileURLToPath(import.meta.url), '../..');

const nodeMin = [20, 19];

/** Something that the person at the terminal has to put right; told in one line. */
export class SetupError extends Error {}

/** Runs `work` and ends the process with 1 and one line when the set-up fails. */
export const withSetup = async (work) => {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
};

/** @throws SetupError when this Node is too old. */
export const ensureNode = (version = process.versions.node) => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > nodeMin[0] || (major === nodeMin[0] && minor >= nodeMin[1])) return;
  throw new SetupError(`Node ${nodeMin.join('.')} or newer is needed, this is ${version}`);
};

/** Runs `npm ci` unless exactly what the lockfile names is installed. */
export const ensureInstalled = () => {
  ensureNode();
  if (isInstalled()) return;
  withLock(setupLock, () => {
    if (isInstalled()) return; // by the one that we have waited for
    console.error('Installing packages (npm ci) …');
    // With the tools that build, also where NODE_ENV says production.
    npm('the packages could not be installed', 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error');
    writeFileSync(installStamp, hashOf(['package-lock.json']));
  });
};

/** Compiles the sources unless the last successful build was made from the very same ones. */
export const ensureBuilt = () => {
  const sources = hashOf([...settings, ...sourcesIn('apps'), ...sourcesIn('libs')]);
  if (isBuiltFrom(sources)) return;
  withLock(setupLock, () => {
    if (isBuiltFrom(sources)) return; // by the one that we have waited for
    console.error('Building (tsc) …');
    npm('the sources do not compile', 'run', '--silent', 'build');
    writeFileSync(buildStamp, sources);
  });
};

const setupLock = join(root, '.setup.lock');
const buildStamp = join(root, 'dist/.built-from');
const isBuiltFrom = (sources) => existsSync(buildStamp) && readFileSync(buildStamp, 'utf8') === sources;

/** Written once npm is done: a run that was broken off leaves none. */
const installStamp = join(root, 'node_modules/.installed-from');
/** What the compiler reads beside the sources; the lockfile stands for the types of the packages. */
const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/**
 * True after our own `npm ci`, and after an install by hand: npm keeps a copy of the lockfile beside what it has
 * installed, where each package must be in the same version. Optional ones (for other platforms) may be missing.
 */
const isInstalled = () => {
  if (existsSync(installStamp) && readFileSync(installStamp, 'utf8') === hashOf(['package-lock.json'])) return true;
  const installedFile = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const { packages: wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const { packages: installed } = JSON.parse(readFileSync(installedFile, 'utf8'));
  return Object.entries(wanted).every(
    ([path, { version, integrity, optional, devOptional }]) =>
      path === '' ||
      (installed[path] === undefined
        ? optional === true || devOptional === true
        : installed[path].version === version && installed[path].integrity === integrity),
  );
};

const hashOf = (files) => {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
};

const sourcesIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.spec|\.contract)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();

const npm = (failure, ...args) => {
  // The npm that runs us, if one does: it belongs to this Node.
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli]] : ['npm', []];
  const { status, signal, error } = spawnSync(command, [...prefix, ...args], {
    cwd: root,
    stdio: ['ignore', 2, 'inherit'], // standard output belongs to the program that comes after
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (status === 0) return;
  const reason = error?.message ?? (signal === null ? `npm ended with ${status}` : `npm was ended by ${signal}`);
  throw new SetupError(`${failure}: ${reason} (npm ${args.join(' ')}, see above)`);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await withSetup(() => {
    ensureInstalled();
    ensureBuilt();
  });
}
