/** `npm run instruments:load`: loads a day's instrument master into the store, beside a running process or without one. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});
await import(pathToFileURL(join(root, 'dist/apps/command/src/load-instruments.js')).href);
