import { setTimeout as sleep } from 'node:timers/promises';

/** The to-do list stands still although there is something to read: whoever keeps it is not running. */
export class NotCatchingUp extends Error {
  override readonly name = 'NotCatchingUp';
}

/**
 * Waits until `positionOf` has reached `position`, for as long as it moves.
 * @throws NotCatchingUp when it has not moved for `patienceMs`.
 */
export const catchUp = async (
  position: number,
  positionOf: () => Promise<number>,
  patienceMs: number,
  now: () => number,
): Promise<void> => {
  let reached = await positionOf();
  let movedAt = now();
  while (reached < position) {
    await sleep(20);
    const moved = await positionOf();
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
