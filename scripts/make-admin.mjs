/** `npm run make-admin -- someone@example.com`: gives a user the role of an admin, beside a running process or without one. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});
await import(pathToFileURL(join(root, 'dist/apps/command/src/make-admin.js')).href);
