/**
 * The real standalone process as a child of a story: its own data directory and ports, told to stop or killed like in
 * life, asked over HTTP, and its log read behind its back.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { findEmbeddedPostgres } from '#platform/embedded-postgres';
import { findProcess, type RunningProcess } from '#platform/running-process';

export const root = resolve(__dirname, '../..');
const MAIN = join(root, 'dist/apps/standalone/src/main.js');

/** On a busy machine, with recovery of a killed Postgres. */
const START_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 90_000;
export const REQUEST_TIMEOUT_MS = 30_000;
const BUILD_TIMEOUT_MS = 300_000;

/** How a process ended, and what it said. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body to the letter. */
  readonly text: string;
  /** The body as JSON, `undefined` when it is none. */
  readonly body: unknown;
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, without a Content-Type of ours. */
  readonly raw?: string;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
  readonly accountId: string;
}

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
export const ensureBuilt = async (): Promise<void> => {
  const lock = join(tmpdir(), `coordinator-build-${Buffer.from(root).toString('hex').slice(-40)}`);
  const giveUpAt = Date.now() + BUILD_TIMEOUT_MS;
  while (!taken(lock)) {
    if (Date.now() > giveUpAt) throw new Error(`another story has been building for too long: remove ${lock}`);
    await sleep(200);
  }
  try {
    const build = `import { ensureBuilt } from './scripts/setup.mjs'; ensureBuilt();`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', build], {
      cwd: root,
      encoding: 'utf8',
      timeout: BUILD_TIMEOUT_MS,
    });
    if (status !== 0) throw new Error(`the build failed: ${stderr}`);
  } finally {
    rmdirSync(lock);
  }
};

const taken = (lock: string): boolean => {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
};

export class Coordinator {
  private child: ChildProcess | undefined;
  private stdout = '';
  private stderr = '';
  private ended: Promise<Ended> | undefined;
  commandUrl = '';
  queryUrl = '';
  credentials: Credentials = { email: '', password: '', apiKey: '', accountId: '' };

  constructor(
    readonly dataDir: string,
    private readonly environment: Readonly<Record<string, string>> = {},
  ) {}

