import { Logger as NestNamedLogger } from '@nestjs/common';
import { createLogger, NestLogger } from './logging';
import { addWait, correlationId, correlationIdOf, runInContext } from './request-context';

const loggerInto = (lines: Record<string, unknown>[], level: 'info' | 'debug' = 'info') =>
  createLogger({
    name: 'test',
    level,
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });

describe('a log line', () => {
  let lines: Record<string, unknown>[];
  beforeEach(() => (lines = []));

  it('says when, how serious, and which process', () => {
    loggerInto(lines).info({ orders: 3 }, 'placed');
    expect(lines).toEqual([expect.objectContaining({ level: 'info', name: 'test', orders: 3, msg: 'placed' })]);
    expect(lines[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('carries the correlation id of the request being served, across awaits', async () => {
    const logger = loggerInto(lines);
    await runInContext({ correlationId: 'abc' }, async () => {
      await Promise.resolve();
      addWait('broker', 1);
      logger.info('inside');
    });
    logger.info('outside');
    expect(lines.map((line) => line['correlationId'])).toEqual(['abc', undefined]);
    expect(lines[0]).not.toHaveProperty('waits');
  });

  it.each(['authorization', 'x-api-key', 'cookie', 'password', 'refreshToken', 'accessToken', 'jwtSecret'])(
    'never shows %s',
    (name) => {
      const logger = loggerInto(lines);
      logger.info({ [name]: 'hush' });
      logger.info({ headers: { [name]: 'hush' } });
      logger.info({ req: { headers: { [name]: 'hush' } } });
      expect(lines).toHaveLength(3);
      expect(JSON.stringify(lines)).not.toContain('hush');
      expect(JSON.stringify(lines[2])).toContain('[redacted]');
    },
  );

  it('shows an error with its cause and code, but not what the driver hung on it', () => {
    const cause = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'hush' });
    const error = Object.assign(new Error('cannot save', { cause }), { parameters: ['hush'] });
    loggerInto(lines).error({ err: error }, 'failed');
    expect(lines[0]?.['err']).toMatchObject({
      type: 'Error',
      message: 'cannot save',
      stack: expect.any(String),
      cause: { message: 'duplicate key', code: '23505' },
    });
    expect(JSON.stringify(lines)).not.toContain('hush');
  });

  it('written by Nest names its context', () => {
    const nest = new NestLogger(loggerInto(lines));
    nest.log('started', 'Orders');
    nest.log('Mapped {/orders, POST} route', 'RouterExplorer');
    nest.error('failed', 'Error: failed\n    at here', 'Router');
    nest.error(new Error('thrown'), 'Router');
    nest.debug('too much', 'Router');
    nest.log({ event: 'odd' });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'info', context: 'Orders', msg: 'started' }),
      expect.objectContaining({ level: 'error', context: 'Router', msg: 'failed', details: [expect.any(String)] }),
      expect.objectContaining({
        level: 'error',
        context: 'Router',
        err: expect.objectContaining({ message: 'thrown' }),
      }),
      expect.objectContaining({ level: 'info', event: 'odd' }),
    ]);
  });

  it('comes from any named Nest logger too', () => {
    NestNamedLogger.overrideLogger(new NestLogger(loggerInto(lines)));
    new NestNamedLogger('Orders').warn('careful');
    NestNamedLogger.overrideLogger(false);
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', context: 'Orders', msg: 'careful' })]);
  });
});

describe('a correlation id', () => {
  it('is the one the client brought', () => expect(correlationIdOf('order-42.retry_1')).toBe('order-42.retry_1'));

  it.each([undefined, '', 'a b', 'a\nb', 'ä', '<script>', 'x'.repeat(65), ['a', 'b']])(
    'is made anew for %j',
    (header) => {
      expect(correlationIdOf(header)).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    },
  );

  it('exists for work that no request asked for', () => {
    expect(correlationId()).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(runInContext({ correlationId: 'mine' }, correlationId)).toBe('mine');
  });
});
