import { LRUCache } from 'lru-cache';
import type { ReadConsistency } from '#domain/settings/user-settings';
import { withDeadline } from '#platform/deadline';
import type { Identity } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import { SCHEMA } from '#read-models/columns';
import type { ReadModel } from './read-model';

/** Position of the newest event of the log. The module says how that is known: reads hold no log. */
export type LogHead = () => Promise<number>;

/** What a user prefers is believed for so long before it is looked up again. */
const BELIEVED_MS = 1_000;
const USERS_MAX = 50_000;
const HEAD_TIMEOUT_MS = 2_000;

/**
 * How far the rows of a read must reach: as far as the client says, else as far as its user prefers. STRONG is the end of
 * the log as of the moment of the request, so that a read shows everything that was recorded before it was asked for,
 * whoever recorded it.
 */
export class Consistency {
  private readonly preferred: LRUCache<string, ReadConsistency>;

  constructor(
    private readonly model: Pick<ReadModel, 'texts' | 'checkpoint'>,
    private readonly head: LogHead,
    believedForMs = BELIEVED_MS,
  ) {
    this.preferred = new LRUCache({
      max: USERS_MAX,
      ttl: believedForMs,
      fetchMethod: (userId) => this.lookUp(userId),
    });
  }

  /**
   * `undefined`: as far as they happen to reach.
   * @throws Problem 503 LOG_HEAD_UNKNOWN for a STRONG read while the log cannot be asked.
   */
  async positionFor({ userId }: Identity, minPosition: number | undefined): Promise<number | undefined> {
    if (minPosition !== undefined) return minPosition;
    return (await this.preferred.fetch(userId)) === 'STRONG' ? this.headNow() : undefined;
  }

  private async lookUp(userId: string): Promise<ReadConsistency> {
    const [preferred] = await this.model.texts(
      `select document ->> 'readConsistency' from ${SCHEMA}.settings where scope = $1`,
      [`user-${userId}`],
    );
    return preferred === 'STRONG' ? 'STRONG' : 'EVENTUAL';
  }

  private async headNow(): Promise<number> {
    const { position } = await this.model.checkpoint();
    const head = await withDeadline(this.head(), HEAD_TIMEOUT_MS, 'the end of the log').catch((error: unknown) => {
      throw unknown('The log cannot be asked right now how far it has come.', error);
    });
    // Rows of events, and no events: another log than the one they were made of.
    if (head === 0 && position > 0) throw unknown('The log that this process asks is not the one that was projected.');
    return head;
  }
}

const unknown = (detail: string, cause?: unknown): Problem =>
  new Problem(503, 'LOG_HEAD_UNKNOWN', `${detail} Send Coordinator-Min-Position, or repeat the request.`, {
    headers: { 'retry-after': '1' },
    ...(cause !== undefined && { cause }),
  });
