import { jwtSecretOf } from './config';
import { connect, createDataSource, type DatabaseOptions } from './database';
import { openHotState } from './hot-state.module';
import { Identities } from './identities';
import { createLogger } from './logging';
import type { Config } from './config';
import type { Platform } from './platform.module';
import type { OnStop } from './run';

export interface PlatformOptions extends DatabaseOptions {
  readonly config: Config;
  readonly databaseUrl: string;
}

/**
 * Opens what every app stands on: logs, the database, brought up to date, the hot state, and who may come in.
 * @throws DatabaseError, HotStateError, ConfigError in one line each.
 */
export const openPlatform = async (
  { config, databaseUrl, ...database }: PlatformOptions,
  onStop: OnStop,
): Promise<Platform> => {
  const logger = createLogger({ name: database.name, level: config.logLevel });
  if (config.jwtSecret === undefined && config.databaseUrl !== undefined)
    logger.warn(
      { dataDir: config.dataDir },
      'JWT_SECRET is not set: processes with another data directory will not take our tokens',
    );
  const dataSource = await connect(createDataSource(databaseUrl, database));
  onStop(() => dataSource.destroy());
  const identities = new Identities({ dataSource, jwtSecret: jwtSecretOf(config), logger });
  const hotState = await openHotState({ redisUrl: config.redisUrl, logger });
  onStop(() => hotState.close());
  return { config, logger, dataSource, identities, hotState };
};
