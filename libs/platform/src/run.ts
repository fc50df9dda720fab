/** The life of a process: start, wait to be told to stop, stop what was started in reverse order. */

/** Registers what must be undone: called in reverse order, also when a later step of the start fails. */
export type OnStop = (stop: () => Promise<unknown>) => void;

/** A process that cannot stop by then is ended; every part has a shorter limit of its own. */
const stopTimeoutMs = 60_000;

/** The same signal within this time is an echo of the first, not a person who has lost patience. */
const sameSignalMs = 1_000;

/**
 * Runs the process until SIGINT or SIGTERM, then stops it and exits with 0. A start that fails, or an error nobody
 * caught, is told on standard error and ends the process with 1, after everything that ran was stopped. A second
 * signal ends it at once.
 */
export const run = async (start: (onStop: OnStop) => Promise<void>): Promise<void> => {
  const stops: (() => Promise<unknown>)[] = [];
  let ending: Promise<never> | undefined;
  let starting: Promise<void> = Promise.resolve();

  const stopAll = async (exitCode: number): Promise<never> => {
    setTimeout(() => end(1, `not stopped after ${String(stopTimeoutMs)} ms`), stopTimeoutMs).unref();
    // A start under way is let through to a point at which it can be undone.
    await starting.catch(() => undefined);
    let code = exitCode;
    for (const stop of stops.reverse()) {
      try {
        await stop();
      } catch (error) {
        code = 1;
        tell(error);
      }
    }
    return process.exit(code);
  };

  let told: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    // Ctrl-C reaches this process twice: from the terminal, and from the npm that passes it on.
    if (told?.signal === signal && Date.now() - told.atMs < sameSignalMs) return;
    if (ending !== undefined) end(1, 'ended at once');
    told = { signal, atMs: Date.now() };
    ending = stopAll(0);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const onAccident = (error: unknown): void => {
    tell(error);
    ending ??= stopAll(1);
  };
  process.on('uncaughtException', onAccident);
  process.on('unhandledRejection', onAccident);

  starting = start((stop) => stops.push(stop));
  try {
    await starting;
  } catch (error) {
    if (ending === undefined) onAccident(error);
    await ending;
  }
};

const end = (exitCode: number, message: string): never => {
  process.stderr.write(`${message}\n`);
  process.exit(exitCode);
};

/** One line for what the person at the terminal can put right; the stack for what only a programmer can. */
const tell = (error: unknown): void => {
  const isOurs = !(error instanceof Error) || /^(Type|Range|Reference|Syntax|Assertion)?Error$/.test(error.name);
  const text = isOurs && error instanceof Error ? (error.stack ?? String(error)) : messageOf(error);
  process.stderr.write(`${text}\n`);
};

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, '; ');
