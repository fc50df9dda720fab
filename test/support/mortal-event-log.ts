import { ProcessDied } from '#event-log/tearing-event-log';
import type {
  AppendResult,
  EventLog,
  Page,
  ReadAllOptions,
  RecordedEvent,
  SubscribeOptions,
  Stage,
  Subscription,
} from '#event-log/event-log';

/**
 * Where a process dies, counted in appends: `before` the append of that number (from 0) happens, or `after` it
 * happened and before anybody hears of it.
 */
export interface Death {
  readonly when: 'before' | 'after';
  readonly append: number;
}

/**
 * A log whose process dies at one chosen append. Below a `TearingEventLog`, which makes every write an append of its
 * own, it can die before and after every single write: nothing that process does afterwards reaches the log.
 */
export class MortalEventLog implements EventLog {
  appends = 0;
  dead = false;

  constructor(
    private readonly inner: EventLog,
    private readonly death?: Death,
  ) {}

  async append(...stages: Stage[]): Promise<AppendResult> {
    this.checkAlive();
    const number = this.appends;
    this.appends += 1;
    const diesHere = this.death?.append === number;
    if (diesHere && this.death.when === 'before') this.dead = true;
    this.checkAlive();
    const result = await this.inner.append(...stages);
    if (diesHere) this.dead = true;
    this.checkAlive();
    return result;
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
    return this.inner.subscribeAll(options, handle);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private checkAlive(): void {
    if (this.dead) throw new ProcessDied();
  }
}
