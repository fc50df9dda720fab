import { createServer, type Server, type Socket } from 'node:net';
import { until } from './hot-state.contract';
import { openHotState } from './hot-state.module';
import { InProcessHotState } from './hot-state-in-process';
import { HotStateError, RedisHotState } from './hot-state-redis';
import { createLogger } from './logging';
import { registry } from './metrics';

const lines: string[] = [];
const logger = createLogger({ name: 'test', level: 'trace', destination: { write: (line) => void lines.push(line) } });

/** A server on a free port that says to whoever connects what it is told to, and nothing else. */
const aServer = async (
  greeting?: string,
): Promise<{ port: number; connections: () => { made: number; open: number }; close(): Promise<void> }> => {
  let made = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    made += 1;
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    if (greeting !== undefined) socket.on('data', () => socket.write(greeting));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connections: () => ({ made, open: sockets.size }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

describe('the hot state', () => {
  it("is the process's own without a Redis, and is up", async () => {
    const state = await openHotState({ logger });
    expect(state).toBeInstanceOf(InProcessHotState);
    expect(await registry.getSingleMetricAsString('coordinator_hot_state_up')).toMatch(/_up 1$/m);
  });

  it('fails at start, in one line without the password, when nobody listens', async () => {
    const server = await aServer();
    await server.close();
    const opened = openHotState({ redisUrl: `redis://me:hush-hush@127.0.0.1:${String(server.port)}/1`, logger });
    const error: unknown = await opened.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HotStateError);
    expect(String(error)).toMatch(
      new RegExp(
        `^HotStateError: Redis at redis://127.0.0.1:${String(server.port)} does not answer: [^\\n]*ECONNREFUSED`,
      ),
    );
    expect(JSON.stringify([String(error), lines])).not.toContain('hush-hush');
  });

  it.each([
    ['says nothing', undefined, 'the first answer took longer than 300 ms'],
    ['speaks another language', 'HTTP/1.1 400 Bad Request\r\n\r\n', ''],
    ['lets nobody in', '-NOAUTH Authentication required.\r\n', 'NOAUTH Authentication required.'],
  ])('fails at start when the server %s', async (_, greeting, reason) => {
    const server = await aServer(greeting);
    const url = `redis://127.0.0.1:${String(server.port)}`;
    await expect(RedisHotState.open({ url, logger, startTimeoutMs: 300 })).rejects.toMatchObject({
      name: 'HotStateError',
      message: expect.stringMatching(/^[^\n]+$/) as unknown,
    });
    await expect(RedisHotState.open({ url, logger, startTimeoutMs: 300 })).rejects.toThrow(
      `Redis at ${url} does not answer: ${reason}`,
    );
    await server.close();
  });

  it('leaves no connection behind when the start is given up while one is being made', async () => {
    const server = await aServer('+OK\r\n+OK\r\n+OK\r\n'); // to HELLO and two CLIENT SETINFO
    const url = `redis://127.0.0.1:${String(server.port)}`;
    const opened = RedisHotState.open({ url, logger, startTimeoutMs: 1 });
    const busyUntilMs = performance.now() + 20; // so that the deadline comes before the connection
    while (performance.now() < busyUntilMs);
    try {
      await expect(opened).rejects.toThrow('the first answer took longer than 1 ms');
      await until('the connection was made', () => server.connections().made === 1);
      await until('the connection is gone', () => server.connections().open === 0);
    } finally {
      await server.close();
    }
  }, 60_000);

  it.each([
    'redis://me:hush-hush@cache:6379/first',
    'redis://me:%E0%A4%A@cache',
    'http://me:hush-hush@cache',
    'hush-hush',
  ])('refuses a URL that is none of a Redis without repeating it: %s', async (redisUrl) => {
    const error: unknown = await openHotState({ redisUrl, logger }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HotStateError);
    expect(String(error)).toMatch(/^HotStateError: REDIS_URL cannot be used: [^\n]+$/);
    expect(JSON.stringify([error, String(error)])).not.toContain('hush-hush');
  });
});
