import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CommandModule } from '../../command/src/command.module';
import { loadMarketData } from '../../command/src/market-data';
import { problemOfCommand } from '../../command/src/problems';
import { WriteSide } from '../../command/src/write-side';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { type Config, jwtSecretOf, readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { startEmbeddedPostgres } from '#platform/embedded-postgres';
import { startHttpApp } from '#platform/http';
import { Health } from '#platform/health';
import { Identities } from '#platform/identities';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { leaseMigrations } from '#platform/leases';
import { createLogger, type Logger } from '#platform/logging';
import { histogram } from '#platform/metrics';
import type { OnStop } from '#platform/run';
import { readModelEntities, readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { Projector } from '#read-models/projector';
import { Projection } from '../../projector/src/projection';
import { problemOfQuery } from '../../query/src/problems';
import { QueryModule } from '../../query/src/query.module';
import { openQueryPool } from '../../query/src/query-pool';
import { banner } from './banner';
import { demoCredentialsFile, demoTrader } from './demo-trader';

const appendSeconds = histogram({
  name: 'coordinator_append_seconds',
  help: 'One flush of the event log: round trip and fsync',
});

/** Everything in one process, on embedded Postgres unless `DATABASE_URL` says otherwise. */
export const startStandalone = async (onStop: OnStop): Promise<void> => {
  const config = readConfig(process.env);
  const logger = createLogger({ name: 'standalone', level: config.logLevel });
  const url = await databaseUrl(config, logger, onStop);
  const dataSource = await connect(
    createDataSource(url, {
      name: 'coordinator',
      entities: [...identityEntities, ...readModelEntities],
      migrations: [...identityMigrations, ...leaseMigrations, EventLog1767225600000, ...readModelMigrations],
    }),
  );
  onStop(() => dataSource.destroy());
  const log = new PostgresEventLog({
    url,
    logger,
    onFlush: ({ durationMs }) => {
      appendSeconds.observe(durationMs / 1000);
    },
  });
  onStop(() => log.close());

  const market = await loadMarketData(config, logger);
  const identities = new Identities({ dataSource, jwtSecret: jwtSecretOf(config), logger });
  const platform = { config, logger, dataSource, identities };
  const pool = openPool(url, {
    name: 'read models',
    max: 4,
    statementTimeoutMs: 30_000,
    onTrouble: (error) => {
      logger.warn({ err: error }, 'an idle connection of the read models was lost');
    },
  });
  onStop(() => pool.end());
  const projector = new Projector(pool);
  const projection = new Projection(log, projector, logger, () => Date.now());
  await projection.start();
  onStop(() => projection.stop());

  const queryPool = openQueryPool(url, logger);
  onStop(() => queryPool.end());
  const { host, commandPort, queryPort, shutdownTimeoutMs } = config;
  const query = await startHttpApp(QueryModule.forRoot(platform, queryPool), {
    host,
    port: queryPort,
    portVariable: 'QUERY_PORT',
    title: 'Coordinator: queries',
    description: 'Order book, history and trades, as recorded.',
    logger,
    shutdownTimeoutMs,
    translate: problemOfQuery,
  });
  onStop(() => query.close());
  query.app.get(Health).require('projection', () => projection.check());
  const command = await startHttpApp(CommandModule.forRoot(platform, { log, databaseUrl: url, ...market }), {
    host,
    port: commandPort,
    portVariable: 'COMMAND_PORT',
    title: 'Coordinator: commands',
    description: 'Place, change and cancel orders.',
    logger,
    shutdownTimeoutMs,
    translate: problemOfCommand,
  });
  onStop(() => command.close());

  const side = command.app.get(WriteSide);
  const credentials = await demoTrader(config.dataDir, {
    dataSource,
    identities,
    openAccount: (userId) => side.openPaperAccount(userId),
  });
  process.stdout.write(
    banner({
      commandUrl: command.url,
      queryUrl: query.url,
      credentialsFile: demoCredentialsFile(config.dataDir),
      credentials,
    }),
  );
};

/** The data directory cannot be made or used, in one line for the person who named it. */
class DataDirError extends Error {
  override readonly name = 'DataDirError';
}

const databaseUrl = async (config: Config, logger: Logger, onStop: OnStop): Promise<string> => {
  try {
    mkdirSync(config.dataDir, { recursive: true });
  } catch (error) {
    throw new DataDirError(`DATA_DIR cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  const postgres = await startEmbeddedPostgres({ dataDir: join(config.dataDir, 'postgres'), logger });
  onStop(() => postgres.stop());
  return postgres.url;
};
