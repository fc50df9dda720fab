import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from './cleanup';

const APPS = join(__dirname, '../../apps');
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const LOG_LINES_SHOWN = 20;

/** Variables that would put a part of what is measured elsewhere: a benchmark uses its own servers only. */
const NOT_INHERITED = [
  'EVENTSTORE_URL',
  'KAFKA_BROKERS',
  'REDIS_URL',
  'EVENT_PARTITIONS',
  'ORDER_BOOK_CACHE_MS',
  'UPSTOX_URL',
  'ZERODHA_URL',
  'FYERS_URL',
  'ANGELONE_URL',
];

export interface AppOptions {
  readonly app: 'standalone' | 'command' | 'projector' | 'query' | 'relay' | 'broker-sim';
  /** In the report and in the name of its log: `projector 2`. */
  readonly name: string;
  /** For its log and its data. */
  readonly folder: string;
  readonly databaseUrl: string;
  /** Variables of the ports to listen on. None: it takes its own, and is ready when its log says so. */
  readonly ports: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** One process of the software, as it runs in production. */
export interface App {
  readonly name: string;
  readonly pid: number;
  /** In the order of `ports`. */
  readonly origins: readonly string[];
  /**
   * Resolves when all that it listens with is ready; with the seconds since the process was started.
   * @throws Error with the last lines of its log when it ends, or is not ready in time.
   */
  ready(): Promise<number>;
  /**
   * Resolves with what its log says, once it does: the first group of the expression.
   * @throws Error as `ready`.
   */
  says(expression: RegExp): Promise<string>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts a process; whether it gets ready, `ready` tells. One that ends unasked breaks the run off. */
export const startApp = async (cleanup: Cleanup, options: AppOptions): Promise<App> => {
  const { app, name, folder, databaseUrl, environment = {} } = options;
  const ports: [variable: string, port: number][] = [];
  for (const variable of options.ports) ports.push([variable, await freePort()]);
  let stop: () => Promise<void> = () => Promise.resolve();
  cleanup.add(() => stop());

  const startedAt = performance.now();
  const logFile = join(folder, `${name.replaceAll(' ', '-')}.log`);
  const log = openSync(logFile, 'w');
  const inherited = Object.entries(process.env).filter(([variable]) => !NOT_INHERITED.includes(variable));
  const child = spawn(process.execPath, [join(APPS, app, 'src/main.js')], {
    // Not in our process group: Ctrl-C is for us to handle, in order.
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      ...Object.fromEntries(inherited),
      NODE_ENV: 'production',
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: databaseUrl,
      LOG_LEVEL: 'warn',
      ...Object.fromEntries(ports.map(([variable, port]) => [variable, String(port)])),
      ...environment,
    },
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} could not be started`);
  const ended = once(child, 'exit');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;

  const lastLines = (): string =>
    readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  let isAsked = false;
  child.once('exit', () => {
    if (!isAsked) cleanup.fail(new Error(`${name} ended by itself\n${lastLines()}`));
  });

  stop = async () => {
    if (hasEnded()) return;
    isAsked = true;
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(kill);
  };

  const origins = ports.map(([, port]) => `http://127.0.0.1:${String(port)}`);
  const until = async <Value>(look: () => Value | undefined | Promise<Value | undefined>): Promise<Value> => {
    try {
      for (;;) {
        const seen = await look();
        if (seen !== undefined) return seen;
        if (hasEnded()) throw new Error(`${name} ended at its start`);
        if (performance.now() - startedAt > READY_TIMEOUT_MS) throw new Error(`${name} is not ready in time`);
        await sleep(POLL_MS);
      }
    } catch (error) {
      await stop();
      throw new Error(`${String(error)}\n${lastLines()}`, { cause: error });
    }
  };
  const areReady = async (): Promise<true | undefined> =>
    (await Promise.all(origins.map(isReady))).every(Boolean) || undefined;
  return {
    name,
    pid,
    origins,
    ready: async () => {
      await until(areReady);
      return (performance.now() - startedAt) / 1_000;
    },
    says: (expression) => until(() => expression.exec(readFileSync(logFile, 'utf8'))?.[1]),
    stop,
  };
};

const isReady = async (origin: string): Promise<boolean> => {
  try {
    return (await fetch(`${origin}/health/ready`, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false; // nobody listens yet
  }
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
};
