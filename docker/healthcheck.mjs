/** The container's health: what the app in it answers at /health/ready. Which app, the container's first process tells. */

import { readFileSync } from 'node:fs';

const TIMEOUT_MS = 4_000;
const ports = { command: 3000, query: 3001, projector: 3002, relay: 3003 };

const [, app] = /dist\/apps\/(\w+)\/src\/main\.js/.exec(readFileSync('/proc/1/cmdline', 'utf8')) ?? [];
const port = process.env[`${app?.toUpperCase()}_PORT`] || ports[app];
try {
  if (!port) throw new Error(`no port is known for the app ${app}`);
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  console.log(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.log(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
