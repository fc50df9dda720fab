/**
 * A real Redis without containers: `redis-server` of the PATH (a system package), in a folder of its own. It stores
 * nothing on disk: what is in it can be lost and made again.
 *
 *   node scripts/infra/redis.mjs find --json                            { redis } or { missing }
 *   node scripts/infra/redis.mjs run --dir DIR [--port N] [--json]      a server until SIGTERM, or until who started it is gone
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SetupError } from '../setup.mjs';
import { asProgram, portFrom, runServer, startServer, stopServerIn } from './servers.mjs';

const READY_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 2_000;

/** `{ redis }`, the program; undefined when it is missing. */
export const findRedis = () => {
  const found = lookForRedis();
  return 'missing' in found ? undefined : found;
};

/** What is missing and how to get it, in one line; undefined when Redis can be started. */
export const whyNoRedis = () => lookForRedis().missing;

const lookForRedis = () => {
  const { status } = spawnSync('redis-server', ['--version'], { stdio: 'ignore', timeout: 10_000 });
  return status === 0
    ? { redis: 'redis-server' }
    : { missing: "redis-server is not on the PATH: install it (Debian's package redis-server)" };
};

/**
 * Starts a server on 127.0.0.1, or takes over the one that runs in `dataDir`, and resolves once it answers a PING.
 *
 * @param {{ dataDir: string, port?: number, outlive?: boolean }} options
 * @returns {Promise<{ url: string, port: number, pid: number, startedAt: string, exited(): Promise<void>,
 *   stop(): Promise<void>, kill(): Promise<void> }>}
 * @throws SetupError in one line.
 */
export const startRedis = async ({ dataDir, port, outlive = false }) => {
  const found = lookForRedis();
  if (found.missing) throw new SetupError(found.missing);
  const home = resolve(dataDir);
  mkdirSync(home, { recursive: true });
  const server = await startServer({
    ...identityOf(home),
    ports: { port },
    command: (ports) => [
      found.redis,
      ...Object.entries(settingsOf(home, ports)).flatMap(([key, value]) => [`--${key}`, value]),
    ],
    answers,
    readyTimeoutMs: READY_TIMEOUT_MS,
    outlive,
  });
  return { url: `redis://127.0.0.1:${server.port}`, ...server };
};

/** Stops the server of this folder, whoever started it. @returns its pid, or undefined when none ran. */
export const stopRedisIn = (dataDir) => stopServerIn(identityOf(resolve(dataDir)));

const identityOf = (home) => ({ name: 'Redis', home, mark: `redis-server --dir ${home} ` });

const settingsOf = (home, { port }) => ({
  dir: home,
  bind: '127.0.0.1',
  port: String(port),
  save: '',
  appendonly: 'no',
  daemonize: 'no',
  'set-proc-title': 'no', // else it hides the command line that we know it by
});

const answers = (port) =>
  new Promise((settle) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const done = (answer) => {
      socket.destroy();
      settle(answer);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('data', (data) => done(data.toString('latin1').startsWith('+PONG')));
    socket.write('PING\r\n');
  });

/* -------------------------------------------------------------------------------------------- as a program */

const main = async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { dir: { type: 'string' }, port: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const print = (document, text) => console.log(values.json ? JSON.stringify(document) : text);
  switch (positionals[0]) {
    case 'find': {
      const found = lookForRedis();
      return print(found, found.missing ?? `Redis: ${found.redis}`);
    }
    case 'run': {
      if (values.dir === undefined) throw new SetupError('run needs --dir');
      const options = { dataDir: values.dir, port: portFrom(values.port) };
      return runServer(
        'Redis',
        () => startRedis(options),
        ({ url, pid }) => print({ url, pid }, `Redis on ${url} (process ${pid}); Ctrl-C ends it`),
      );
    }
    default:
      throw new SetupError('usage: node scripts/infra/redis.mjs find | run --dir DIR [--port N] [--json]');
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await asProgram(main);
