/** The standalone process with everything in it: its own data directory, its own embedded Postgres. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '#event-log/event-log';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { findEmbeddedPostgres } from '#platform/embedded-postgres';
import { findProcess, type RunningProcess } from '#platform/running-process';
import type { RebuildOptions } from '#read-models/rebuild';
import { AppProcess, type Ended } from './app-process';
import { type Credentials, Deployment, partOf } from './deployment';
import { removeDataDir } from './workspace';

const END_TIMEOUT_MS = 90_000;

interface Urls {
  readonly command: string;
  readonly query: string;
}

export class Coordinator extends Deployment {
  credentials: Credentials = { email: '', password: '', apiKey: '', accountId: '' };
  private readonly process: AppProcess;
  private urls: Urls | undefined;

  constructor(
    readonly dataDir: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    super();
    this.process = new AppProcess('standalone', {
      LOG_LEVEL: 'error',
      COMMAND_PORT: '0',
      QUERY_PORT: '0',
      BROKER_SIM_PORT: '0',
      DATA_DIR: dataDir,
      ...environment,
    });
  }

  async start(): Promise<void> {
    this.urls = await this.process.start(urlsIn);
    this.credentials = credentialsIn(join(this.dataDir, 'demo-credentials.json'));
  }

  /** Starts the process and resolves when it has ended by itself. */
  startInVain(): Promise<Ended> {
    return this.process.startInVain();
  }

  stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<Ended> {
    return this.process.stop(signal);
  }

  async kill(): Promise<void> {
    this.urls = undefined;
    await this.process.kill();
  }

  /** Starts the process and takes it away again so much later, wherever it is by then. */
  async startAndKill(afterMs: number): Promise<void> {
    await this.process.startAndKill(afterMs);
  }

  /** The database goes the same way, without writing a word more. */
  async killPostgres(): Promise<void> {
    const pid = this.postgresPid();
    if (pid === undefined) throw new Error('its Postgres is not running');
    process.kill(pid, 'SIGKILL');
    await this.untilGone(pid);
  }

  async dispose(): Promise<void> {
    if (this.process.isRunning) await this.kill();
    await this.stopPostgres();
    removeDataDir(this.dataDir);
  }

  /** Everything that runs on this data directory: the process and its Postgres. */
  family(): readonly RunningProcess[] {
    const pid = this.postgresPid();
    return [this.process.running(), pid === undefined ? undefined : findProcess(pid)].filter(
      (running) => running !== undefined,
    );
  }

  commandUrls(): readonly string[] {
    return this.urls === undefined ? [] : [this.urls.command];
  }

  queryUrls(): readonly string[] {
    return this.urls === undefined ? [] : [this.urls.query];
  }

  async databaseUrl(): Promise<string> {
    const url = await findEmbeddedPostgres(join(this.dataDir, 'postgres'));
    if (url === undefined) throw new Error(`no Postgres runs in ${this.dataDir}`);
    return url;
  }

  protected async openLog(): Promise<EventLog> {
    return new PostgresEventLog({ url: await this.databaseUrl() });
  }

  protected rebuildOptions(): Promise<RebuildOptions> {
    return Promise.resolve({});
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

/** As the banner of a process that is ready tells them. */
const urlsIn = (stdout: string): Urls | undefined => {
  const [, command] = /place orders\s+(http\S+?)\/v2\/orders/.exec(stdout) ?? [];
  const [, query] = /order book\s+(http\S+?)\/v2\/orders/.exec(stdout) ?? [];
  return command !== undefined && query !== undefined ? { command, query } : undefined;
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
