/** A built process of ours as a child of a story: told to stop, or killed, like in life. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProcess, type RunningProcess } from '#platform/running-process';
import { root } from './workspace';

/** On a busy machine, with recovery of a killed Postgres. */
const START_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 90_000;
const LOOK_MS = 20;

/** How a process ended, and what it said. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class AppProcess {
  private child: ChildProcess | undefined;
  private ended: Promise<Ended> | undefined;
  private stdout = '';
  private stderr = '';

  constructor(
    /** `apps/{app}`. */
    readonly app: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  running(): RunningProcess | undefined {
    const pid = this.child?.pid;
    return pid === undefined ? undefined : findProcess(pid);
  }

  /**
   * Starts it and resolves with what `ready` finds in its standard output, once that is something.
   * @throws Error with what it said when it ends instead.
   */
  async start<T>(ready: (stdout: string) => T | undefined): Promise<T> {
    const ended = this.spawn();
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const found = ready(this.stdout);
      if (found !== undefined) return found;
      const early = await Promise.race([ended, sleep(LOOK_MS)]);
      if (early)
        throw new Error(`${this.app} ended with ${String(early.exitCode)} instead of starting: ${saidBy(early)}`);
      if (Date.now() > giveUpAt) {
        await this.kill();
        throw new Error(`${this.app} was not ready in time: ${this.stderr}${lastLines(this.stdout)}`);
      }
    }
  }

  /** Starts it and resolves when it has ended by itself. */
  async startInVain(): Promise<Ended> {
    return this.waitForEnd(this.spawn(), START_TIMEOUT_MS);
  }

  /** Starts it and takes it away again so much later, wherever it is by then. */
  async startAndKill(afterMs: number): Promise<void> {
    const ended = this.spawn();
    const early = await Promise.race([ended, sleep(afterMs)]);
    if (early)
      throw new Error(`${this.app} ended with ${String(early.exitCode)} instead of starting: ${saidBy(early)}`);
    await this.kill();
  }

  /** Asks it to stop, as Ctrl-C or a process manager does, and waits until it has. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<Ended> {
    return this.end(signal);
  }

  /** Takes it away without a word. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  private async end(signal: NodeJS.Signals): Promise<Ended> {
    if (this.child === undefined || this.ended === undefined) throw new Error(`${this.app} is not running`);
    this.child.kill(signal);
    return this.waitForEnd(this.ended, END_TIMEOUT_MS);
  }

  private spawn(): Promise<Ended> {
    if (this.child !== undefined) throw new Error(`${this.app} is running`);
    this.stdout = '';
    this.stderr = '';
    const child = spawn(process.execPath, [join(root, `dist/apps/${this.app}/src/main.js`)], {
      cwd: root,
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...this.environment },
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

  private async waitForEnd(ended: Promise<Ended>, timeoutMs: number): Promise<Ended> {
    const timeout = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined);
    const end = await Promise.race([ended, late]);
    timeout.abort();
    if (end) return end;
    this.child?.kill('SIGKILL');
    throw new Error(`${this.app} did not end within ${String(timeoutMs)} ms: ${this.stderr}`);
  }
}

const saidBy = ({ stdout, stderr }: Ended): string => `${stderr}${lastLines(stdout)}`.trim();

const lastLines = (stdout: string): string => stdout.split('\n').slice(-10).join('\n');
