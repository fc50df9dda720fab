import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { needsOwnRedis, needsRedis } from '../../../test/support/redis';
import { hotStateContract, until } from './hot-state.contract';
import { RedisHotState } from './hot-state-redis';
import { createLogger } from './logging';
import { registry } from './metrics';

jest.setTimeout(90_000);

const MINUTE_MS = 60_000;
const once = { max: 1, windowMs: MINUTE_MS };

needsRedis('hot state in a Redis', (redis) => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  hotStateContract(() => RedisHotState.open({ url: redis.url, logger }));

  it('is shared by all who open it', async () => {
    const key = `test-${randomUUID()}`;
    const [one, two] = await Promise.all([
      RedisHotState.open({ url: redis.url, logger }),
      RedisHotState.open({ url: redis.url, logger }),
    ]);
    await one.set(key, 'told', MINUTE_MS);
    expect(await two.get(key)).toBe('told');
    expect(await one.hit(key, once)).toMatchObject({ allowed: true });
    expect(await two.hit(key, once)).toMatchObject({ allowed: false });
    expect(await one.slide(key, [once], 1)).toMatchObject({ allowed: true });
    expect(await two.slide(key, [once], 1)).toMatchObject({ allowed: false });
    await Promise.all([one.close(), two.close()]);
  });

  it('slides for all together: many who ask in turns never get more than one would', async () => {
    const key = `test-${randomUUID()}`;
    const all = await Promise.all(Array.from({ length: 4 }, () => RedisHotState.open({ url: redis.url, logger })));
    const made: { readonly before: number; readonly after: number }[] = [];
    let asked = 0;
    await until('sixteen hits were let through', async () => {
      const before = performance.now();
      const hit = await all[asked++ % all.length]?.slide(key, [{ max: 4, windowMs: 100 }], 1);
      if (hit?.allowed) made.push({ before, after: performance.now() });
      return made.length === 16;
    });
    for (const [n, { before }] of made.entries())
      expect((made[n + 4]?.after ?? Infinity) - before).toBeGreaterThanOrEqual(98);
    await Promise.all(all.map((state) => state.close()));
  });
});

