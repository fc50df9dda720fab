import { setTimeout as sleep } from 'node:timers/promises';

/** The to-do list stands still although there is something to read, or is too far behind to be waited for. */
export class NotCatchingUp extends Error {
  override readonly name = 'NotCatchingUp';
}

/**
 * Waits until `positionOf` has reached `position`, for as long as it moves, and no longer than `limitMs`.
 * @throws NotCatchingUp when it has not moved for `patienceMs`, or is not there in time.
 */
export const catchUp = async (
  position: number,
  positionOf: () => Promise<number>,
  { patienceMs, limitMs }: { readonly patienceMs: number; readonly limitMs: number },
  now: () => number,
): Promise<void> => {
  let reached = await positionOf();
  let movedAt = now();
  const giveUpAt = movedAt + limitMs;
  while (reached < position) {
    await sleep(20);
    const moved = await positionOf();
    if (now() > giveUpAt) {
      throw new NotCatchingUp(
        `the read models have come to position ${String(moved)} of ${String(position)} in ${String(limitMs)} ms`,
      );
    }
    if (moved > reached) {
      reached = moved;
      movedAt = now();
    } else if (now() - movedAt > patienceMs) {
      throw new NotCatchingUp(
        `the read models have stood at position ${String(reached)} of ${String(position)} for ${String(patienceMs)} ms: is the projector running?`,
      );
    }
  }
};
