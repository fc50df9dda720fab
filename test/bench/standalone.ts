import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import { startApp } from './app';
import type { Cleanup } from './cleanup';

/** Nobody is connected to them, and no simulator is brought along that would take its share of the machine. */
const REAL_BROKERS = Object.fromEntries(BROKER_NAMES.map((name) => [name, 'real'])) as Record<BrokerName, string>;

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
export const startStandalone = async (
  cleanup: Cleanup,
  folder: string,
  databaseUrl: string,
  brokerUrls: Readonly<Record<BrokerName, string>> = REAL_BROKERS,
): Promise<Standalone> => {
  const app = await startApp(cleanup, {
    app: 'standalone',
    name: 'standalone',
    folder,
    databaseUrl,
    ports: ['COMMAND_PORT', 'QUERY_PORT'],
    environment: Object.fromEntries(BROKER_NAMES.map((name) => [`${name.toUpperCase()}_URL`, brokerUrls[name]])),
  });
  const startSeconds = await app.ready();
  const [commandOrigin = '', queryOrigin = ''] = app.origins;
  return { pid: app.pid, commandOrigin, queryOrigin, startSeconds, stop: () => app.stop() };
};
