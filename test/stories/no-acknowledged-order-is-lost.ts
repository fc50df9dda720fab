import { randomInt } from 'node:crypto';
import { faultsOf, readBooks } from '../support/books';
import { type Deployment, positionOf } from '../support/deployment';
import { type Choices, choicesFrom } from '../support/random';
import { expectClean, linesOf, scoreboardOf } from './scoreboard';
import { Traders } from './traders';

/*
 * Processes are killed at random moments while clients place, change and cancel. Whatever a client was told must be
 * true afterwards, and whatever it was not told must be true once, after it has asked again under the same key.
 *
 * STORY_SEED repeats the choices of an earlier run; what a process was doing when it died repeats only roughly.
 */

export const KILLS = 25;
/** Everything together: starts, kills, the proof. */
export const STORY_TIMEOUT_MS = 600_000;

export const seed = Number(process.env['STORY_SEED'] ?? randomInt(2 ** 31));

/** What went wrong, and how long it took to put right. */
export interface Accident {
  readonly kills: number;
  readonly startsMs: readonly number[];
}

export interface NoOrderIsLostOptions<D extends Deployment> {
  readonly open: () => D;
  readonly clients: number;
  /** Kills something, at most `killsMax` times, and resolves when it is back. */
  readonly accident: (deployment: D, choices: Choices, killsMax: number) => Promise<Accident>;
  /**
   * The log takes all writes of an append at once, so that at any moment its streams fit together. Otherwise they do
   * once all is settled.
   */
  readonly appendsAreWhole: boolean;
}

export const noAcknowledgedOrderIsLost = <D extends Deployment>(options: NoOrderIsLostOptions<D>): void => {
  const { open, clients, accident, appendsAreWhole } = options;
  const deployment = open();
  const traders = new Traders(deployment, seed);

  beforeAll(async () => {
    await deployment.start();
    await traders.register();
  }, STORY_TIMEOUT_MS);
  afterAll(async () => {
    traders.giveUp();
    await deployment.dispose();
  }, STORY_TIMEOUT_MS);

  it(
    `through ${String(KILLS)} kills`,
    async () => {
      const choices = choicesFrom(seed);
      const startedAt = Date.now();
      traders.begin(clients);

      const mismatched: string[] = [];
      const startsMs: number[] = [];
      let kills = 0;
      while (kills < KILLS) {
        await traders.goOnFor(200 + choices.next() * 1_200);
        const happened = await accident(deployment, choices, KILLS - kills);
        kills += happened.kills;
        startsMs.push(...happened.startsMs);
        if (!appendsAreWhole) continue;
        const found = faultsOf(await deployment.withLog((log) => readBooks(log)), { settled: false });
        mismatched.push(...found.map((fault) => `after kill ${String(kills)}: ${fault}`));
      }
      await traders.goOnFor(1_000);
      await traders.end();
      const askedAgain = deployment.cutOff;
      const head = await traders.settle();
      const board = await scoreboardOf(deployment, traders, head);

      process.stderr.write(
        [
          '',
          `seed ${String(seed)}: ${String(kills)} kills in ${((Date.now() - startedAt) / 1000).toFixed(0)} s`,
          `starts: median ${String(startsMs.toSorted((a, b) => a - b)[startsMs.length >> 1])} ms`,
          `requests answered: ${String(traders.told.length)}; cut off and asked again: ${String(askedAgain)}`,
          ...linesOf(board),
          '',
        ].join('\n'),
      );
      expectClean({ ...board, mismatched: [...mismatched, ...board.mismatched] });
      expect(board.acknowledged).toBeGreaterThan(KILLS);
      expect(askedAgain).toBeGreaterThan(0); // or no kill met a request
      expect(positionOf(await deployment.queryFrom('/v2/orders', head))).toBeGreaterThanOrEqual(head);
      expect((await deployment.stop()).exitCode).toBe(0);
    },
    STORY_TIMEOUT_MS,
  );
};