needsOwnRedis('hot state when its Redis fails', (redis) => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'trace',
    destination: { write: (line) => void lines.push(line) },
  });
  const told = (part: string): number => lines.filter((line) => line.includes(part)).length;
  const isUp = async (): Promise<boolean> =>
    /_up 1$/m.test(await registry.getSingleMetricAsString('coordinator_hot_state_up'));
  const errorsOf = async (operation: string): Promise<number> => {
    const text = await registry.getSingleMetricAsString('coordinator_hot_state_errors_total');
    return Number(new RegExp(`operation="${operation}"} (\\d+)`).exec(text)?.[1] ?? 0);
  };
  let state: RedisHotState;

  beforeEach(async () => {
    lines.length = 0;
    state = await RedisHotState.open({ url: redis.url, logger });
    expect(lines).toEqual([]);
  });
  afterEach(() => state.close());

  /** Somebody else at the server. */
  const ask = async (command: string[], url = redis.url): Promise<unknown> => {
    const client = createClient({ url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  };
  /** The connections that a hot state holds, by their ids. */
  const connections = async (): Promise<string[]> => {
    const clients = String(await ask(['CLIENT', 'LIST'])).split('\n');
    return clients.filter((line) => line.includes('name=coordinator')).map((line) => line.split(' ')[0] ?? '');
  };
  /** How often the server was asked this since its figures were reset. */
  const callsOf = async (command: string): Promise<number> =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(String(await ask(['INFO', 'commandstats'])))?.[1] ?? 0);
  /** What a caller sees of a hot state that is away: answers, of this process alone. */
  const isAlone = async (): Promise<void> => {
    const key = randomUUID();
    await state.set(key, 'dropped', MINUTE_MS);
    expect(await state.get(key)).toBeUndefined();
    expect(await state.hit(key, once)).toMatchObject({ allowed: true });
    expect(await state.hit(key, once)).toMatchObject({ allowed: false });
  };
  const isShared = async (): Promise<boolean> => {
    const key = randomUUID();
    await state.set(key, 'kept', MINUTE_MS);
    return (await state.get(key)) === 'kept';
  };

  it('names its keys alike, and none lives for ever', async () => {
    await ask(['FLUSHALL']);
    await state.set('a', 'b', MINUTE_MS);
    await state.hit('a', once);
    await state.slide('a', [{ ...once, name: 'b' }], 1);
    const keys = (await ask(['KEYS', '*'])) as string[];
    expect(keys.sort()).toEqual(['coordinator:slide:["a","b",60000]', 'coordinator:value:a', 'coordinator:window:a']);
    for (const key of keys) expect(Number(await ask(['PTTL', key]))).toBeGreaterThan(0);
  });

  it('loses everything with FLUSHALL and goes on', async () => {
    await state.set('a', 'b', MINUTE_MS);
    await state.hit('flushed', once);
    await ask(['FLUSHALL']);
    expect(await state.get('a')).toBeUndefined();
    expect(await state.hit('flushed', once)).toMatchObject({ allowed: true });
    expect(await isShared()).toBe(true);
    expect(lines).toEqual([]);
  });

  it('knows at least its own hits when the server has forgotten them, or is gone', async () => {
    const key = randomUUID();
    const two = [{ max: 2, windowMs: MINUTE_MS }];
    expect(await state.slide(key, two, 1)).toMatchObject({ allowed: true });
    await ask(['FLUSHALL']);
    expect(await state.slide(key, two, 2)).toMatchObject({ allowed: false });
    await redis.kill();
    await until('the loss was noticed', async () => !(await isUp()));
    expect(await state.slide(key, two, 1)).toMatchObject({ allowed: true });
    expect(await state.slide(key, two, 1)).toMatchObject({ allowed: false });
    await redis.start();
    await until('it is shared again', isShared);
    expect(await state.slide(key, two, 1)).toMatchObject({ allowed: false });
  });

  it('holds hits that lie in the future for one window, when the clock of the server has gone back', async () => {
    const inAnHour = String(Date.now() + 60 * MINUTE_MS);
    await ask(['RPUSH', 'coordinator:slide:["back","",60000]', inAnHour, inAnHour]);
    const { allowed, retryAfterMs } = await state.slide('back', [{ max: 2, windowMs: MINUTE_MS }], 1);
    expect(allowed).toBe(false);
    expect(retryAfterMs).toBeLessThanOrEqual(MINUTE_MS);
    expect(await state.slide('back', [{ max: 3, windowMs: MINUTE_MS }], 1)).toMatchObject({ allowed: true });
  });

  it('takes what another program put under its keys for a miss', async () => {
    await ask(['LPUSH', 'coordinator:value:list', 'a']);
    await ask(['SET', 'coordinator:window:words', 'no number']);
    await ask(['SET', 'coordinator:slide:["words","",60000]', 'no list']);
    expect(await state.get('list')).toBeUndefined();
    expect(await state.hit('words', once)).toMatchObject({ allowed: true });
    expect(await state.hit('words', once)).toMatchObject({ allowed: false });
    expect(await state.slide('words', [once], 1)).toMatchObject({ allowed: true });
    expect(await state.slide('words', [once], 1)).toMatchObject({ allowed: false });
    expect(told('Redis refuses a command')).toBe(1);
    expect(await isShared()).toBe(true);
  });

  it('drops values while the server is full, says so once, and is up all the same', async () => {
    await ask(['CONFIG', 'SET', 'maxmemory', '1']);
    try {
      const before = await errorsOf('set');
      for (let n = 0; n < 5; n += 1) await state.set('a', String(n), MINUTE_MS);
      expect(await errorsOf('set')).toBe(before + 5);
      expect(told('Redis refuses a command')).toBe(1);
      expect(told('OOM')).toBe(1);
      expect(await isUp()).toBe(true);
    } finally {
      await ask(['CONFIG', 'SET', 'maxmemory', '0']);
    }
  });

  it('is alone while the server is dead, and shared again when it is back: told once each', async () => {
    expect(await isUp()).toBe(true);
    const before = await errorsOf('get');
    const calls = Array.from({ length: 100 }, (_, n) =>
      Promise.all([state.get(String(n)), state.set(String(n), 'x', MINUTE_MS), state.hit(String(n), once)]),
    );
    await redis.kill();
    await Promise.all(calls);
    await until('the loss was noticed', async () => !(await isUp()));
    await isAlone();
    await isAlone();
    expect(await errorsOf('get')).toBeGreaterThanOrEqual(before + 2);
    await redis.start();
    await until('it is shared again', isShared);
    expect(await isUp()).toBe(true);
    expect(told('"level":"warn"')).toBe(1);
    expect(told('Redis is lost')).toBe(1);
    expect(told('"level":"info"')).toBe(1);
    expect(told('the hot state is shared again')).toBe(1);
  });

  it('may be closed while the server is dead', async () => {
    const other = await RedisHotState.open({ url: redis.url, logger });
    await redis.kill();
    await until('the loss was noticed', () => told('Redis is lost') === 2);
    await other.close();
    await redis.start();
    await until('it is shared again', isShared);
    expect(told('the hot state is shared again')).toBe(1);
    // Neither the one that was closed, nor a connection it was making.
    await until('one connection is left, and ours', async () => (await connections()).length === 1);
  });

  it('waits once for a server that has fallen silent, and notices when it speaks again', async () => {
    await ask(['CONFIG', 'RESETSTAT']);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      await isAlone();
      expect(await isUp()).toBe(false);
      expect(told('took longer than 500 ms')).toBe(1);
      await Promise.all(Array.from({ length: 100 }, () => state.get('a')));
      expect(told('Redis is lost')).toBe(1);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    expect(await callsOf('get')).toBe(0); // nobody waited: they were not even sent
    expect(await callsOf('set')).toBe(1);
    await until('it is shared again', isShared);
    expect(told('the hot state is shared again')).toBe(1);
  });

  it('asks an idle connection whether it still lives', async () => {
    await ask(['CONFIG', 'RESETSTAT']);
    await until('it was asked', async () => (await callsOf('ping')) >= 3);
    expect(lines).toEqual([]);
  });

  it('gives a silent connection up and makes another', async () => {
    const before = await connections();
    expect(before).toEqual([expect.stringMatching(/^id=\d+$/)]);
    process.kill(redis.pid, 'SIGSTOP');
    try {
      await isAlone();
      await new Promise((resolve) => setTimeout(resolve, 6_000)); // beyond what a silence may last
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await until('it is shared again', isShared);
    await until('the connection is another', async () => {
      const after = await connections();
      return after.length === 1 && after[0] !== before[0];
    });
  });

  it('never tells the password, neither when it is right nor when it is wrong', async () => {
    await ask(['CONFIG', 'SET', 'requirepass', 'hush-hush']);
    const withPassword = (password: string): string => redis.url.replace('//', `//:${password}@`);
    try {
      const open = (password: string) => RedisHotState.open({ url: withPassword(password), logger });
      const wrong: unknown = await open('shush-hush').catch((error: unknown) => error);
      expect(String(wrong)).toMatch(/^HotStateError: Redis at redis:\/\/127\.0\.0\.1:\d+ does not answer: WRONGPASS/);
      logger.error({ err: wrong }, 'start failed');
      const right = await open('hush-hush');
      await right.set('a', 'b', MINUTE_MS);
      expect(await right.get('a')).toBe('b');
      await ask(['CONFIG', 'SET', 'requirepass', 'another'], withPassword('hush-hush'));
      await ask(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'], withPassword('another'));
      await until('the loss was noticed', () => told('Redis is lost') > 0);
      await right.close();
      expect(lines.join()).not.toContain('hush-hush');
    } finally {
      await ask(['CONFIG', 'SET', 'requirepass', ''], withPassword('another')).catch(() =>
        ask(['CONFIG', 'SET', 'requirepass', ''], withPassword('hush-hush')),
      );
    }
  });
});
