import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cleanup } from './cleanup';

const SCRIPTS = join(__dirname, '../../../scripts/infra');
const FIND_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 150_000;
const STOP_TIMEOUT_MS = 60_000;

/** A server that the distributed profile needs, and what its script prints as its address. */
const KINDS = {
  Kafka: { script: 'kafka.mjs', address: 'brokers' },
  Redis: { script: 'redis.mjs', address: 'url' },
} as const;
export type EngineName = keyof typeof KINDS;

export interface Engine {
  readonly name: EngineName;
  readonly address: string;
  /** Process id of the server itself. */
  readonly pid: number;
  /** Where it keeps what it stores. */
  readonly folder: string;
}

/** What this machine lacks, told in one line. */
export class EngineMissing extends Error {
  override readonly name = 'EngineMissing';
}

/** @throws EngineMissing naming all of these that cannot be started here, with how to get them. */
export const requireEngines = (...names: readonly EngineName[]): void => {
  const missing = names.flatMap((name) => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(SCRIPTS, KINDS[name].script), 'find', '--json'], {
      encoding: 'utf8',
      timeout: FIND_TIMEOUT_MS,
    });
    const found: unknown = stdout.startsWith('{')
      ? JSON.parse(stdout)
      : { missing: `cannot be found: ${stderr.trim()}` };
    const reason = fieldOf(found, 'missing');
    return reason === undefined ? [] : [`${name}: ${typeof reason === 'string' ? reason : JSON.stringify(reason)}`];
  });
  if (missing.length > 0) throw new EngineMissing(`the distributed profile needs ${missing.join('; ')}`);
};

/** Starts a server of this run's own. It ends with this process, whatever becomes of that. */
export const startEngine = async (cleanup: Cleanup, name: EngineName, folder: string): Promise<Engine> => {
  const { script, address } = KINDS[name];
  let stop: () => Promise<void> = () => Promise.resolve();
  cleanup.add(() => stop());
  // Not in our process group: Ctrl-C is for us to handle, in order.
  const runner = spawn(process.execPath, [join(SCRIPTS, script), 'run', '--dir', folder, '--json'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(runner, 'close');
  stop = async () => {
    if (runner.exitCode !== null || runner.signalCode !== null) return;
    runner.kill('SIGTERM');
    const kill = setTimeout(() => runner.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(kill);
  };
  let said = '';
  runner.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const line = once(createInterface({ input: runner.stdout }), 'line', {
    signal: AbortSignal.timeout(START_TIMEOUT_MS),
  });
  line.catch(() => undefined); // when the server has ended before
  const first: readonly unknown[] = await Promise.race([
    line,
    ended.then(() => Promise.reject(new Error(`${name} did not start: ${said.trim()}`))),
  ]);
  const told: unknown = JSON.parse(String(first[0]));
  return { name, address: String(fieldOf(told, address)), pid: Number(fieldOf(told, 'pid')), folder };
};

const fieldOf = (document: unknown, name: string): unknown =>
  typeof document === 'object' && document !== null ? (document as Record<string, unknown>)[name] : undefined;
