import 'reflect-metadata';
import { ConfigError, jwtSecretOf, readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { startHttpApp } from '#platform/http';
import { Identities } from '#platform/identities';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { createLogger } from '#platform/logging';
import { type OnStop, run } from '#platform/run';
import { readModelMigrations } from '#read-models/database';
import { problemOfQuery } from './problems';
import { openQueryPool } from './query-pool';
import { QueryModule } from './query.module';

/** Serves the read models, in a process of its own. Any number of them may run. */
const startQuery = async (onStop: OnStop): Promise<void> => {
  const config = readConfig(process.env);
  const url = config.databaseUrl;
  if (url === undefined)
    throw new ConfigError('DATABASE_URL must be set: the embedded database belongs to `npm start`');
  const logger = createLogger({ name: 'query', level: config.logLevel });
  const dataSource = await connect(
    createDataSource(url, {
      name: 'query',
      entities: identityEntities,
      migrations: [...identityMigrations, ...readModelMigrations],
      poolSize: 5,
    }),
  );
  onStop(() => dataSource.destroy());
  const pool = openQueryPool(url, logger);
  onStop(() => pool.end());
  const identities = new Identities({ dataSource, jwtSecret: jwtSecretOf(config), logger });
  const app = await startHttpApp(QueryModule.forRoot({ config, logger, dataSource, identities }, pool), {
    host: config.host,
    port: config.queryPort,
    portVariable: 'QUERY_PORT',
    title: 'Coordinator: queries',
    description: 'Order book, history and trades, as recorded.',
    logger,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
    translate: problemOfQuery,
  });
  onStop(() => app.close());
};

void run(startQuery);
