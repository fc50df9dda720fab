import 'reflect-metadata';
import { openEventLog } from '#event-log/event-log.module';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { instrumentMigrations } from '#instruments/store/instrument-tables';
import { readConfig, requireDatabaseUrl } from '#platform/config';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { leaseMigrations } from '#platform/leases';
import { histogram } from '#platform/metrics';
import { openPlatform } from '#platform/open-platform';
import { type OnStop, run } from '#platform/run';
import { vaultMigrations } from '#platform/vault';
import { readModelEntities, readModelMigrations } from '#read-models/database';
import { startCommand } from './command.module';

const appendSeconds = histogram({
  name: 'coordinator_append_seconds',
  help: 'One append of the event log, as stored: round trip and fsync',
});

/** Takes orders, in a process of its own. Any number of them may run. */
void run(async (onStop: OnStop): Promise<void> => {
  const config = readConfig(process.env);
  const databaseUrl = requireDatabaseUrl(config);
  const platform = await openPlatform(
    {
      name: 'command',
      config,
      databaseUrl,
      entities: [...identityEntities, ...readModelEntities],
      migrations: [
        ...identityMigrations,
        ...leaseMigrations,
        ...vaultMigrations,
        ...instrumentMigrations,
        EventLog1767225600000,
        ...readModelMigrations,
      ],
    },
    onStop,
  );
  const { logger } = platform;
  const log = await openEventLog({
    eventStoreUrl: config.eventStoreUrl,
    databaseUrl,
    logger,
    onFlush: ({ durationMs }) => {
      appendSeconds.observe(durationMs / 1000);
    },
  });
  onStop(() => log.close());
  const { url } = await startCommand(platform, { log, databaseUrl }, onStop);
  logger.info({ url }, 'orders are taken');
});
