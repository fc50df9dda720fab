/**
 * What Kafka and Redis have in common when they run in a folder of their own: ports that are kept, a pid that is noted
 * before the server begins, readiness that is asked for, an end that nobody can forget.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../setup.mjs';
import {
  accepts,
  becomesFree,
  endProcess,
  findProcess,
  freePort,
  isFree,
  isRunning,
  whenAskedToEnd,
} from './processes.mjs';

const STOP_TIMEOUT_MS = 30_000;
const KILL_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const TRIES = 4;

/**
 * Starts a server on 127.0.0.1 and resolves once it answers; one that a killed predecessor left running in the folder
 * is taken over. In `home`: `ports.json`, kept for the next start unless another program has taken them meanwhile;
 * `server.pid`; `server.log`. The server ends with this process (on Linux), unless `outlive` is set.
 *
 * @param {{ name: string, home: string, ports: Record<string, number | undefined>, mark: string,
 *   command(ports: Record<string, number>): string[], answers(port: number): Promise<boolean>,
 *   readyTimeoutMs: number, outlive: boolean }} server  `mark`: what its command line always holds, and no other's;
 *   `ports`: those wished for, `port` among them
 * @throws SetupError in one line.
 */
export const startServer = async (server) => {
  const { name, home, ports: wanted } = server;
  const running = await adopt(server);
  if (running) return handleOf(server, running);

  for (const port of Object.values(wanted).filter((value) => value !== undefined))
    if (!(await becomesFree(port))) throw new SetupError(`port ${port} for ${name} is taken by another program`);
  for (let triesLeft = TRIES - 1; ; triesLeft -= 1) {
    const ports = {};
    for (const [key, port] of Object.entries(wanted)) ports[key] = port ?? (await freePort(portsIn(home)?.[key]));
    const started = await launch(server, ports);
    if (!started.failure) return handleOf(server, started);
    // Between looking and listening another program may have come first.
    const taken = await Promise.all(Object.values(ports).map(async (port) => !(await isFree(port))));
    if (!taken.includes(true) || triesLeft === 0)
      throw new SetupError(`${name} in ${home} did not start: ${started.failure}`);
  }
};

const adopt = async (server) => {
  const { home, ports: wanted } = server;
  const found = serverIn(server);
  if (found === undefined) return undefined;
  const ports = portsIn(home) ?? {};
  const asWanted = Object.entries(wanted).every(([key, port]) => port === undefined || port === ports[key]);
  if (asWanted && (await becomesReady(server, ports.port, found))) return { ...found, port: ports.port };
  await end(server, found, ['SIGTERM', STOP_TIMEOUT_MS], ['SIGKILL', KILL_TIMEOUT_MS]);
  return undefined;
};

/** The server of this folder, if one runs: it noted its pid itself, and its command line names the folder. */
const serverIn = ({ home, mark }) => {
  const found = findProcess(Number(contentOf(join(home, 'server.pid')) || NaN));
  return found?.commandLine.includes(mark) ? found : undefined;
};

