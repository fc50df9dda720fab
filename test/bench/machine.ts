import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem, type as system } from 'node:os';
import type { Client } from 'pg';

/** Where the figures come from: without this they mean nothing. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly node: string;
  readonly postgres: string;
  readonly kernel: string;
  /** With `+` when the working tree differs from it. */
  readonly commit: string;
}

export const describeMachine = async (client: Client): Promise<Machine> => {
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    postgres: `PostgreSQL ${rows[0]?.server_version ?? 'unknown'}`,
    kernel: `${system()} ${release()}`,
    commit: commitOf(),
  };
};

const commitOf = (): string => {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: __dirname,
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`;
  } catch {
    return 'unknown'; // no git, or no repository: a release that was unpacked
  }
};
