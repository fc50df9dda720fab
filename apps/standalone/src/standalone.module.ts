import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BrokerSim, startBrokerSim } from '../../broker-sim/src/sim';
import { startCommand } from '../../command/src/command.module';
import { loadMarketData, type MarketData } from '../../command/src/market-data';
import { WriteSide } from '../../command/src/write-side';
import { BROKER_NAMES } from '#brokers/client';
import { openEventLog } from '#event-log/event-log.module';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { instrumentMigrations } from '#instruments/store/instrument-tables';
import { RelayPositions1767225800000 } from '#messaging/relay-checkpoint';
import { type Config, readConfig } from '#platform/config';
import { startEmbeddedPostgres } from '#platform/embedded-postgres';
import { Health } from '#platform/health';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { leaseMigrations } from '#platform/leases';
import { createLogger, type Logger } from '#platform/logging';
import { histogram } from '#platform/metrics';
import { openPlatform } from '#platform/open-platform';
import type { OnStop } from '#platform/run';
import { vaultMigrations } from '#platform/vault';
import { readModelEntities, readModelMigrations } from '#read-models/database';
import { startProjection } from '../../projector/src/projector.module';
import { startQuery } from '../../query/src/query.module';
import { startRelay } from '../../relay/src/relay.module';
import { banner } from './banner';
import { demoConnections } from './demo-connections';
import { demoCredentialsFile, demoTrader } from './demo-trader';

const appendSeconds = histogram({
  name: 'coordinator_append_seconds',
  help: 'One append of the event log, as stored: round trip and fsync',
});

/** Everything in one process, on embedded Postgres alone unless the environment names other engines. */
export const startStandalone = async (onStop: OnStop): Promise<void> => {
  const config = readConfig(process.env);
  const databaseUrl = await databaseUrlOf(config, onStop);
  const platform = await openPlatform(
    {
      name: 'standalone',
      config,
      databaseUrl,
      entities: [...identityEntities, ...readModelEntities],
      migrations: [
        ...identityMigrations,
        ...leaseMigrations,
        ...vaultMigrations,
        ...instrumentMigrations,
        EventLog1767225600000,
        RelayPositions1767225800000,
        ...readModelMigrations,
      ],
    },
    onStop,
  );
  const { logger, dataSource, identities } = platform;
  const { eventStoreUrl, kafkaBrokers } = config;
  const log = await openEventLog({
    eventStoreUrl,
    databaseUrl,
    logger,
    onFlush: ({ durationMs }) => {
      appendSeconds.observe(durationMs / 1000);
    },
  });
  onStop(() => log.close());
  const adapters = { log, databaseUrl };

  const relay =
    kafkaBrokers === undefined ? undefined : await startRelay(platform, { ...adapters, kafkaBrokers }, onStop);
  const projection = await startProjection(platform, adapters, onStop);
  const query = await startQuery(platform, databaseUrl, onStop);
  const health = query.app.get(Health);
  health.require('projection', () => projection.check());
  if (relay) health.require('relay', () => relay.check());
  const market = await loadMarketData(config, logger, dataSource);
  const sim = await simulatedBrokers(config, market, logger, onStop);
  const brokerUrls = { ...sim?.baseUrls, ...config.brokerUrls };
  const command = await startCommand({ ...platform, config: { ...config, brokerUrls } }, adapters, onStop, market);

  const side = command.app.get(WriteSide);
  const credentials = await demoTrader(config.dataDir, {
    dataSource,
    identities,
    openAccount: (userId) => side.openPaperAccount(userId),
  });
  const connections = await demoConnections(dataSource, credentials, sim, command.app);
  process.stdout.write(
    banner({
      commandUrl: command.url,
      queryUrl: query.url,
      credentialsFile: demoCredentialsFile(config.dataDir),
      credentials,
      connections,
    }),
  );
};

/** Simulated brokers in place of all that no address was given for. */
const simulatedBrokers = async (
  { host, brokerSimPort, brokerUrls, simTickMs }: Config,
  { catalogue, prices }: MarketData,
  logger: Logger,
  onStop: OnStop,
): Promise<BrokerSim | undefined> => {
  if (BROKER_NAMES.every((name) => brokerUrls[name] !== undefined)) return undefined;
  const market = { catalogue, prices: prices.prices };
  return startBrokerSim({ host, port: brokerSimPort, tickMs: simTickMs, logger, market }, onStop);
};

/** The data directory cannot be made or used, in one line for the person who named it. */
class DataDirError extends Error {
  override readonly name = 'DataDirError';
}

const databaseUrlOf = async (config: Config, onStop: OnStop): Promise<string> => {
  try {
    mkdirSync(config.dataDir, { recursive: true });
  } catch (error) {
    throw new DataDirError(`DATA_DIR cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  const logger = createLogger({ name: 'postgres', level: config.logLevel });
  const postgres = await startEmbeddedPostgres({ dataDir: join(config.dataDir, 'postgres'), logger });
  onStop(() => postgres.stop());
  return postgres.url;
};
