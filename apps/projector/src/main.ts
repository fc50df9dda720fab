import 'reflect-metadata';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { ConfigError, jwtSecretOf, readConfig } from '#platform/config';
import { connect, createDataSource } from '#platform/database';
import { startHttpApp } from '#platform/http';
import { Identities } from '#platform/identities';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { createLogger } from '#platform/logging';
import { type OnStop, run } from '#platform/run';
import { readModelMigrations } from '#read-models/database';
import { openPool } from '#read-models/pool';
import { Projector } from '#read-models/projector';
import { Projection } from './projection';
import { ProjectorModule } from './projector.module';

const PORT_DEFAULT = 3002;
const STATEMENT_TIMEOUT_MS = 30_000;

/** Keeps the read models in step with the log, in a process of its own. Any number of them may run; one works. */
const startProjector = async (onStop: OnStop): Promise<void> => {
  const config = readConfig(process.env);
  const url = config.databaseUrl;
  if (url === undefined)
    throw new ConfigError('DATABASE_URL must be set: the embedded database belongs to `npm start`');
  const port = portOf(process.env['PROJECTOR_PORT']);
  const logger = createLogger({ name: 'projector', level: config.logLevel });
  const dataSource = await connect(
    createDataSource(url, {
      name: 'projector',
      entities: identityEntities,
      migrations: [...identityMigrations, EventLog1767225600000, ...readModelMigrations],
      poolSize: 2,
    }),
  );
  onStop(() => dataSource.destroy());
  const log = new PostgresEventLog({ url, logger });
  onStop(() => log.close());
  const pool = openPool(url, {
    name: 'projector',
    max: 4,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    onTrouble: (error) => {
      logger.warn({ err: error }, 'an idle connection of the read models was lost');
    },
  });
  onStop(() => pool.end());
  const projection = new Projection(log, new Projector(pool), logger, () => Date.now());
  await projection.start();
  onStop(() => projection.stop());

  const identities = new Identities({ dataSource, jwtSecret: jwtSecretOf(config), logger });
  const app = await startHttpApp(ProjectorModule.forRoot({ config, logger, dataSource, identities }, projection), {
    host: config.host,
    port,
    portVariable: 'PROJECTOR_PORT',
    title: 'Coordinator: projector',
    description: 'Health and metrics of the projection.',
    logger,
    shutdownTimeoutMs: config.shutdownTimeoutMs,
  });
  onStop(() => app.close());
};

const portOf = (text: string | undefined): number => {
  if (text === undefined || text.trim() === '') return PORT_DEFAULT;
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : NaN;
  if (port <= 65_535) return port;
  throw new ConfigError('PROJECTOR_PORT must be a whole number from 0 to 65535');
};

void run(startProjector);
