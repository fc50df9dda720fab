/** `npm run config`: the configuration that every process would start with, without secrets; 1 and one line when it is wrong. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, SetupError, withSetup } from './setup.mjs';

await withSetup(async () => {
  ensureInstalled();
  ensureBuilt();
  const { ConfigError, describeConfig, readConfig } = await import(
    pathToFileURL(join(root, 'dist/libs/platform/src/config.js')).href
  );
  try {
    for (const line of describeConfig(readConfig(process.env))) console.log(line);
  } catch (error) {
    throw error instanceof ConfigError ? new SetupError(error.message) : error;
  }
});
