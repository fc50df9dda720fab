import 'reflect-metadata';
import { join } from 'node:path';
import { openEventLog } from '#event-log/event-log.module';
import { openFeed } from '#messaging/messaging.module';
import { readConfig } from '#platform/config';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '#platform/embedded-postgres';
import { createLogger } from '#platform/logging';
import { type OnStop, run } from '#platform/run';
import { VIEWS } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { rebuild, type RebuildProgress, type RebuildReport } from '#read-models/rebuild';

/** Building an index or hashing a view of years may take this long. */
const STATEMENT_TIMEOUT_MS = 3_600_000;
const PROGRESS_MS = 500;

/** Builds all read models anew from the log and swaps them in. `--json` prints the report as one document. */
const rebuildReadModels = async (onStop: OnStop): Promise<void> => {
  const config = readConfig(process.env);
  // Standard output belongs to the report.
  const logger = createLogger({ name: 'rebuild', level: 'warn', destination: process.stderr });
  const url = config.databaseUrl ?? (await embedded(join(config.dataDir, 'postgres'), onStop));
  const log = await openEventLog({ eventStoreUrl: config.eventStoreUrl, databaseUrl: url, logger });
  onStop(() => log.close());
  const pool = openPool(url, {
    name: 'rebuild',
    max: 6,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    onTrouble: (error) => {
      if (!pool.ending) logger.warn({ err: error }, 'an idle connection was lost');
    },
  });
  onStop(() => pool.end());
  // Nothing is read from the feed: it says into which partitions it divides the accounts.
  const feed = await openFeed({
    kafkaBrokers: config.kafkaBrokers,
    log,
    groupId: 'coordinator-rebuild',
    partitions: config.eventPartitions,
    logger,
  });
  onStop(() => feed.close());
  const report = await rebuild(log, pool, {
    onProgress: teller(),
    partitions: feed.partitions,
    partitionOf: (accountId) => feed.partitionOf(accountId),
  });
  process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(report)}\n` : summary(report));
};

/** Beside a running process its server is used; otherwise one is started for as long as this takes. */
const embedded = async (dataDir: string, onStop: OnStop): Promise<string> => {
  const running = await findEmbeddedPostgres(dataDir);
  if (running !== undefined) return running;
  const started = await startEmbeddedPostgres({ dataDir });
  onStop(() => started.stop());
  return started.url;
};

/** Progress on standard error: each phase once, and how far it has come from time to time. */
const teller = (): ((progress: RebuildProgress) => void) => {
  let toldAt = 0;
  let toldPhase = '';
  return ({ phase, events, position, head }) => {
    if (phase === toldPhase && Date.now() - toldAt < PROGRESS_MS) return;
    toldAt = Date.now();
    toldPhase = phase;
    const percent = head === 0 ? 100 : Math.min(100, Math.floor((position / head) * 100));
    process.stderr.write(`${phase.padEnd(9)} ${String(percent).padStart(3)} %  ${String(events)} events\n`);
  };
};

const summary = ({ events, parked, seconds, identical, before, after }: RebuildReport): string =>
  [
    `${String(events)} events in ${seconds.toFixed(1)} s`,
    ...(parked > 0 ? [`${String(parked)} could not be projected: see parked_events`] : []),
    ...VIEWS.map((view) => `${view.padEnd(13)} ${before.views[view].hash} before, ${after.views[view].hash} now`),
    identical ? 'identical to the tables before' : 'differs from the tables before',
    '',
  ].join('\n');

void run(async (onStop) => {
  await rebuildReadModels(onStop);
  process.kill(process.pid, 'SIGTERM'); // done: ends as any process of ours does, with everything closed
});
