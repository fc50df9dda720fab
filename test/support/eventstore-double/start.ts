import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Command, Faults, Report } from './faults';

export interface EventStoreDouble {
  /** For `EVENTSTORE_URL`. The same over restarts. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs at present. */
  readonly pid: number;
  /** Resolves when the double behaves so from now on. What is not named stays as it is; `noFaults` turns all off. */
  faults(faults: Partial<Faults>): Promise<void>;
  /** Cuts all connections; who comes back is served. */
  cut(): Promise<void>;
  /** SIGKILL: what was acknowledged is in the file, everything else may be lost. */
  kill(): Promise<void>;
  /** Starts it again on the same port and file, after killing it if it still runs. */
  restart(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

export interface EventStoreDoubleOptions {
  /** Absent: a free one. */
  readonly port?: number;
  /** Where the events are kept over restarts. Absent: a restarted double is empty. */
  readonly file?: string;
}

const startTimeoutMs = 30_000;
const answerTimeoutMs = 10_000;

/**
 * Starts a double of an EventStoreDB in a process of its own; it ends when this process does.
 *
 *     const double = await startEventStoreDouble({ file });
 *     const log = new EventStoreEventLog({ url: double.url });
 */
export async function startEventStoreDouble({
  port: wantedPort = 0,
  file,
}: EventStoreDoubleOptions = {}): Promise<EventStoreDouble> {
  let process: ChildProcess = run(wantedPort, file);
  const port = await listening(process);
  let commands = 0;

  const command = async (order: Omit<Command, 'number'>): Promise<void> => {
    const number = ++commands;
    const done = answer(
      process,
      answerTimeoutMs,
      (report) => ('done' in report && report.done === number) || undefined,
    );
    process.send({ ...order, number } satisfies Command);
    await done;
  };
  const kill = async (): Promise<void> => {
    if (process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, 'exit');
    process.kill('SIGKILL');
    await exited;
  };
  return {
    url: `esdb://127.0.0.1:${String(port)}?tls=false`,
    port,
    get pid() {
      return process.pid ?? -1;
    },
    faults: (faults) => command({ faults }),
    cut: () => command({ cut: true }),
    kill,
    restart: async () => {
      await kill();
      process = run(port, file);
      await listening(process);
    },
    stop: kill,
  };
}

function run(port: number, file: string | undefined): ChildProcess {
  const script = resolve(__dirname, 'double-server.ts');
  return fork(script, [String(port), ...(file === undefined ? [] : [file])], {
    execArgv: ['-r', resolve(__dirname, '../register-typescript.cjs')],
  });
}

function listening(process: ChildProcess): Promise<number> {
  return answer(process, startTimeoutMs, (report) => ('port' in report ? report.port : undefined));
}

/** What `pick` makes of the first report that it wants. */
function answer<Result>(
  process: ChildProcess,
  timeoutMs: number,
  pick: (report: Report) => Result | undefined,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      process.off('message', onMessage);
      process.off('exit', onExit);
      act();
    };
    const onMessage = (report: unknown): void => {
      const result = pick(report as Report);
      if (result === undefined) return;
      settle(() => {
        resolve(result);
      });
    };
    const onExit = (): void => {
      settle(() => {
        reject(new Error('the double of the event store has ended'));
      });
    };
    const timer = setTimeout(() => {
      settle(() => {
        reject(new Error('the double of the event store does not answer'));
      });
    }, timeoutMs);
    process.on('message', onMessage);
    process.on('exit', onExit);
  });
}
