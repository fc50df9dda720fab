/** `npm run rebuild`: builds the read models anew from the log, beside a running process or without one. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});
await import(pathToFileURL(join(root, 'dist/apps/projector/src/rebuild.js')).href);
