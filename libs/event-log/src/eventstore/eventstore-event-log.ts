import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb';
import {
  type AppendResult,
  type EventLog,
  EventLogUnavailable,
  type Page,
  type ReadAllOptions,
  type RecordedEvent,
  type Stage,
  type SubscribeOptions,
  type Subscription,
} from '../event-log';
import { checkName, isRevision, type SerialisedWrite, serialiseWrites } from '../serialise';
import { AllSubscription } from './all-subscription';
import { AppendLine } from './append-line';
import { ServerTimedOut } from './append-requests';
import { Connection } from './connection';
import { explain, ranOutOfTime } from './failures';
import { Feed } from './feed';
import { allRequest, headRequest, streamRequest, subscriptionRequest } from './read-requests';
import { type Found, toEvent, toFound } from './recorded-events';

/** One write on its way to the server and back. */
export interface Flush {
  readonly appends: number;
  readonly events: number;
  readonly durationMs: number;
  readonly failed: boolean;
}

export interface EventStoreEventLogOptions {
  /** `esdb://host:2113?tls=false`, `esdb://user:password@a,b,c`, `esdb+discover://name`: as for the official clients. */
  readonly url: string;
  /** How long one append may take with all its stages and everything that has to be opened for it. */
  readonly appendTimeoutMs?: number;
  /** How long one read may take. */
  readonly readTimeoutMs?: number;
  /** Called after every write, for metrics. */
  readonly onFlush?: (flush: Flush) => void;
  /** Told about trouble that nobody's call fails with: a subscription that has to wait. */
  readonly logger?: { warn(details: object, message: string): void };
}

const batchSizeDefault = 1_000;
const pageLimitMax = 100_000;
/** How far one page goes that has to look at every event itself. */
const eventsPerSearchedPage = 20_000;

/**
 * The event log in an EventStoreDB (22.10 or newer, or KurrentDB). Positions are commit positions. Concurrent writes
 * share one call; each write is atomic by itself, and several writes of one append are several appends to the server.
 *
 * Names that begin with a dollar belong to the server: they can neither be written nor asked for, and are never shown.
 * What somebody else wrote into other streams is passed over by whoever reads the whole log; in a stream of ours it is
 * an error.
 */
export class EventStoreEventLog implements EventLog {
  private readonly connection: Connection;
  private readonly appendTimeoutMs: number;
  private readonly readTimeoutMs: number;
  private readonly onFlush: EventStoreEventLogOptions['onFlush'];
  private readonly onTrouble: (error: unknown, message: string) => void;
  private readonly onForeign: (position: number) => void;
  private readonly subscriptions = new Set<Subscription>();
  private readonly underWay = new Set<Promise<unknown>>();
  private line: AppendLine | undefined;
  private closed: Promise<void> | undefined;

  constructor({ url, appendTimeoutMs = 5_000, readTimeoutMs = 30_000, onFlush, logger }: EventStoreEventLogOptions) {
    this.connection = new Connection(url);
    this.appendTimeoutMs = appendTimeoutMs;
    this.readTimeoutMs = readTimeoutMs;
    this.onFlush = onFlush;
    this.onTrouble = (error, message) => logger?.warn({ err: error }, message);
    let newestForeign = 0;
    this.onForeign = (position) => {
      if (position <= newestForeign) return; // several read the same log, again and again: once is enough
      newestForeign = position;
      logger?.warn({ position }, 'this position of the log does not hold an event of ours and is passed over');
    };
  }

  async append(...stages: readonly Stage[]): Promise<AppendResult> {
    const writes = serialiseWrites(stages.flat());
    for (const { stream, events } of writes) {
      checkOurs('stream name', stream);
      for (const { type } of events) checkOurs('event type', type);
    }
    return this.track(() => this.appendInOrder(stages, writes));
  }

  async readStream(stream: string, fromRevision = 0): Promise<readonly RecordedEvent[]> {
    checkName('stream name', stream);
    if (!isRevision(fromRevision)) throw new TypeError(`${String(fromRevision)} is not a revision`);
    return this.track(async () => {
      const events: RecordedEvent[] = [];
      await this.read(streamRequest(stream, fromRevision), this.readTimeoutMs, (read) => events.push(toEvent(read)));
      return events;
    });
  }

