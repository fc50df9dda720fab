/**
 * `npm run infra:up | infra:down | infra:fetch`: the real Kafka, Redis and Postgres for development, in the background,
 * without containers. Each lives in a folder of its own below `.infra` and is known by that folder: there is no list
 * of processes that could be out of date.
 */

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root, SetupError } from '../setup.mjs';
import { endProcess, findProcess } from './processes.mjs';
import { asProgram } from './servers.mjs';

const HELP = `npm run infra:up [-- --json]      starts Kafka, Redis and Postgres in the background, on free ports of 127.0.0.1,
                                  and prints the environment to use: eval "$(npm run --silent infra:up)"
npm run infra:down [-- --clean]   stops them; --clean removes what they have stored, too
npm run infra:fetch               gets Kafka's jars through Maven, into the cache

  --json       one JSON document: { environment, processes, missing }
  --dir DIR    where they live, instead of .infra
`;

const LOCK_TIMEOUT_MS = 300_000;
const LOCK_POLL_MS = 200;
const EVENTSTORE_MISSING =
  'EventStoreDB runs as a container only (docker/compose.yaml); without EVENTSTORE_URL the event log is in Postgres';

const main = async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      clean: { type: 'boolean', default: false },
      dir: { type: 'string', default: join(root, '.infra') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const dir = resolve(values.dir);
  switch (positionals[0]) {
    case 'up':
      prepare();
      return up(dir, values.json);
    case 'down':
      prepare();
      return down(dir, values.clean);
    case 'fetch': {
      const { fetchKafka, KAFKA_VERSION } = await import('./kafka.mjs');
      return console.log(`Apache Kafka ${KAFKA_VERSION} is in ${fetchKafka().libs}`);
    }
    default:
      throw new SetupError(HELP.trimEnd());
  }
};

const prepare = () => {
  ensureInstalled();
  ensureBuilt(); // Postgres is started as the apps do it
};

const built = (file) => import(pathToFileURL(join(root, 'dist', file)).href);

/* ----------------------------------------------------------------------------------------------------------- up */

/** Twice up is once up: what runs already is found and named again. */
const up = async (dir, json) => {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const unlock = await lock(dir);
  try {
    const names = Object.keys(servers);
    const results = await Promise.allSettled(names.map((name) => servers[name].start(join(dir, name))));
    const document = { environment: {}, processes: {}, missing: { eventstore: EVENTSTORE_MISSING } };
    for (const [index, name] of names.entries()) {
      const { status, value, reason } = results[index];
      if (status === 'rejected') {
        document.missing[name] = reason.message;
        if (!(reason instanceof Missing)) process.exitCode = 1;
      } else {
        Object.assign(document.environment, value.environment);
        document.processes[name] = value.pid;
      }
    }
    print(document, json);
  } finally {
    await unlock();
  }
  // Whoever started Postgres holds a connection to its child; it is to run on without us.
  process.exit();
};

/** Cannot be had on this machine; the rest is of use without it. */
class Missing extends Error {}

const print = ({ environment, processes, missing }, json) => {
  for (const [name, reason] of Object.entries(missing)) console.error(`${name}: ${reason}`);
  for (const [name, pid] of Object.entries(processes)) console.error(`${name}: runs as process ${pid}`);
  if (json) console.log(JSON.stringify({ environment, processes, missing }));
  else for (const [name, value] of Object.entries(environment)) console.log(`export ${name}='${value}'`);
};

const servers = {
  kafka: {
    start: async (dataDir) => {
      const { startKafka, whyNoKafka } = await import('./kafka.mjs');
      const missing = whyNoKafka();
      if (missing) throw new Missing(missing);
      const { brokers, pid } = await startKafka({ dataDir, outlive: true });
      return { pid, environment: { KAFKA_BROKERS: brokers } };
    },
    stop: async (dataDir) => (await import('./kafka.mjs')).stopKafkaIn(dataDir),
  },
  redis: {
    start: async (dataDir) => {
      const { startRedis, whyNoRedis } = await import('./redis.mjs');
      const missing = whyNoRedis();
      if (missing) throw new Missing(missing);
      const { url, pid } = await startRedis({ dataDir, outlive: true });
      return { pid, environment: { REDIS_URL: url } };
    },
    stop: async (dataDir) => (await import('./redis.mjs')).stopRedisIn(dataDir),
  },
  postgres: {
    start: async (dataDir) => {
      const { startEmbeddedPostgres } = await built('libs/platform/src/embedded-postgres.js');
      const { url, pid } = await startEmbeddedPostgres({ dataDir });
      return { pid, environment: { DATABASE_URL: url } };
    },
    stop: async (dataDir) => {
      const server = postgresIn(dataDir);
      // In order; without a checkpoint, which the next start makes up for; by force.
      const gone = server && (await endProcess(server, ['SIGINT', 30_000], ['SIGQUIT', 10_000], ['SIGKILL', 10_000]));
      if (gone === false) throw new Error(`Postgres (process ${server.pid}) does not end`);
      return server?.pid;
    },
  },
};

/** The server of this folder: Postgres noted its pid there, and its command line names the folder. */
const postgresIn = (dataDir) => {
  const cluster = join(dataDir, 'cluster');
  const file = join(cluster, 'postmaster.pid');
  const server = existsSync(file) ? findProcess(Number.parseInt(readFileSync(file, 'utf8'), 10)) : undefined;
  return server?.commandLine.includes(`-D ${cluster} `) ? server : undefined;
};

/* --------------------------------------------------------------------------------------------------------- down */

const down = async (dir, clean) => {
  if (!existsSync(dir)) return console.error('nothing runs');
  const unlock = await lock(dir);
  try {
    const names = Object.keys(servers);
    const results = await Promise.allSettled(names.map((name) => servers[name].stop(join(dir, name))));
    for (const [index, name] of names.entries()) {
      const { status, value, reason } = results[index];
      if (status === 'rejected') process.exitCode = 1;
      console.error(
        `${name}: ${status === 'rejected' ? reason.message : value === undefined ? 'did not run' : `stopped (process ${value})`}`,
      );
    }
    if (clean && results.every(({ status }) => status === 'fulfilled'))
      for (const name of names) rmSync(join(dir, name), { recursive: true, force: true, maxRetries: 5 });
  } finally {
    await unlock();
  }
  if (clean && process.exitCode === undefined) rmSync(dir, { recursive: true, force: true });
};

/** One at a time; the second one finds what the first has made. */
const lock = async (dir) => {
  const { DirectoryInUse, lockDirectory } = await built('libs/platform/src/directory-lock.js');
  for (const endMs = Date.now() + LOCK_TIMEOUT_MS; ; await sleep(LOCK_POLL_MS)) {
    try {
      return await lockDirectory(dir);
    } catch (error) {
      if (!(error instanceof DirectoryInUse)) throw error;
      if (Date.now() > endMs) throw new SetupError(`${dir} has been in use by process ${error.ownerPid} for too long`);
    }
  }
};

await asProgram(main);
