/**
 * The event-log port: the one durable truth. Everything that is read elsewhere is built from it.
 * Adapters: `postgres/` (embedded default), `eventstore/`. Every adapter runs `event-log.contract.ts`.
 */

/** Who caused an event, for whom, and when. `at` is epoch milliseconds, UTC. */
export interface EventMeta {
  readonly userId: string;
  readonly accountId: string;
  readonly correlationId: string;
  readonly causationId: string;
  readonly at: number;
  readonly schemaVersion: number;
}

/**
 * An event on its way into the log. `id` (a UUID) makes a repeated append harmless: see `EventLog.append`. `data` is
 * plain JSON: what would come back different (undefined, NaN, a Date, a bigint, …) is refused.
 */
export interface NewEvent {
  readonly id: string;
  readonly type: string;
  readonly data: object;
  readonly meta: EventMeta;
}

/**
 * An event as stored. `revision` counts from 0 within its stream; `position` is the log's global order and the
 * consistency token of reads. Positions rise but need not be consecutive, and fit a safe integer.
 */
export interface RecordedEvent extends NewEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
}

/** `'no-stream'`: the stream must not exist yet. A number: the revision of its last event. */
export type ExpectedRevision = 'no-stream' | number;

export interface Write {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly NewEvent[];
}

/** Writes that do not depend on each other. */
export type Stage = readonly Write[];

export interface AppendResult {
  /** Position of the last event of these writes: what a reader must have seen to have seen them all. */
  readonly position: number;
}

/** The stream was not where the writer thought. `actual` is its last revision, or `'no-stream'`. */
export class WrongExpectedRevision extends Error {
  constructor(
    readonly stream: string,
    readonly expected: ExpectedRevision,
    readonly actual: ExpectedRevision,
  ) {
    super(`stream ${stream} was expected at ${String(expected)} but is at ${String(actual)}`);
    this.name = 'WrongExpectedRevision';
  }
}

/**
 * The log did not answer, or answered that it could not say: the append may or may not have happened. Repeating it
 * with the same event ids is safe.
 */
export class EventLogUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EventLogUnavailable';
  }
}

export interface ReadAllOptions {
  /** Exclusive: the first event returned lies after this position. 0 reads from the start. */
  readonly after: number;
  /** At most this many events per page. */
  readonly limit: number;
  /** Only streams whose name starts with one of these (`'order-'`, …); absent or empty means all. */
  readonly streamPrefixes?: readonly string[];
}

export interface Page {
  readonly events: readonly RecordedEvent[];
  /** Read on from here. With a filter it may lie beyond the last event returned: what was skipped was not asked for. */
  readonly next: number;
  /** True when nothing readable was left after this page at the moment it was read. */
  readonly atEnd: boolean;
}

export interface SubscribeOptions {
  /** Exclusive start: the subscriber's checkpoint. */
  readonly after: number;
  readonly streamPrefixes?: readonly string[];
  /** At most this many events per call of `handle`. */
  readonly batchSize?: number;
}

export interface Subscription {
  /** Stops after the batch in hand; resolves when no handler runs any more. Not to be awaited by the handler itself. */
  close(): Promise<void>;
  /**
   * Settles when the subscription ends: resolves on `close`, rejects when `handle` failed. Somebody must look at it:
   * a failure that nobody takes ends the process as an unhandled rejection.
   */
  readonly ended: Promise<void>;
}

export interface EventLog {
  /**
   * Appends the stages in order: nothing of a stage is stored before all of the one before it is. Each write is
   * atomic: all of its events or none. An adapter may apply everything in one transaction, or the writes of a stage in
   * any order: **a caller has to cope with a process that dies between any two writes**. A stream is named at most
   * once per call.
   *
   * Repeating a write with the same event ids and the same expected revision is a success that changes nothing.
   * @throws WrongExpectedRevision for a write that was refused; earlier stages and the rest of its own may have been
   *   applied, later ones have not.
   * @throws EventLogUnavailable when the outcome is not known (deadline passed, connection lost).
   * @throws TypeError for writes that cannot be stored (no events, a bad name or id, data that is not plain JSON):
   *   nothing was stored.
   */
  append(...stages: Stage[]): Promise<AppendResult>;

  /** Events of one stream in order, from `fromRevision` (inclusive, default 0). A missing stream reads as empty. */
  readStream(stream: string, fromRevision?: number): Promise<readonly RecordedEvent[]>;

  /**
   * One page of the whole log in order of position. Never shows a position while a lower one can still appear. With a
   * filter a page may be empty although more follows: `atEnd` tells, not the number of events.
   */
  readAll(options: ReadAllOptions): Promise<Page>;

  /** Position of the newest readable event, 0 for an empty log. */
  head(): Promise<number>;

  /**
   * Calls `handle` with batches in order, first what is stored, then what arrives; one call at a time. `next` is the
   * checkpoint to keep; with a filter it also moves past what was not asked for, then with an empty batch. A handler
   * that throws ends the subscription. The adapter reconnects by itself when the log goes away for a while.
   */
  subscribeAll(
    options: SubscribeOptions,
    handle: (events: readonly RecordedEvent[], next: number) => Promise<void>,
  ): Subscription;

  close(): Promise<void>;
}
