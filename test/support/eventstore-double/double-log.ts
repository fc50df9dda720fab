import { closeSync, existsSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface ProposedEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Buffer;
  readonly metadata: Buffer;
}

export interface StoredEvent extends ProposedEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  /** Position of the first event of its write. */
  readonly writtenAt: number;
  readonly createdMs: number;
}

/** -1: the stream must not exist. */
export type Expected = number | 'any' | 'exists';

export type Outcome =
  | { readonly kind: 'stored'; readonly revision: number; readonly position: number }
  | { readonly kind: 'wrong-version'; readonly current: number }
  /** The very same write is being stored at this moment; a server does not answer this one. */
  | { readonly kind: 'not-ready' };

/** What a record takes in the server's log beside its contents: positions are offsets in that log. */
const recordBytes = 180;
/** The log begins with records that are nobody's events. */
const firstPosition = 1_024;
/** A server keeps figures about itself in the same log. */
const writesPerStatistics = 25;

/** One line of the file: a write, whole or not at all. Bytes are kept as latin-1 text. */
type Line = readonly [
  stream: string,
  revision: number,
  createdMs: number,
  events: readonly (readonly [
    position: number,
    id: string,
    type: string,
    contentType: string,
    data: string,
    metadata: string,
  ])[],
];

/**
 * The log of the double: one order over all streams, decided in memory, readable and acknowledged once it is in the
 * file and synced. Without a file it is readable at once.
 */
export class DoubleLog {
  /** What is readable, in order of position. */
  readonly events: StoredEvent[] = [];
  private readonly streams = new Map<string, StoredEvent[]>();
  private readonly waiting: { readonly events: readonly StoredEvent[]; readonly done: () => void }[] = [];
  private readonly listeners = new Set<() => void>();
  private nextPosition = firstPosition;
  private writes = 0;
  private flushing = false;

  private constructor(private readonly file: FileHandle | undefined) {}

  /** Takes up what an earlier process has left in the file; a line that was cut off was never acknowledged. */
  static async open(path: string | undefined): Promise<DoubleLog> {
    if (path === undefined) return new DoubleLog(undefined);
    const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const length = content.lastIndexOf('\n') + 1;
    if (length < content.length) {
      const torn = openSync(path, 'r+');
      ftruncateSync(torn, length);
      closeSync(torn);
    }
    const log = new DoubleLog(await open(path, 'a'));
    for (let from = 0; from < length;) {
      const to = content.indexOf('\n', from);
      log.takeUp(JSON.parse(content.toString('utf8', from, to)) as Line);
      from = to + 1;
    }
    return log;
  }

  append(stream: string, expected: Expected, proposed: readonly ProposedEvent[]): Promise<Outcome> {
    const outcome = this.judge(stream, expected, proposed);
    if (outcome !== undefined) return Promise.resolve(outcome);
    const events = this.write(stream, proposed);
    const settled = this.settled(events);
    if (++this.writes % writesPerStatistics === 0) this.writeStatistics();
    return settled.then(() => {
      const last = events.at(-1);
      return { kind: 'stored', revision: last?.revision ?? -1, position: last?.position ?? 0 };
    });
  }

  /** The readable events of a stream; undefined when it has none. */
  stream(name: string): readonly StoredEvent[] | undefined {
    const stored = this.streams.get(name) ?? [];
    const newest = this.events.at(-1)?.position ?? 0;
    let readable = stored.length;
    while (readable > 0 && (stored[readable - 1]?.position ?? 0) > newest) readable--;
    return readable === 0 ? undefined : stored.slice(0, readable);
  }

  /** Index of the first readable event at or behind `position`. */
  indexOf(position: number): number {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.position ?? Infinity) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Calls `listener` whenever more has become readable, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** As a server does: the stream's version first, then whether it is a write that it knows. */
  private judge(stream: string, expected: Expected, proposed: readonly ProposedEvent[]): Outcome | undefined {
    const stored = this.streams.get(stream) ?? [];
    const current = stored.length - 1;
    if (expected === 'any') return undefined;
    if (expected === 'exists') return current === -1 ? { kind: 'wrong-version', current } : undefined;
    if (expected === current) return undefined;
    const before = stored.slice(expected + 1, expected + 1 + proposed.length);
    const isRepeated =
      expected < current &&
      before.length === proposed.length &&
      before.every(({ id }, index) => id === proposed[index]?.id);
    const last = before.at(-1);
    if (!isRepeated || last === undefined) return { kind: 'wrong-version', current };
    const isReadable = last.position <= (this.events.at(-1)?.position ?? 0);
    return isReadable ? { kind: 'stored', revision: last.revision, position: last.position } : { kind: 'not-ready' };
  }

  private write(stream: string, proposed: readonly ProposedEvent[]): readonly StoredEvent[] {
    const stored = this.streams.get(stream) ?? [];
    this.streams.set(stream, stored);
    const writtenAt = this.nextPosition;
    const createdMs = Date.now();
    return proposed.map((each) => {
      const event = { ...each, stream, revision: stored.length, position: this.nextPosition, writtenAt, createdMs };
      this.nextPosition += recordBytes + stream.length + each.type.length + each.data.length + each.metadata.length;
      stored.push(event);
      return event;
    });
  }

  private writeStatistics(): void {
    const data = Buffer.from(JSON.stringify({ writes: this.writes }));
    const figures = { type: '$statsCollected', contentType: 'application/json', data, metadata: Buffer.alloc(0) };
    const id = `00000000-0000-4000-8000-${this.nextPosition.toString(16).padStart(12, '0')}`;
    void this.settled(this.write('$stats-127.0.0.1:2113', [{ ...figures, id }]));
  }

  private settled(events: readonly StoredEvent[]): Promise<void> {
    return new Promise((done) => {
      this.waiting.push({ events, done });
      void this.flush();
    });
  }

  /** Writes and syncs everything that has come meanwhile, at once, in order. */
  private async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    while (this.waiting.length > 0) {
      if (this.file !== undefined) await new Promise(setImmediate); // what comes in this turn shares the sync
      const batch = this.waiting.splice(0);
      if (this.file !== undefined) {
        await this.file.appendFile(batch.map(({ events }) => lineOf(events)).join(''));
        await this.file.datasync();
      }
      for (const { events } of batch) this.events.push(...events);
      for (const { done } of batch) done();
      for (const listener of this.listeners) listener();
    }
    this.flushing = false;
  }

  private takeUp([stream, revision, createdMs, events]: Line): void {
    const stored = this.streams.get(stream) ?? [];
    this.streams.set(stream, stored);
    const writtenAt = events[0]?.[0] ?? 0;
    for (const [index, [position, id, type, contentType, data, metadata]] of events.entries()) {
      const event: StoredEvent = {
        ...{ id, type, contentType, stream, position, writtenAt, createdMs, revision: revision + index },
        data: Buffer.from(data, 'latin1'),
        metadata: Buffer.from(metadata, 'latin1'),
      };
      stored.push(event);
      this.events.push(event);
      this.nextPosition =
        position + recordBytes + stream.length + type.length + event.data.length + event.metadata.length;
    }
    this.writes += 1;
  }
}

function lineOf(events: readonly StoredEvent[]): string {
  const [first] = events;
  const line: Line = [
    first?.stream ?? '',
    first?.revision ?? 0,
    first?.createdMs ?? 0,
    events.map(({ position, id, type, contentType, data, metadata }) => [
      ...([position, id, type, contentType] as const),
      data.toString('latin1'),
      metadata.toString('latin1'),
    ]),
  ];
  return `${JSON.stringify(line)}\n`;
}
