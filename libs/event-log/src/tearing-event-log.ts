import type {
  AppendResult,
  EventLog,
  Page,
  ReadAllOptions,
  RecordedEvent,
  SubscribeOptions,
  Stage,
  Subscription,
} from './event-log';
import { serialiseWrites } from './serialise';

/** The process that held this log is dead: nothing it still tries has an effect. */
export class ProcessDied extends Error {
  constructor() {
    super('the process died between two writes');
    this.name = 'ProcessDied';
  }
}

/**
 * Test support: an event log that tears multi-writes apart, as any adapter may. Each write is an append of its own,
 * and between any two of them the "process" can die. A story that is correct on this log, whatever `diesAt` says, is
 * correct on every log.
 *
 *     const dying = new TearingEventLog(log, (gap) => gap === 2); // dies between the third pair of writes
 *     await expect(placeOrders(dying)).rejects.toThrow(ProcessDied);
 *     await recover(new TearingEventLog(log)); // the next process, on what the dead one left behind
 */
export class TearingEventLog implements EventLog {
  private gaps = 0;
  private dead = false;

  /**
   * @param diesAt asked before every write but the first of an append, with the number of such gaps passed before.
   *   Absent: never dies.
   */
  constructor(
    private readonly inner: EventLog,
    private readonly diesAt: (gap: number) => boolean = () => false,
  ) {}

  async append(...stages: Stage[]): Promise<AppendResult> {
    this.checkAlive();
    const writes = stages.flat();
    serialiseWrites(writes); // what is refused is refused as a whole, before the first write
    let position = 0;
    for (const [index, write] of writes.entries()) {
      if (index > 0 && this.diesAt(this.gaps++)) this.dead = true;
      this.checkAlive();
      const written = await this.inner.append([write]);
      position = Math.max(position, written.position);
    }
    return { position };
  }

  async readStream(stream: string, fromRevision?: number): Promise<readonly RecordedEvent[]> {
    this.checkAlive();
    return this.inner.readStream(stream, fromRevision);
  }

  async readAll(options: ReadAllOptions): Promise<Page> {
    this.checkAlive();
    return this.inner.readAll(options);
  }

  async head(): Promise<number> {
    this.checkAlive();
    return this.inner.head();
  }

  subscribeAll(
    options: SubscribeOptions,
    handle: (events: readonly RecordedEvent[], next: number) => Promise<void>,
  ): Subscription {
    this.checkAlive();
    return this.inner.subscribeAll(options, async (events, next) => {
      this.checkAlive();
      await handle(events, next);
    });
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private checkAlive(): void {
    if (this.dead) throw new ProcessDied();
  }
}

/** For `diesAt`: dies in one of `oneIn` gaps, the same ones for the same seed (an integer). */
export function seededDeaths(seed: number, oneIn: number): (gap: number) => boolean {
  return (gap) => scramble(seed, gap) % oneIn === 0;
}

/** A number from 0 to 2^32 - 1 that depends on every bit of both (the finaliser of MurmurHash3). */
function scramble(seed: number, gap: number): number {
  let hash = Math.imul(seed, 0x9e3779b1) ^ Math.imul(gap + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
