import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcess } from '#platform/running-process';
import { jsonIn, partOf } from './deployment';

const END_TIMEOUT_MS = 90_000;

/** A Postgres that belongs to the test, and may be killed and started again on the same port and data. */
export class OwnPostgres {
  private server: ChildProcess | undefined;
  private told: { readonly url: string; readonly pid: number } | undefined;

  constructor(private readonly dataDir: string) {}

  /** The same after each start. */
  get url(): string {
    if (this.told === undefined) throw new Error('Postgres has not been started');
    return this.told.url;
  }

  get isRunning(): boolean {
    return this.server !== undefined;
  }

  /** Resolves when it answers, with what it had stored. */
  async start(): Promise<void> {
    if (this.server !== undefined) throw new Error('Postgres runs already');
    const program = join(__dirname, 'postgres-server.ts');
    const server = spawn(process.execPath, ['-r', join(__dirname, 'register-typescript.cjs'), program, this.dataDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.server = server;
    const ended = once(server, 'close').then(() => undefined);
    const line = once(createInterface({ input: server.stdout }), 'line').then(([text]) => jsonIn(String(text)));
    const told = await Promise.race([line, ended]);
    const [url, pid] = [partOf(told, 'url'), partOf(told, 'pid')];
    if (typeof url !== 'string' || typeof pid !== 'number') {
      this.server = undefined;
      throw new Error(`Postgres did not start in ${this.dataDir}`);
    }
    if (this.told !== undefined && this.told.url !== url) throw new Error(`Postgres has moved to another port`);
    this.told = { url, pid };
  }

  /** As if the power had failed; `start` brings it back. */
  async kill(): Promise<void> {
    const pid = this.told?.pid;
    if (this.server === undefined || pid === undefined) throw new Error('Postgres does not run');
    process.kill(pid, 'SIGKILL');
    const giveUpAt = Date.now() + END_TIMEOUT_MS;
    while (findProcess(pid) !== undefined) {
      if (Date.now() > giveUpAt) throw new Error(`Postgres (process ${String(pid)}) does not end`);
      await sleep(20);
    }
    await this.stop();
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    const closed = server.exitCode === null && server.signalCode === null ? once(server, 'close') : undefined;
    server.stdin?.end();
    await closed;
    this.server = undefined;
  }
}
