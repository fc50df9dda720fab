/**
 * `npm run test:engines`: every `*.engines.spec.ts` and `*.engines.story.ts` against a real Kafka and a real Redis, which
 * run for as long as the tests do. What `KAFKA_BROKERS` or `REDIS_URL` names is used instead. Nothing is skipped: what
 * cannot be had is a failure. Arguments go to Jest.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { whenAskedToEnd } from './infra/processes.mjs';
import { startKafka } from './infra/kafka.mjs';
import { startRedis } from './infra/redis.mjs';
import { ensureBuilt, ensureInstalled, root, SetupError, withSetup } from './setup.mjs';

/** A suite that uses an engine under another name would be skipped where there is none, and never run here. */
const refuseHiddenSuites = () => {
  const hidden = ['apps', 'libs', 'test']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => /\.(spec|story)\.ts$/.test(file) && !/\.engines\.(spec|story)\.ts$/.test(file))
    .filter((file) =>
      /from '[./]+\/(?:test\/)?support\/(?:kafka|redis|engines)'/.test(readFileSync(join(root, file), 'utf8')),
    );
  if (hidden.length > 0)
    throw new SetupError(
      `needs an engine and must be named *.engines.spec.ts or *.engines.story.ts: ${hidden.join(', ')}`,
    );
};

const startEngines = async (folder, started) => {
  const environment = { COORDINATOR_REQUIRE: 'kafka,redis' };
  if (!process.env.KAFKA_BROKERS) {
    const kafka = await startKafka({ dataDir: join(folder, 'kafka') });
    started.push(kafka);
    environment.KAFKA_BROKERS = kafka.brokers;
  }
  if (!process.env.REDIS_URL) {
    const redis = await startRedis({ dataDir: join(folder, 'redis') });
    started.push(redis);
    environment.REDIS_URL = redis.url;
  }
  return environment;
};

/** Resolves with the exit code. */
const runJest = (environment) =>
  new Promise((settle, reject) => {
    const args = ['--runInBand', '--testPathPatterns', '\\.engines\\.(spec|story)\\.ts$', ...process.argv.slice(2)];
    jest = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: 'inherit',
    });
    jest.on('error', reject);
    jest.on('close', (code, signal) => settle(code ?? 128 + constants.signals[signal]));
  });

let jest;
let asked = false;
whenAskedToEnd(() => {
  asked = true;
  jest?.kill('SIGTERM');
});

await withSetup(async () => {
  ensureInstalled();
  ensureBuilt();
  refuseHiddenSuites();
  const folder = mkdtempSync(join(tmpdir(), 'coordinator-engines-'));
  const started = [];
  try {
    const environment = await startEngines(folder, started);
    process.exitCode = asked ? 128 + constants.signals.SIGTERM : await runJest(environment);
  } finally {
    const stopped = await Promise.allSettled(started.map((engine) => engine.stop()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    for (const { reason } of stopped.filter(({ status }) => status === 'rejected')) {
      console.error(reason.message);
      process.exitCode = 1;
    }
  }
});
