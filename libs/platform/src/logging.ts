/**
 * Structured logs: one JSON object per line on standard output, with the correlation id of the request being served.
 *
 * Pino is used directly instead of through a middleware that makes a child logger for each request: a logged line
 * looks up its correlation id, a request that logs nothing pays nothing.
 */

import type { LoggerService } from '@nestjs/common';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './config';
import { currentContext } from './request-context';

export type { Logger } from 'pino';

/** Injects the process's logger. */
export const LOGGER = Symbol('Logger');

export interface LoggerOptions {
  /** The process: `command`, `query`, `standalone`, … */
  readonly name: string;
  readonly level: LogLevel;
  /** Standard output unless given. */
  readonly destination?: DestinationStream;
}

const secrets = [
  'authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'apiKey',
  'password',
  'passwordHash',
  'secret',
  'jwtSecret',
  'token',
  'accessToken',
  'refreshToken',
];

/** A logger for one process. Secrets are blotted out by name down to three levels deep. */
export const createLogger = ({ name, level, destination }: LoggerOptions): Logger =>
  pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.isoTime,
      mixin: () => currentContext() ?? {},
      redact: {
        paths: ['', '*', '*.*'].flatMap((prefix) => secrets.map((secret) => `${prefix}["${secret}"]`)),
        censor: '[redacted]',
      },
      serializers: { err: describeError },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  );

/** Message, code and stack only: errors of database drivers also carry the query's parameters. */
const describeError = (error: unknown, depth = 0): unknown => {
  if (!isError(error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(code !== undefined && { code }),
    ...(error.cause !== undefined && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  };
};

const isError = (value: unknown): value is Error =>
  typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;

/** What Nest tells about every route and module of each start. */
const isChatter = (context: unknown): boolean =>
  ['InstanceLoader', 'NestApplication', 'NestFactory', 'RouterExplorer', 'RoutesResolver'].some(
    (name) => name === context,
  );

/** Nest's own lines (and those of `new Logger(name)` from `@nestjs/common`) through pino. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log = (message: unknown, ...rest: unknown[]): void =>
    this.write(isChatter(rest.at(-1)) ? 'debug' : 'info', message, rest);
  error = (message: unknown, ...rest: unknown[]): void => this.write('error', message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.write('warn', message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => this.write('debug', message, rest);
  verbose = (message: unknown, ...rest: unknown[]): void => this.write('trace', message, rest);
  fatal = (message: unknown, ...rest: unknown[]): void => this.write('fatal', message, rest);

  /** Nest passes `(message, stack?, context?)`: what comes last and is a plain name is the context. */
  private write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    if (!this.logger.isLevelEnabled(level)) return;
    const last = rest.at(-1);
    const named = typeof last === 'string' && !last.includes('\n');
    const details = (named ? rest.slice(0, -1) : rest).filter((detail) => detail !== undefined);
    const fields: Record<string, unknown> = named ? { context: last } : {};
    if (details.length > 0) fields['details'] = details;
    if (isError(message)) this.logger[level]({ ...fields, err: message });
    else if (typeof message === 'object' && message !== null) this.logger[level]({ ...fields, ...message });
    else this.logger[level](fields, String(message));
  }
}
