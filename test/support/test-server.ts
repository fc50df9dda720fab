import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../libs/platform/src/embedded-postgres';

let stop: (() => Promise<void>) | undefined;

/**
 * Starts one Postgres for the whole test run and names it in TEST_DATABASE_URL, which the workers inherit. When the
 * variable is set already, that server is used and nothing is started.
 */
export async function startTestServer(): Promise<void> {
  if (process.env['TEST_DATABASE_URL'] !== undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'coordinator-test-'));
  await chmod(folder, 0o755); // as root the server runs as another user
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  process.env['TEST_DATABASE_URL'] = server.url;

  const stopServer = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  // The server does not share our process group: without this it would outlive a run that is broken off.
  const breakOff = (signal: NodeJS.Signals): void => {
    void stopServer().finally(() => {
      process.removeListener(signal, breakOff);
      process.kill(process.pid, signal);
    });
  };
  process.on('SIGINT', breakOff);
  process.on('SIGTERM', breakOff);
  stop = async () => {
    process.removeListener('SIGINT', breakOff);
    process.removeListener('SIGTERM', breakOff);
    await stopServer();
  };
}

/** Stops what `startTestServer` started. */
export async function stopTestServer(): Promise<void> {
  await stop?.();
}
