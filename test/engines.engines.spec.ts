import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { Kafka, logLevel } from 'kafkajs';
import { findProcess } from '#platform/running-process';
import { needsOwnKafka } from './support/kafka';
import { needsOwnRedis } from './support/redis';

const root = resolve(__dirname, '..');

const eventually = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  const giveUpAt = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error('not within 30 s');
    await sleep(20);
  }
};

interface Run {
  /** What it prints once its server is ready. */
  readonly line: Promise<string>;
  readonly exit: Promise<number | null>;
  kill(): void;
  stderr(): string;
}

const children: ChildProcess[] = [];

/** Runs a server through its script, as the helpers for tests do. */
const runScript = (script: string, ...args: string[]): Run => {
  const child = spawn(process.execPath, [join(root, script), 'run', '--json', ...args]);
  children.push(child);
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += String(data)));
  return {
    line: new Promise((settle, reject) => {
      createInterface({ input: child.stdout }).once('line', settle);
      child.once('close', () => {
        reject(new Error(`it ended: ${stderr}`));
      });
    }),
    exit: new Promise((settle) => child.once('close', settle)),
    kill: () => child.kill('SIGKILL'),
    stderr: () => stderr,
  };
};

/** Of a test that failed half-way. */
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGTERM');
});

const aTakenPort = async (): Promise<{ port: number; free(): void }> => {
  const server = createServer();
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, free: () => server.close() };
};

needsOwnKafka('a Kafka without containers', (kafka) => {
  const client = (): Kafka => new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING });

  it('answers as one broker that makes no topic by itself', async () => {
    const admin = client().admin();
    await admin.connect();
    expect((await admin.describeCluster()).brokers).toHaveLength(1);
    await expect(admin.fetchTopicMetadata({ topics: ['never-made'] })).rejects.toThrow(/does not host/);
    await admin.disconnect();
  });

  it('has after SIGKILL the same address and what it had acknowledged', async () => {
    const { brokers, pid } = kafka;
    const admin = client().admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }], waitForLeaders: true });
    const producer = client().producer();
    await producer.connect();
    await producer.send({ topic: 'kept', acks: -1, messages: [{ key: 'a', value: '1', partition: 2 }] });
    await producer.disconnect();
    await admin.disconnect();

    await kafka.kill();
    expect(findProcess(pid)).toBeUndefined();
    await kafka.start();

    expect(kafka.brokers).toBe(brokers);
    expect(kafka.pid).not.toBe(pid);
    const again = client().admin();
    await again.connect();
    const offsets = await again.fetchTopicOffsets('kept');
    expect(offsets.map(({ partition, high }) => [partition, high]).sort()).toEqual([
      [0, '0'],
      [1, '0'],
      [2, '1'],
    ]);
    await again.disconnect();
  }, 180_000);

  it('refuses a port that another program has, in one line', async () => {
    const taken = await aTakenPort();
    const dir = mkdtempSync(join(tmpdir(), 'coordinator-kafka-'));
    const run = runScript('scripts/infra/kafka.mjs', '--dir', dir, '--port', String(taken.port));
    await expect(run.line).rejects.toThrow(/it ended/);
    expect(await run.exit).toBe(1);
    expect(run.stderr().trim()).toBe(`port ${String(taken.port)} for Kafka is taken by another program`);
    taken.free();
    rmSync(dir, { recursive: true });
  }, 60_000);
});

needsOwnRedis('a Redis without containers', (redis) => {
  const ask = async (command: string[]): Promise<unknown> => {
    const client = createClient({ url: redis.url });
    client.on('error', () => undefined);
    await client.connect();
    const answer = await client.sendCommand(command);
    client.destroy();
    return answer;
  };

  it('has after SIGKILL the same address and nothing else', async () => {
    const { url } = redis;
    await ask(['SET', 'a', '1']);
    expect(await ask(['GET', 'a'])).toBe('1');
    await redis.kill();
    await redis.start();
    expect(redis.url).toBe(url);
    expect(await ask(['GET', 'a'])).toBeNull();
  }, 60_000);

  it('ends with the one who runs it, even when that one is killed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'coordinator-redis-'));
    const run = runScript('scripts/infra/redis.mjs', '--dir', dir);
    const { pid } = JSON.parse(await run.line) as { pid: number };
    expect(findProcess(pid)?.commandLine).toContain(dir);
    run.kill();
    await eventually(() => findProcess(pid) === undefined);
    rmSync(dir, { recursive: true });
  }, 60_000);

  it('takes another port when its last one was taken by another program meanwhile', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'coordinator-redis-'));
    const first = runScript('scripts/infra/redis.mjs', '--dir', dir);
    const before = JSON.parse(await first.line) as { url: string; pid: number };
    first.kill();
    await eventually(() => findProcess(before.pid) === undefined);
    const squatter = createServer();
    // The system may give the port back a moment after its last owner is gone.
    await eventually(async () => {
      squatter.listen(Number(new URL(before.url).port), '127.0.0.1');
      return once(squatter, 'listening').then(
        () => true,
        () => false,
      );
    });

    const second = runScript('scripts/infra/redis.mjs', '--dir', dir);
    const after = JSON.parse(await second.line) as { url: string; pid: number };
    expect(after.url).not.toBe(before.url);

    second.kill();
    await eventually(() => findProcess(after.pid) === undefined);
    squatter.close();
    rmSync(dir, { recursive: true });
  }, 60_000);

  it('is taken over, not doubled, by a second one who runs it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'coordinator-redis-'));
    const first = runScript('scripts/infra/redis.mjs', '--dir', dir);
    const line = await first.line;
    const second = runScript('scripts/infra/redis.mjs', '--dir', dir);
    expect(JSON.parse(await second.line)).toEqual(JSON.parse(line));
    first.kill();
    second.kill();
    const { pid } = JSON.parse(line) as { pid: number };
    await eventually(() => findProcess(pid) === undefined);
    rmSync(dir, { recursive: true });
  }, 60_000);
});
