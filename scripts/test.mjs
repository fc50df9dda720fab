/** `npm test`: sets up what is missing, then runs Jest with the given arguments. */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, withSetup } from './setup.mjs';

await withSetup(() => {
  ensureInstalled();
  ensureBuilt(); // the stories run the built processes
});

const jest = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => jest.kill(signal));
jest.on('error', (error) => {
  console.error(`Jest could not be started: ${error.message}`);
  process.exitCode = 1;
});
jest.on('close', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
