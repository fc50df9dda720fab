import type { MessagingLogger } from './kafka-client';

/** For specs: says nothing. `MESSAGING_LOG=1` makes it talk. */
const write =
  (level: string) =>
  (details: object, message: string): void => {
    if (process.env['MESSAGING_LOG'] === '1') {
      process.stderr.write(`${new Date().toISOString()} ${level} ${message} ${JSON.stringify(details, readable)}\n`);
    }
  };

const readable = (_name: string, value: unknown): unknown => (value instanceof Error ? value.message : value);

export const silent: MessagingLogger = {
  debug: write('debug'),
  info: write('info'),
  warn: write('warn'),
  error: write('error'),
};