  /** Starts the process and resolves when it is ready. @throws Error with what it said when it ends instead. */
  async start(): Promise<void> {
    const ended = this.spawn();
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const [, commandUrl] = /place orders\s+(http\S+?)\/v2\/orders/.exec(this.stdout) ?? [];
      const [, queryUrl] = /order book\s+(http\S+?)\/v2\/orders/.exec(this.stdout) ?? [];
      if (commandUrl !== undefined && queryUrl !== undefined) {
        this.commandUrl = commandUrl;
        this.queryUrl = queryUrl;
        break;
      }
      const early = await Promise.race([ended, sleep(20)]);
      if (early) throw new Error(`it ended with ${String(early.exitCode)} instead of starting: ${early.stderr}`);
      if (Date.now() > giveUpAt) throw new Error(`it was not ready in time: ${this.stderr}`);
    }
    this.credentials = credentialsIn(join(this.dataDir, 'demo-credentials.json'));
  }

  /** Starts the process and resolves when it has ended by itself. */
  async startInVain(): Promise<Ended> {
    return this.waitForEnd(this.spawn(), START_TIMEOUT_MS);
  }

  private spawn(): Promise<Ended> {
    if (this.child !== undefined) throw new Error('it is running');
    this.stdout = '';
    this.stderr = '';
    const child = spawn(process.execPath, [MAIN], {
      cwd: root,
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        LOG_LEVEL: 'error',
        COMMAND_PORT: '0',
        QUERY_PORT: '0',
        DATA_DIR: this.dataDir,
        ...this.environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdout.setEncoding('utf8').on('data', (part: string) => (this.stdout += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (this.stderr += part));
    this.ended = new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => {
        this.child = undefined;
        settle({ exitCode, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    return this.ended;
  }

  /** Asks it to stop, as Ctrl-C or a process manager does, and waits until it has. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<Ended> {
    if (this.child === undefined || this.ended === undefined) throw new Error('it is not running');
    this.child.kill(signal);
    return this.waitForEnd(this.ended, END_TIMEOUT_MS);
  }

  /** Takes the process away without a word. Its Postgres stays, as after an accident. */
  async kill(): Promise<void> {
    if (this.child === undefined || this.ended === undefined) throw new Error('it is not running');
    this.child.kill('SIGKILL');
    await this.waitForEnd(this.ended, END_TIMEOUT_MS);
  }

  /** Starts the process and takes it away again so much later, wherever it is by then. */
  async startAndKill(afterMs: number): Promise<void> {
    const ended = this.spawn();
    const early = await Promise.race([ended, sleep(afterMs)]);
    if (early) throw new Error(`it ended with ${String(early.exitCode)} instead of starting: ${early.stderr}`);
    await this.kill();
  }

  /** The database goes the same way, without writing a word more. */
  async killPostgres(): Promise<void> {
    const pid = this.postgresPid();
    if (pid === undefined) throw new Error('its Postgres is not running');
    process.kill(pid, 'SIGKILL');
    await this.untilGone(pid);
  }

  /** Leaves nothing running and nothing on the disk, whatever happened before. */
  async dispose(): Promise<void> {
    if (this.child !== undefined) await this.kill();
    await this.stopPostgres();
    removeDataDir(this.dataDir);
  }

  /** Everything that runs on this data directory: the process and its Postgres. */
  family(): readonly RunningProcess[] {
    return [this.child?.pid, this.postgresPid()].flatMap((pid) => {
      const running = pid === undefined ? undefined : findProcess(pid);
      return running ? [running] : [];
    });
  }

  command(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    return this.request(`${this.commandUrl}${path}`, method, ask);
  }

  query(path: string, ask: Ask = {}): Promise<Answer> {
    return this.request(`${this.queryUrl}${path}`, 'GET', ask);
  }

  /** A view as it is once everything up to `position` is in it. @throws Error when it does not get there in time. */
  async queryFrom(path: string, position: number, headers: Ask['headers'] = {}): Promise<Answer> {
    const giveUpAt = Date.now() + REQUEST_TIMEOUT_MS;
    for (;;) {
      const answer = await this.query(path, {
        headers: { ...headers, 'Coordinator-Min-Position': String(position) },
      });
      if (answer.status !== 503) return answer;
      if (Date.now() > giveUpAt) throw new Error(`the views did not reach ${String(position)}: ${answer.text}`);
    }
  }

  /** Every item of a list, page by page. */
  async queryAll(path: string, position: number, headers: Ask['headers'] = {}): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    for (let cursor = ''; ;) {
      const separator = path.includes('?') ? '&' : '?';
      const page = await this.queryFrom(`${path}${separator}limit=200${cursor}`, position, headers);
      const list = partOf(page.body, 'items');
      if (page.status !== 200 || !Array.isArray(list)) throw new Error(`${path}: ${String(page.status)} ${page.text}`);
      items.push(...(list as unknown[]));
      const next = partOf(page.body, 'nextCursor');
      if (typeof next !== 'string') return items;
      cursor = `&cursor=${next}`;
    }
  }

  /** Connection string of its database. */
  async databaseUrl(): Promise<string> {
    const url = await findEmbeddedPostgres(join(this.dataDir, 'postgres'));
    if (url === undefined) throw new Error(`no Postgres runs in ${this.dataDir}`);
    return url;
  }

  /** Reads its log past it. */
  async withLog<T>(read: (log: PostgresEventLog) => Promise<T>): Promise<T> {
    const log = new PostgresEventLog({ url: await this.databaseUrl() });
    try {
      return await read(log);
    } finally {
      await log.close();
    }
  }

  /** One request, with the demo trader's API key unless it brings its own identity. @throws when nobody answers. */
  private async request(url: string, method: string, { headers = {}, body, raw }: Ask): Promise<Answer> {
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const isIdentified = names.includes('x-api-key') || names.includes('authorization');
    const response = await fetch(url, {
      method,
      headers: {
        ...(!isIdentified && { 'X-Api-Key': this.credentials.apiKey }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(raw !== undefined ? { body: raw } : body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: jsonIn(text) };
  }

  private async waitForEnd(ended: Promise<Ended>, timeoutMs: number): Promise<Ended> {
    const timeout = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined);
    const end = await Promise.race([ended, late]);
    timeout.abort();
    if (end) return end;
    this.child?.kill('SIGKILL');
    throw new Error(`it did not end within ${String(timeoutMs)} ms: ${this.stderr}`);
  }

  private postgresPid(): number | undefined {
    const file = join(this.dataDir, 'postgres/cluster/postmaster.pid');
    if (!existsSync(file)) return undefined;
    const pid = Number(readFileSync(file, 'utf8').split('\n', 1)[0]);
    const isOurs = findProcess(pid)?.commandLine.includes(this.dataDir) === true;
    return isOurs ? pid : undefined;
  }

  private async stopPostgres(): Promise<void> {
    const pid = this.postgresPid();
    if (pid === undefined) return;
    process.kill(pid, 'SIGQUIT');
    await this.untilGone(pid);
  }

  private async untilGone(pid: number): Promise<void> {
    const giveUpAt = Date.now() + END_TIMEOUT_MS;
    while (findProcess(pid) !== undefined) {
      if (Date.now() > giveUpAt) throw new Error(`Postgres (process ${String(pid)}) does not end`);
      await sleep(50);
    }
  }
}

/** A part of an answer by name; `undefined` where there is none. */
export const partOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** A part of an answer that is a list; empty where there is none. */
export const listIn = (value: unknown, name: string): readonly unknown[] => {
  const list = partOf(value, name);
  return Array.isArray(list) ? (list as unknown[]) : [];
};

/** `Coordinator-Position` of an answer, 0 when it has none. */
export const positionOf = ({ headers }: Answer): number => Number(headers.get('coordinator-position') ?? 0);

/** Tries until it holds. @throws Error saying what did not come true. */
export const eventually = async <T>(
  what: string,
  attempt: () => Promise<T | undefined>,
  timeoutMs = 60_000,
): Promise<T> => {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const found = await attempt();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(`it did not come true: ${what}`);
    await sleep(50);
  }
};

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const credentialsIn = (file: string): Credentials => {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const text = (name: keyof Credentials): string => {
    const value = partOf(parsed, name);
    if (typeof value !== 'string') throw new Error(`${file} has no ${name}`);
    return value;
  };
  return { email: text('email'), password: text('password'), apiKey: text('apiKey'), accountId: text('accountId') };
};
