import type { HotState } from './hot-state';
import { InProcessHotState } from './hot-state-in-process';
import { hotStateUp, RedisHotState } from './hot-state-redis';
import type { Logger } from './logging';

export interface HotStateOptions {
  readonly redisUrl?: string | undefined;
  readonly logger: Logger;
}

/**
 * The hot state of this process: in Redis, shared, when there is one, else its own.
 * @throws HotStateError in one line when there should be a Redis and it does not answer.
 */
export const openHotState = async ({ redisUrl, logger }: HotStateOptions): Promise<HotState> => {
  if (redisUrl !== undefined) return RedisHotState.open({ url: redisUrl, logger });
  hotStateUp.set(1);
  return new InProcessHotState();
};
