/**
 * A Postgres in a process of its own, which ends with the one who started it, whatever becomes of that:
 *
 *     node -r register-typescript.cjs postgres-server.ts <data directory>
 *
 * Prints one line, `{ url, pid }`, when it answers; stops when its standard input ends.
 */
import { once } from 'node:events';
import { startEmbeddedPostgres } from '../../libs/platform/src/embedded-postgres';

const main = async (dataDir: string): Promise<void> => {
  const server = await startEmbeddedPostgres({ dataDir });
  // Ctrl-C at the terminal reaches us, too; it is for whoever started us to say when this ends.
  process.on('SIGINT', () => undefined);
  process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid })}\n`);
  process.stdin.resume();
  await once(process.stdin, 'end');
  await server.stop();
};

main(process.argv[2] ?? '').catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
