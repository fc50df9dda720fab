/** `npm run bench`: sets up what is missing, builds, and runs the benchmark in this very process. See docs/benchmarks.md. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled, root, SetupError, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  console.error('Building (tsc) …');
  // Always: what is measured must be what stands here. Without a change it takes seconds.
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
    { cwd: root, stdio: ['ignore', 2, 'inherit'] }, // standard output belongs to the report
  );
  if (status !== 0) throw new SetupError('the sources do not compile');
});

await import(pathToFileURL(join(root, 'dist/test/bench/main.js')).href);
