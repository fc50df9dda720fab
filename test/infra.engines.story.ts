import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { findProcess } from '#platform/running-process';
import { ensureBuilt, makeDataDir, removeDataDir, root } from './support/workspace';
import { needsInstalled } from './support/engines';
import { kafka } from './support/kafka';
import { redis } from './support/redis';

const STEP_TIMEOUT_MS = 180_000;

interface Up {
  readonly environment: Readonly<Record<'KAFKA_BROKERS' | 'REDIS_URL' | 'DATABASE_URL', string>>;
  readonly processes: Readonly<Record<'kafka' | 'redis' | 'postgres', number>>;
  readonly missing: Readonly<Record<string, string>>;
}

needsInstalled('infra:up and infra:down', [kafka, redis], () => {
  let dir: string;
  const infra = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [join(root, 'scripts/infra/infra.mjs'), ...args, '--dir', dir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const run = (...args: string[]): Promise<{ stdout: string; stderr: string; exitCode: number | null }> => {
    const child = infra(...args);
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (data) => (stdout += String(data)));
    child.stderr?.on('data', (data) => (stderr += String(data)));
    return new Promise((settle) => {
      child.once('close', (exitCode) => {
        settle({ stdout, stderr, exitCode });
      });
    });
  };
  const up = async (): Promise<Up> => {
    const { stdout, stderr, exitCode } = await run('up', '--json');
    if (exitCode !== 0) throw new Error(`infra:up ended with ${String(exitCode)}: ${stderr}`);
    return JSON.parse(stdout) as Up;
  };
  const runs = (pid: number): boolean => findProcess(pid) !== undefined;
  const sql = async ({ environment }: Up, text: string): Promise<unknown[]> => {
    const client = new Client({ connectionString: environment.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(text);
    await client.end();
    return rows;
  };

  beforeAll(() => {
    ensureBuilt();
    dir = makeDataDir();
  }, 300_000);
  afterAll(async () => {
    await run('down', '--clean');
    removeDataDir(dir);
  }, STEP_TIMEOUT_MS);

  it(
    'starts all three once, also when asked twice at once and again',
    async () => {
      const [first, second] = await Promise.all([up(), up()]);
      expect(second).toEqual(first);
      expect(await up()).toEqual(first);
      expect(Object.values(first.processes).map(runs)).toEqual([true, true, true]);
      expect(Object.keys(first.missing)).toEqual(['eventstore']);
      await sql(first, 'create table kept as select 42 as answer');
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'prints lines for a shell',
    async () => {
      const { environment } = await up();
      expect((await run('up')).stdout.trim().split('\n')).toEqual(
        Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`),
      );
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'brings back whatever was killed, at the same address and with what it had stored',
    async () => {
      const before = await up();
      for (const pid of Object.values(before.processes)) process.kill(pid, 'SIGKILL');
      const after = await up();
      expect(after.environment.KAFKA_BROKERS).toBe(before.environment.KAFKA_BROKERS);
      expect(after.environment.REDIS_URL).toBe(before.environment.REDIS_URL);
      expect(Object.values(after.processes)).not.toEqual(Object.values(before.processes));
      expect(await sql(after, 'select answer from kept')).toEqual([{ answer: 42 }]);
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'leaves a stranger alone that has the pid of a server by now',
    async () => {
      const before = await up();
      const stranger = spawn('sleep', ['600']);
      const pidFile = join(dir, 'redis/server.pid');
      const own = readFileSync(pidFile, 'utf8');
      writeFileSync(pidFile, String(stranger.pid));
      const { exitCode, stderr } = await run('down');
      expect(stderr).toContain('redis: did not run');
      expect(exitCode).toBe(0);
      expect(stranger.exitCode).toBeNull();
      expect(stranger.signalCode).toBeNull();
      expect(runs(before.processes.kafka)).toBe(false);
      expect(runs(before.processes.postgres)).toBe(false);

      writeFileSync(pidFile, own);
      expect((await run('down')).stderr).toContain('redis: stopped');
      expect(runs(before.processes.redis)).toBe(false);
      stranger.kill();
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'finds and stops what an infra:up that was killed half-way has left',
    async () => {
      const pidFile = join(dir, 'kafka/server.pid');
      const noted = (): string => (existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : '');
      const before = noted();
      const starter = infra('up');
      const giveUpAt = Date.now() + 60_000;
      while (noted() === '' || noted() === before) {
        if (Date.now() > giveUpAt) throw new Error('Kafka was not begun');
        await sleep(5);
      }
      const left = Number(noted());
      starter.kill('SIGKILL');
      expect(runs(left)).toBe(true);
      expect((await run('down')).exitCode).toBe(0);
      expect(runs(left)).toBe(false);
    },
    STEP_TIMEOUT_MS,
  );

  it(
    'keeps what was stored over down and up, and removes it with --clean',
    async () => {
      const again = await up();
      expect(await sql(again, 'select answer from kept')).toEqual([{ answer: 42 }]);
      expect((await run('down', '--clean')).exitCode).toBe(0);
      expect(Object.values(again.processes).map(runs)).toEqual([false, false, false]);
      expect(existsSync(dir)).toBe(false);
    },
    STEP_TIMEOUT_MS,
  );
});
