/** `npm start`: sets up what is missing, then runs the standalone process in this very one. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});
// No child process: signals and exit codes need nobody to pass them on.
await import(pathToFileURL(join(root, 'dist/apps/standalone/src/main.js')).href);
