/** `npm start`: sets up what is missing, then runs the standalone process in this very one. */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  ensureBuilt();
});

// npm passes a signal on to its shell only, and cannot pass on being killed: who started us being gone is the signal.
if (process.env.npm_lifecycle_event !== undefined) {
  const { ppid } = process;
  const watch = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}

// No child process: signals and exit codes need nobody to pass them on.
await import(pathToFileURL(join(root, 'dist/apps/standalone/src/main.js')).href);