const launch = async (server, ports) => {
  const { home, command, outlive, readyTimeoutMs } = server;
  writeFileSync(join(home, 'ports.json'), JSON.stringify(ports));
  const log = join(home, 'server.log');
  const output = openSync(log, bytesIn(log) > LOG_BYTES_MAX ? 'w' : 'a');
  const from = fstatSync(output).size;
  // This process may be killed at any moment and then ends nothing: the kernel does it for us.
  const guard = !outlive && canDieWithParent() ? ['setpriv', '--pdeathsig', 'KILL'] : [];
  // The pid is noted by the process itself: there is no moment at which it runs and has left no trace.
  const child = spawn('/bin/sh', ['-c', 'echo $$ >server.pid && exec "$@"', 'sh', ...guard, ...command(ports)], {
    cwd: home,
    detached: true, // Ctrl-C at the terminal reaches whoever started the server, who then stops it in order
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  await once(child, 'spawn');
  if (outlive) child.unref();

  const noted = { pid: child.pid, startedAt: findProcess(child.pid)?.startedAt };
  if (await becomesReady(server, ports.port, noted)) return { ...noted, port: ports.port };
  const failure = isAlive(noted) ? `no answer within ${readyTimeoutMs / 1000} s` : firstComplaint(readFrom(log, from));
  await end(server, noted, ['SIGKILL', KILL_TIMEOUT_MS]);
  return { failure: `${failure} (see ${log})` };
};

const becomesReady = async ({ answers, readyTimeoutMs }, port, noted) => {
  for (const endMs = Date.now() + readyTimeoutMs; isAlive(noted) && Date.now() < endMs; await sleep(POLL_MS))
    if ((await accepts(port)) && (await answers(port)) && isAlive(noted)) return true;
  return false;
};

const isAlive = (noted) => noted.startedAt !== undefined && isRunning(noted);

const handleOf = (server, { pid, startedAt, port }) => {
  const noted = { pid, startedAt };
  return {
    port,
    pid,
    startedAt,
    /** Resolves when it is gone, for whatever reason. */
    exited: async () => {
      while (isRunning(noted)) await sleep(POLL_MS);
    },
    /** In order; by force when that takes too long. Safe to call twice. */
    stop: () => end(server, noted, ['SIGTERM', STOP_TIMEOUT_MS], ['SIGKILL', KILL_TIMEOUT_MS]),
    /** As if the power had failed. */
    kill: () => end(server, noted, ['SIGKILL', KILL_TIMEOUT_MS]),
  };
};

const end = async ({ name }, noted, ...steps) => {
  if (noted.startedAt !== undefined && !(await endProcess(noted, ...steps)))
    throw new Error(`${name} (process ${noted.pid}) does not end`);
};

/**
 * Stops whatever server of this folder runs, without having started it.
 * @returns its pid, or undefined when none ran.
 */
export const stopServerIn = async (server) => {
  const found = serverIn(server);
  if (found) await end(server, found, ['SIGTERM', STOP_TIMEOUT_MS], ['SIGKILL', KILL_TIMEOUT_MS]);
  return found?.pid;
};

let mayDieWithParent;
const canDieWithParent = () =>
  (mayDieWithParent ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { timeout: 5_000, stdio: 'ignore' }).status === 0);

/**
 * Runs a server as a program of its own: prints `describe(server)` once it is ready, ends it when asked to end or when
 * who started us is gone, and ends itself with 1 when the server goes by itself.
 */
export const runServer = async (name, start, print) => {
  let asked = false;
  let server;
  whenAskedToEnd(() => {
    asked = true;
    server?.stop().catch((error) => {
      console.error(error.message);
      process.exit(1);
    });
  });
  server = await start();
  if (asked) return server.stop(); // while it was still starting
  print(server);
  await server.exited();
  if (!asked) throw new SetupError(`${name} (process ${server.pid}) ended by itself`);
};

/** A port from the command line. */
export const portFrom = (text) => {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new SetupError(`${text} is not a port`);
};

/** Runs a program's `main`; what the person at the terminal has to put right is told in one line. */
export const asProgram = async (main) => {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    process.exitCode = 1;
  }
};

const contentOf = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
};

const portsIn = (home) => {
  const content = contentOf(join(home, 'ports.json'));
  try {
    return content === undefined ? undefined : JSON.parse(content);
  } catch {
    return undefined; // half written when the machine stopped: any other ports will do
  }
};

const bytesIn = (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const readFrom = (file, position) => {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(Math.max(0, Math.min(fstatSync(descriptor).size - position, 1_000_000)));
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, buffer.length, position));
  } finally {
    closeSync(descriptor);
  }
};

/** The first line that tells of an error: what follows is its stack and what came of it. */
export const firstComplaint = (output) => {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  const complaint = lines.find((line) => /Exception|Error|ERROR|FATAL|error|Fatal/.test(line)) ?? lines.at(-1);
  return complaint?.trim() ?? 'it ended without a word';
};
