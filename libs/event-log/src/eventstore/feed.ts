import type { ReadResp } from '@eventstore/db-client/generated/streams_pb';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { EventLogUnavailable, type RecordedEvent } from '../event-log';
import { explain } from './failures';
import { parsePosition, toFound } from './recorded-events';

/** Before the server says that all stored events have come (older ones never do): how long a batch may wait to be full. */
const gatherMs = 500;

/** Some events in order, perhaps none, and how far they lead. */
export interface Batch {
  readonly events: readonly RecordedEvent[];
  readonly next: number;
}

/**
 * What one subscription call brings, to be taken in batches. Holds back the server while more than two batches wait.
 */
export class Feed {
  private readonly events: RecordedEvent[] = [];
  /** Of the newest event received, of ours or not, or how far the server says to have searched. */
  private reached: number;
  private taken: number;
  private isLive = false;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly call: ClientReadableStream<ReadResp>,
    after: number,
    private readonly batchSize: number,
    onFailure: (error: unknown) => void,
    private readonly onForeign: (position: number) => void,
  ) {
    this.reached = after;
    this.taken = after;
    call.on('data', (response: ReadResp) => {
      this.receive(response);
    });
    const over = (error: unknown): void => {
      if (this.failure !== undefined) return;
      this.failure = explain(error);
      onFailure(error);
      this.wake();
    };
    call.on('error', over);
    call.on('end', () => {
      over(new EventLogUnavailable('the event store ended a subscription'));
    });
  }

  /** True when there is something to take. */
  get isWaiting(): boolean {
    return this.reached > this.taken;
  }

  /**
   * The next batch, or undefined when nothing has come within `patienceMs`. One at a time.
   * @throws EventLogUnavailable when the call has ended and everything it brought was taken.
   */
  async take(patienceMs: number): Promise<Batch | undefined> {
    const giveUpAt = performance.now() + patienceMs;
    while (!this.isReady()) {
      if (this.failure !== undefined) throw this.failure;
      const received = this.reached;
      const isGathering = this.events.length > 0;
      await this.change(isGathering ? gatherMs : giveUpAt - performance.now());
      if (isGathering && this.reached === received) this.isLive = true;
      else if (!this.isWaiting && performance.now() >= giveUpAt) return undefined;
    }
    const events = this.events.splice(0, this.batchSize);
    this.taken = this.events.length === 0 ? this.reached : (events.at(-1)?.position ?? this.reached);
    if (this.events.length < this.batchSize) this.call.resume();
    return { events, next: this.taken };
  }

  cancel(): void {
    this.failure ??= new EventLogUnavailable('the subscription was cancelled');
    this.call.cancel();
    this.wake();
  }

  /** Full, or as full as it gets: all stored events have come, a stretch without events has passed, the call is over. */
  private isReady(): boolean {
    if (this.events.length >= this.batchSize) return true;
    if (!this.isWaiting) return false;
    return this.isLive || this.events.length === 0 || this.failure !== undefined;
  }

  private receive(response: ReadResp): void {
    if (this.failure !== undefined) return;
    try {
      const read = response.getEvent();
      const checkpoint = response.getCheckpoint();
      if (read !== undefined) {
        const { position, event } = toFound(read);
        if (position <= this.reached) return; // some servers begin with the event at the start position
        if (event === undefined) this.onForeign(position);
        else this.events.push(event);
        this.reached = position;
        if (this.events.length >= 2 * this.batchSize) this.call.pause();
      } else if (checkpoint !== undefined) {
        this.reached = Math.max(this.reached, parsePosition(checkpoint.getCommitPosition()));
      } else if (response.hasCaughtUp()) {
        this.isLive = true;
      }
    } catch (error) {
      this.failure = explain(error); // what came before it is still handed over
      this.call.cancel();
    }
    if (this.events.length === 1 || this.failure !== undefined || this.isReady()) this.wake();
  }

  /** Resolves when something has come or ended, or after `ms`. */
  private change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, ms));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
