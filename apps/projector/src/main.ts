import 'reflect-metadata';
import { openEventLog } from '#event-log/event-log.module';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { readConfig, requireDatabaseUrl } from '#platform/config';
import { startHttpApp } from '#platform/http';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { openPlatform } from '#platform/open-platform';
import { run } from '#platform/run';
import { readModelMigrations } from '#read-models/database';
import { ProjectorModule, startProjection } from './projector.module';

/**
 * Keeps the read models in step with the log, in a process of its own. Any number of them may run: of a topic they share
 * the partitions; on the log itself one works and the others stand by.
 */
void run(async (onStop) => {
  const config = readConfig(process.env);
  const databaseUrl = requireDatabaseUrl(config);
  const platform = await openPlatform(
    {
      name: 'projector',
      config,
      databaseUrl,
      entities: identityEntities,
      migrations: [...identityMigrations, EventLog1767225600000, ...readModelMigrations],
      poolSize: 2,
    },
    onStop,
  );
  const { logger } = platform;
  const log = await openEventLog({ eventStoreUrl: config.eventStoreUrl, databaseUrl, logger });
  onStop(() => log.close());
  const projection = await startProjection(platform, { log, databaseUrl }, onStop);
  const app = await startHttpApp(ProjectorModule.forRoot(platform, projection), {
    host: config.host,
    port: config.projectorPort,
    portVariable: 'PROJECTOR_PORT',
    title: 'Coordinator: projector',
    description: 'Health and metrics of the projection.',
    logger,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
  });
  onStop(() => app.close());
  logger.info({ url: app.url }, 'events are projected');
});
