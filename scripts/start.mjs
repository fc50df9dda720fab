/**
 * `npm start` and `npm run start:command | start:projector | …`: sets up what is missing, then runs the named app (the
 * standalone one by default) in this very process. An app of its own runs in production mode.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root, SetupError, withSetup } from './setup.mjs';

const [app = 'standalone'] = process.argv.slice(2);
const mainOf = (name) => join(root, 'dist/apps', name, 'src/main.js');

await withSetup(() => {
  const known = readdirSync(join(root, 'apps')).filter((name) => existsSync(join(root, 'apps', name, 'src/main.ts')));
  if (!known.includes(app)) throw new SetupError(`there is no app ${app}; there are ${known.join(', ')}`);
  ensureInstalled();
  ensureBuilt();
});
if (app !== 'standalone') process.env.NODE_ENV = 'production';

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
await import(pathToFileURL(mainOf(app)).href);
