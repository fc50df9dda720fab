import { startApp } from './app';
import type { Cleanup } from './cleanup';

/** The software itself, as `npm start` runs it. */
export interface Standalone {
  readonly pid: number;
  readonly commandOrigin: string;
  readonly queryOrigin: string;
  /** From the start of the process until both apps were ready, with the store as it was. */
  readonly startSeconds: number;
  stop(): Promise<void>;
}

/** @throws Error with the last lines of its log when it ends, or is not ready in time. */
export const startStandalone = async (cleanup: Cleanup, folder: string, databaseUrl: string): Promise<Standalone> => {
  const ports = ['COMMAND_PORT', 'QUERY_PORT'];
  const app = await startApp(cleanup, { app: 'standalone', name: 'standalone', folder, databaseUrl, ports });
  const startSeconds = await app.ready();
  const [commandOrigin = '', queryOrigin = ''] = app.origins;
  return { pid: app.pid, commandOrigin, queryOrigin, startSeconds, stop: () => app.stop() };
};
