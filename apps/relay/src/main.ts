import 'reflect-metadata';
import { openEventLog } from '#event-log/event-log.module';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { RelayPositions1767225800000 } from '#messaging/relay-checkpoint';
import { ConfigError, readConfig, requireDatabaseUrl } from '#platform/config';
import { startHttpApp } from '#platform/http';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { leaseMigrations } from '#platform/leases';
import { openPlatform } from '#platform/open-platform';
import { run } from '#platform/run';
import { RelayModule, startRelay } from './relay.module';

/** Publishes the log to Kafka, in a process of its own. Any number of them may run: one works, the others stand by. */
void run(async (onStop) => {
  const config = readConfig(process.env);
  const databaseUrl = requireDatabaseUrl(config);
  const { kafkaBrokers, eventStoreUrl } = config;
  if (kafkaBrokers === undefined)
    throw new ConfigError('KAFKA_BROKERS must be set: without Kafka there is nothing to relay to');
  const platform = await openPlatform(
    {
      name: 'relay',
      config,
      databaseUrl,
      entities: identityEntities,
      migrations: [...identityMigrations, ...leaseMigrations, EventLog1767225600000, RelayPositions1767225800000],
      poolSize: 2,
    },
    onStop,
  );
  const { logger } = platform;
  const log = await openEventLog({ eventStoreUrl, databaseUrl, logger });
  onStop(() => log.close());
  const relay = await startRelay(platform, { log, databaseUrl, kafkaBrokers }, onStop);
  const app = await startHttpApp(RelayModule.forRoot(platform, relay), {
    host: config.host,
    port: config.relayPort,
    portVariable: 'RELAY_PORT',
    title: 'Coordinator: relay',
    description: 'Health and metrics of the relay to Kafka.',
    logger,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
  });
  onStop(() => app.close());
  logger.info({ url: app.url }, 'the log is relayed');
});
