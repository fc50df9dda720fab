import 'reflect-metadata';
import { instrumentMigrations } from '#instruments/store/instrument-tables';
import { readConfig, requireDatabaseUrl } from '#platform/config';
import { identityEntities, identityMigrations } from '#platform/identity-tables';
import { openPlatform } from '#platform/open-platform';
import { run } from '#platform/run';
import { readModelMigrations } from '#read-models/database';
import { startQuery } from './query.module';

/** Serves the read models, in a process of its own. Any number of them may run. */
void run(async (onStop) => {
  const config = readConfig(process.env);
  const databaseUrl = requireDatabaseUrl(config);
  const platform = await openPlatform(
    {
      name: 'query',
      config,
      databaseUrl,
      entities: identityEntities,
      migrations: [...identityMigrations, ...instrumentMigrations, ...readModelMigrations],
      poolSize: 5,
    },
    onStop,
  );
  const { url } = await startQuery(platform, databaseUrl, onStop);
  platform.logger.info({ url }, 'queries are answered');
});
