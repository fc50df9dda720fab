/**
 * Servers that a suite needs and a machine may lack. One that is named in the environment is used; else one is started
 * for the suite; else its tests are skipped by name, with the reason, or fail where `COORDINATOR_REQUIRE` lists it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(__dirname, '../..');
/** A JVM on a busy machine, after a kill. */
const START_TIMEOUT_MS = 150_000;
const STOP_TIMEOUT_MS = 60_000;
const FIND_TIMEOUT_MS = 60_000;

export interface EngineKind {
  /** As `COORDINATOR_REQUIRE` lists it: `kafka`. */
  readonly key: string;
  readonly name: string;
  /** Its variable in the environment. */
  readonly variable: string;
  /** Relative to the repository: a program with `find --json` and `run --dir DIR --json`. */
  readonly script: string;
  /** The field of what `run` prints. */
  readonly address: string;
}

/** A server on 127.0.0.1 that belongs to the test, and may be killed and started again on the same port and data. */
export class OwnEngine {
  #runner: ChildProcess | undefined;
  #said = '';
  #address: string | undefined;
  #pid: number | undefined;
  #dataDir: string | undefined;

  constructor(private readonly kind: EngineKind) {}

  /** Where it listens. The same after each start. */
  get address(): string {
    if (this.#address === undefined) throw new Error(`${this.kind.name} has not been started`);
    return this.#address;
  }

  /** Process id of the server itself. */
  get pid(): number {
    if (this.#pid === undefined) throw new Error(`${this.kind.name} does not run`);
    return this.#pid;
  }

  /** Resolves when it answers. Its data is what it was. */
  async start(): Promise<void> {
    if (this.#runner !== undefined) throw new Error(`${this.kind.name} runs already`);
    // Not before it is needed: of a suite whose tests are all left out nothing would remove it.
    this.#dataDir ??= mkdtempSync(join(tmpdir(), `coordinator-${this.kind.key}-`));
    const args = [join(root, this.kind.script), 'run', '--dir', this.#dataDir, '--json'];
    const runner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#runner = runner;
    this.#said = '';
    runner.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    const ready = new Promise<unknown>((settle, reject) => {
      createInterface({ input: runner.stdout }).once('line', (line) => {
        settle(JSON.parse(line));
      });
      runner.once('error', reject);
      runner.once('close', () => {
        reject(new Error(`${this.kind.name} did not start: ${this.#said.trim()}`));
      });
    });
    try {
      const told = await within(START_TIMEOUT_MS, `${this.kind.name} to be ready`, ready);
      this.#address = String(fieldOf(told, this.kind.address));
      this.#pid = Number(fieldOf(told, 'pid'));
    } catch (error) {
      runner.kill('SIGTERM');
      this.#runner = undefined;
      throw error;
    }
  }

  /** Ends it in order; `start` brings it back. */
  async stop(): Promise<void> {
    const exit = await this.#end((runner) => runner.kill('SIGTERM'));
    if (exit !== undefined && exit !== 0)
      throw new Error(`${this.kind.name} did not stop in order: ${this.#said.trim()}`);
  }

  /** As if the power had failed; `start` brings it back. */
  async kill(): Promise<void> {
    await this.#end(() => process.kill(this.pid, 'SIGKILL'));
  }

  /** Stops it, if it runs, and removes its data. */
  async remove(): Promise<void> {
    await this.stop();
    if (this.#dataDir !== undefined)
      rmSync(this.#dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    this.#dataDir = undefined;
  }

  async #end(ask: (runner: ChildProcess) => void): Promise<number | null | undefined> {
    const runner = this.#runner;
    if (runner === undefined) return undefined;
    const ended = new Promise<number | null>((settle) => {
      if (runner.exitCode !== null || runner.signalCode !== null) settle(runner.exitCode);
      else runner.once('close', settle);
    });
    ask(runner);
    const exit = await within(STOP_TIMEOUT_MS, `${this.kind.name} to end`, ended);
    this.#runner = undefined;
    this.#pid = undefined;
    return exit;
  }
}

/** What a suite talks to; known once its `beforeAll` has run. */
export interface EngineOfSuite {
  readonly address: string;
}

/** A suite that uses the engine beside others: its topics, groups and keys must bear names of their own. */
export const describeWith = (kind: EngineKind, suite: string, body: (engine: EngineOfSuite) => void): void => {
  const address = process.env[kind.variable];
  if (address !== undefined && address !== '') {
    describe(suite, () => {
      body({ address });
    });
  } else describeWithOwn(kind, suite, body);
};

/** A suite that kills and restarts the engine, or fills it: one of its own, whatever the environment names. */
export const describeWithOwn = (kind: EngineKind, suite: string, body: (engine: OwnEngine) => void): void => {
  needsInstalled(suite, [kind], () => {
    const engine = new OwnEngine(kind);
    beforeAll(() => engine.start(), START_TIMEOUT_MS);
    afterAll(() => engine.remove(), STOP_TIMEOUT_MS);
    body(engine);
  });
};

/** A suite that starts engines by itself. */
export const needsInstalled = (suite: string, kinds: readonly EngineKind[], body: () => void): void => {
  const required = (process.env['COORDINATOR_REQUIRE'] ?? '').split(',');
  const missing = kinds.flatMap((kind) => {
    const reason = missingFor(kind);
    return reason === undefined ? [] : [{ kind, reason }];
  });
  describe(suite, () => {
    if (missing.length === 0) body();
    for (const { kind, reason } of missing) {
      const needs = `needs ${kind.name}: ${reason}`;
      if (!required.includes(kind.key)) it.skip(needs, () => undefined);
      else
        it(needs, () => {
          throw new Error(`COORDINATOR_REQUIRE lists ${kind.key}, but ${reason}`);
        });
    }
  });
};

/** Why the engine cannot be started here, in one line; undefined when it can. */
export const missingFor = (kind: EngineKind): string | undefined => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, kind.script), 'find', '--json'], {
    encoding: 'utf8',
    timeout: FIND_TIMEOUT_MS,
  });
  if (status !== 0) return stderr.trim();
  const missing = fieldOf(JSON.parse(stdout), 'missing');
  if (missing === undefined) return undefined;
  return typeof missing === 'string' ? missing : JSON.stringify(missing);
};

const fieldOf = (document: unknown, name: string): unknown =>
  typeof document === 'object' && document !== null ? (document as Record<string, unknown>)[name] : undefined;

const within = async <T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${String(timeoutMs / 1000)} s for ${what}`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