  async readAll({ after, limit, streamPrefixes = [] }: ReadAllOptions): Promise<Page> {
    if (!Number.isSafeInteger(after) || after < 0) throw new TypeError(`${String(after)} is not a position`);
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > pageLimitMax) {
      throw new TypeError(`a page holds 1 to ${String(pageLimitMax)} events, not ${String(limit)}`);
    }
    for (const prefix of streamPrefixes) checkPrefix(prefix);
    return this.track(() =>
      streamPrefixes.length === 0
        ? this.readPage(after, limit, this.readTimeoutMs)
        : this.readFiltered(after, limit, streamPrefixes),
    );
  }

  async head(): Promise<number> {
    return this.track(() => this.findHead());
  }

  subscribeAll(
    { after, streamPrefixes = [], batchSize = batchSizeDefault }: SubscribeOptions,
    handle: (events: readonly RecordedEvent[], next: number) => Promise<void>,
  ): Subscription {
    this.checkOpen();
    for (const prefix of streamPrefixes) checkPrefix(prefix);
    const subscription: Subscription = new AllSubscription({
      after,
      open: (from) => this.openFeed(from, streamPrefixes, batchSize),
      look: (from) => this.readAll({ after: from, limit: 1, streamPrefixes }),
      handle,
      onEnd: () => this.subscriptions.delete(subscription),
      onTrouble: this.onTrouble,
    });
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** Lets the handlers in hand and the calls under way finish, then hangs up. */
  close(): Promise<void> {
    return (this.closed ??= this.shutDown());
  }

  private async shutDown(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.close()));
    await Promise.allSettled(this.underWay);
    this.line?.close();
    this.connection.close();
  }

  private checkOpen(): void {
    if (this.closed !== undefined) throw new EventLogUnavailable('the event log is closed');
  }

  /** Runs what `close` has to wait for. */
  private async track<Result>(work: () => Promise<Result>): Promise<Result> {
    this.checkOpen();
    const working = work();
    this.underWay.add(working);
    try {
      return await working;
    } finally {
      this.underWay.delete(working);
    }
  }

  private async appendInOrder(stages: readonly Stage[], writes: readonly SerialisedWrite[]): Promise<AppendResult> {
    const giveUpAt = performance.now() + this.appendTimeoutMs;
    let position = 0;
    let first = 0;
    for (const { length } of stages) {
      const stage = writes.slice(first, first + length);
      first += length;
      const outcomes = await Promise.allSettled(stage.map((write) => this.store(write, giveUpAt)));
      position = Math.max(position, ...positionsOf(outcomes));
    }
    return { position };
  }

  private async store(write: SerialisedWrite, giveUpAt: number): Promise<number> {
    const startedAt = performance.now();
    let failed = true;
    try {
      const position = (await this.send(write, giveUpAt)) ?? (await this.findPosition(write, giveUpAt));
      failed = false;
      return position;
    } finally {
      this.onFlush?.({
        appends: 1,
        events: write.events.length,
        durationMs: performance.now() - startedAt,
        failed,
      });
    }
  }

  private async send(write: SerialisedWrite, giveUpAt: number): Promise<number | undefined> {
    for (;;) {
      const leftMs = Math.ceil(giveUpAt - performance.now());
      if (leftMs <= 0) throw new EventLogUnavailable('the time for an append was over before it could be sent');
      try {
        const line = await within(leftMs, this.openLine());
        return await line.append(write, Math.max(1, Math.ceil(giveUpAt - performance.now())), () => {
          this.connection.silent(line.client);
        });
      } catch (error) {
        // Also what the server says to a write that it is about to store already: it is answered once that is done.
        if (!(error instanceof ServerTimedOut)) throw error;
      }
    }
  }

  private async openLine(): Promise<AppendLine> {
    const client = await this.connection.streams();
    if (this.line?.client === client && this.line.isOpen) return this.line;
    this.line?.close();
    this.line = new AppendLine(client, this.connection.metadata(), (error) => {
      this.connection.failed(client, error);
    });
    return this.line;
  }

  /** Where the last event of a write lies that the server calls stored. */
  private async findPosition({ stream, expected, events }: SerialisedWrite, giveUpAt: number): Promise<number> {
    const revision = (expected === 'no-stream' ? -1 : expected) + events.length;
    const found: RecordedEvent[] = [];
    await this.read(streamRequest(stream, revision, 1), Math.max(1, giveUpAt - performance.now()), (read) =>
      found.push(toEvent(read)),
    );
    const [event] = found;
    if (event === undefined) throw new EventLogUnavailable(`what was appended to ${stream} cannot be read yet`);
    return event.position;
  }

  private async findHead(): Promise<number> {
    const found: Found[] = [];
    await this.read(headRequest(), this.readTimeoutMs, (read) => found.push(toFound(read)));
    return found[0]?.position ?? 0;
  }

  private async readPage(after: number, limit: number, timeoutMs: number): Promise<Page> {
    const found: Found[] = [];
    await this.readLog(allRequest(after, limit + 1, []), timeoutMs, found);
    return pageOf(found, after, limit);
  }

  private async readFiltered(after: number, limit: number, prefixes: readonly string[]): Promise<Page> {
    const head = await this.findHead(); // up to here nothing can appear any more
    if (head <= after) return { events: [], next: after, atEnd: true };
    const found: Found[] = [];
    try {
      await this.readLog(allRequest(after, limit + 1, prefixes), this.readTimeoutMs / 2, found);
    } catch (error) {
      if (!(error instanceof EventLogUnavailable) || !ranOutOfTime(error.cause)) throw error;
      // The server searches on until it has enough: through a long stretch of others that may take it too long.
      const { events, next } = pageOf(found, after, limit);
      return next > after ? { events, next, atEnd: false } : this.search(after, limit, prefixes);
    }
    const page = pageOf(found, after, limit);
    return page.atEnd ? { ...page, next: Math.max(page.next, head) } : page;
  }

  /** A filtered page that gets on for sure: every event of a stretch is fetched and looked at here. */
  private async search(after: number, limit: number, prefixes: readonly string[]): Promise<Page> {
    const stretch = await this.readPage(after, eventsPerSearchedPage, this.readTimeoutMs / 2);
    const wanted = stretch.events.filter(({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix)));
    const events = wanted.slice(0, limit);
    return wanted.length > limit
      ? { events, next: events.at(-1)?.position ?? after, atEnd: false }
      : { ...stretch, events };
  }

  /** Adds what the server sends of the whole log to `found`, as it comes. */
  private async readLog(request: ReadReq, timeoutMs: number, found: Found[]): Promise<void> {
    await this.read(request, timeoutMs, (read) => {
      const one = toFound(read);
      if (one.event === undefined) this.onForeign(one.position);
      found.push(one);
    });
  }

  /**
   * Hands over what the server sends, as it comes. A missing stream has nothing.
   * @throws EventLogUnavailable when it does not send everything in time.
   */
  private async read(request: ReadReq, timeoutMs: number, take: (read: ReadResp.ReadEvent) => void): Promise<void> {
    let received = 0;
    const deadline = Date.now() + timeoutMs;
    const client = await within(timeoutMs, this.connection.streams());
    const call = client.read(request, this.connection.metadata(), { deadline });
    try {
      await new Promise<void>((resolve, reject) => {
        call.on('data', (response: ReadResp) => {
          try {
            const read = response.getEvent();
            if (read === undefined) return;
            received += 1;
            take(read);
          } catch (error) {
            reject(explain(error));
            call.cancel();
          }
        });
        call.on('end', resolve);
        call.on('error', reject);
      });
    } catch (error) {
      if (ranOutOfTime(error) && received === 0) this.connection.silent(client);
      else this.connection.failed(client, error);
      throw explain(error);
    }
  }

  private async openFeed(after: number, prefixes: readonly string[], batchSize: number): Promise<Feed> {
    const client = await within(this.readTimeoutMs, this.connection.streams());
    const call = client.read(subscriptionRequest(after, prefixes), this.connection.metadata(), {});
    const onFailure = (error: unknown): void => {
      this.connection.failed(client, error);
    };
    return new Feed(call, after, batchSize, onFailure, this.onForeign);
  }
}

/** `read` begins with what lies at `after` itself, if the filter lets it pass, and holds one event more than wanted. */
function pageOf(read: readonly Found[], after: number, limit: number): Page {
  const found = read.filter(({ position }) => position > after).slice(0, limit);
  const events = found.flatMap(({ event }) => event ?? []);
  return { events, next: found.at(-1)?.position ?? after, atEnd: read.length <= limit };
}

/** @throws what kept the first of them from being stored; that one of them may yet be stored comes before everything else. */
function positionsOf(outcomes: readonly PromiseSettledResult<number>[]): readonly number[] {
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (reasons.length > 0) throw reasons.find((reason) => reason instanceof EventLogUnavailable) ?? reasons[0];
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

function checkOurs(what: string, name: string): void {
  if (name.startsWith('$'))
    throw new TypeError(`${what} ${name}: what begins with a dollar belongs to the event store`);
}

function checkPrefix(prefix: string): void {
  checkName('stream prefix', prefix);
  checkOurs('stream prefix', prefix);
}

async function within<Result>(timeoutMs: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new EventLogUnavailable(`the event store could not be reached within ${String(timeoutMs)} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
