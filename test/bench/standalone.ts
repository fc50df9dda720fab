import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = join(__dirname, '../../apps/standalone/src/main.js');
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;
const LOG_LINES_SHOWN = 20;

/** The software itself, as `npm start` runs it. */
export interface Standalone {
  readonly pid: number;
  readonly commandOrigin: string;
  readonly queryOrigin: string;
  /** From the start of the process until both apps were ready, with the store as it was. */
  readonly startSeconds: number;
  stop(): Promise<void>;
}

/** @throws Error with the last lines of its log when it ends, or is not ready in time. */
export const startStandalone = async (folder: string, databaseUrl: string): Promise<Standalone> => {
  const startedAt = performance.now();
  const [commandPort, queryPort] = [await freePort(), await freePort()];
  const logFile = join(folder, 'standalone.log');
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [MAIN], {
    // Not in our process group: Ctrl-C is for us to handle, in order.
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      COMMAND_PORT: String(commandPort),
      QUERY_PORT: String(queryPort),
      DATA_DIR: join(folder, 'data'),
      DATABASE_URL: databaseUrl,
      LOG_LEVEL: 'warn',
    },
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error('the standalone process could not be started');
  const ended = once(child, 'exit');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;

  const stop = async (): Promise<void> => {
    if (hasEnded()) return;
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(kill);
  };

  const origins = [commandPort, queryPort].map((port) => `http://127.0.0.1:${String(port)}`);
  try {
    while (!(await Promise.all(origins.map(isReady))).every(Boolean)) {
      if (hasEnded()) throw new Error('the standalone process ended at its start');
      if (performance.now() - startedAt > READY_TIMEOUT_MS)
        throw new Error('the standalone process is not ready in time');
      await sleep(50);
    }
  } catch (error) {
    await stop();
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
    throw new Error(`${String(error)}\n${lines.join('\n')}`, { cause: error });
  }
  const [commandOrigin = '', queryOrigin = ''] = origins;
  return { pid, commandOrigin, queryOrigin, startSeconds: (performance.now() - startedAt) / 1_000, stop };
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
