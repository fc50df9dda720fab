import type { EventMeta, ExpectedRevision, NewEvent, Write } from './event-log';

/** A write that has been checked, its events as the text that is stored. */
export interface SerialisedWrite {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly SerialisedEvent[];
}

export interface SerialisedEvent {
  readonly id: string;
  readonly type: string;
  /** JSON. */
  readonly data: string;
  /** JSON. */
  readonly meta: string;
}

const nameLengthMax = 200;
/** Room enough for any stream, and far from what an `int` column overflows at. */
const revisionMax = 2 ** 30;
const depthMax = 100;

/**
 * Checks the arguments of `append` and writes its events out, once, for every adapter. What cannot come back from the
 * log as it went in (a Date, NaN, undefined, a bigint, …) is refused here, before anything is queued: a state folded
 * from the events at hand must equal the state folded from the log.
 * @throws TypeError that says which event or argument, and what is wrong with it.
 */
export function serialiseWrites(writes: readonly Write[]): readonly SerialisedWrite[] {
  if (writes.length === 0) throw new TypeError('append needs at least one write');
  const streams = new Set<string>();
  return writes.map((write) => {
    if (streams.has(write.stream)) throw new TypeError(`stream ${write.stream} is written twice in one append`);
    streams.add(write.stream);
    return serialiseWrite(write);
  });
}

function serialiseWrite({ stream, expected, events }: Write): SerialisedWrite {
  checkName('stream name', stream);
  if (expected !== 'no-stream' && !isRevision(expected)) {
    throw new TypeError(`stream ${stream}: ${String(expected)} is not an expected revision`);
  }
  if (events.length === 0) throw new TypeError(`stream ${stream}: a write needs at least one event`);
  let lastMeta: EventMeta | undefined;
  let lastMetaText = '';
  return {
    stream,
    expected,
    events: events.map(({ id, type, data, meta }: NewEvent) => {
      checkName('event type', type);
      if (!isUuid(id)) throw new TypeError(`${type} of ${stream}: event id ${JSON.stringify(id)} is not a UUID`);
      // The events of one request usually share their meta.
      if (meta !== lastMeta) {
        if (!isEventMeta(meta)) throw new TypeError(`${type} of ${stream}: meta is incomplete`);
        lastMetaText = toJson(meta, `${type} of ${stream}: meta`);
        lastMeta = meta;
      }
      return { id: id.toLowerCase(), type, data: toJson(data, `${type} of ${stream}: data`), meta: lastMetaText };
    }),
  };
}

/**
 * @throws TypeError unless it is 1 to 200 characters of text without control characters.
 */
export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > nameLengthMax || /[\p{Cc}\p{Cs}]/u.test(name)) {
    throw new TypeError(
      `${what} must be 1 to ${String(nameLengthMax)} characters without control characters: ${JSON.stringify(name)}`,
    );
  }
}

export function isRevision(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= revisionMax;
}

export function isEventMeta(value: unknown): value is EventMeta {
  return (
    typeof value === 'object' &&
    value !== null &&
    'userId' in value &&
    typeof value.userId === 'string' &&
    'accountId' in value &&
    typeof value.accountId === 'string' &&
    'correlationId' in value &&
    typeof value.correlationId === 'string' &&
    'causationId' in value &&
    typeof value.causationId === 'string' &&
    'at' in value &&
    Number.isSafeInteger(value.at) &&
    'schemaVersion' in value &&
    Number.isSafeInteger(value.schemaVersion)
  );
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value);
}

function toJson(value: unknown, where: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${where} must be an object`);
  }
  const fault = faultIn(value, 0);
  if (fault !== undefined) throw new TypeError(where + fault);
  return JSON.stringify(value);
}

/** Where and why a value is not plain JSON (`.fills[2].priceE4 is NaN, …`), or undefined. Paths are made only when told. */
function faultIn(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : ` is ${String(value)}, which JSON cannot hold`;
    case 'object':
      if (value === null) return undefined;
      if (depth === depthMax) return ' is nested too deeply, or in a circle';
      return Array.isArray(value) ? faultInArray(value, depth) : faultInObject(value, depth);
    case 'undefined':
    case 'bigint':
    case 'symbol':
    case 'function':
      return ` is ${typeof value}, which JSON cannot hold`;
  }
}

function faultInArray(values: readonly unknown[], depth: number): string | undefined {
  for (let index = 0; index < values.length; index++) {
    const fault = faultIn(values[index], depth + 1);
    if (fault !== undefined) return `[${String(index)}]${fault}`;
  }
  return undefined;
}

function faultInObject(value: object, depth: number): string | undefined {
  // Told by the chain's length, not by identity, so that objects of another realm pass.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return ` is ${Object.prototype.toString.call(value)}, not a plain object`;
  }
  for (const [key, inner] of Object.entries(value)) {
    const fault = faultIn(inner, depth + 1);
    if (fault !== undefined) return `.${key}${fault}`;
  }
  return undefined;
}
