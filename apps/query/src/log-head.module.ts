import type { EventLog } from '#event-log/event-log';
import { openEventLog } from '#event-log/event-log.module';
import type { Platform } from '#platform/platform.module';
import type { OnStop } from '#platform/run';
import type { LogHead } from './consistency';

/**
 * Asks the event log how far it has come. It is opened when somebody asks for the first time: most who read never do, and a
 * process that only reads tables starts without the log.
 */
export const logHeadOf = ({ config, logger }: Platform, databaseUrl: string, onStop: OnStop): LogHead => {
  let log: Promise<EventLog> | undefined;
  const open = (): Promise<EventLog> => {
    const opening = openEventLog({ eventStoreUrl: config.eventStoreUrl, databaseUrl, logger });
    opening.catch(() => {
      if (log === opening) log = undefined; // whoever asks next tries again
    });
    return opening;
  };
  onStop(async () => {
    const opened = await log?.catch(() => undefined); // one that could not be opened needs no end
    await opened?.close();
  });
  return async () => (await (log ??= open())).head();
};
