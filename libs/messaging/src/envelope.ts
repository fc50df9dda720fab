import type { EventMeta, RecordedEvent } from '#event-log/event-log';

/**
 * Events as Kafka messages: CloudEvents 1.0 in binary mode. The attributes are headers, the value is the event's data,
 * the key is the account id. `docs/asyncapi.yaml` describes them for other consumers.
 *
 * Written by hand and not with the `cloudevents` package, which brings a JSON-schema compiler and five more packages to
 * fill a dozen headers: most of them are attributes of our own, and those would still have to be checked here.
 */
export interface Message {
  readonly key: string | null;
  readonly value: string;
  readonly headers: Record<string, string>;
}

/** As a consumer gets it: anybody may have written it. */
export interface ReceivedMessage {
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | null | undefined>>;
}

/**
 * A message vouches for a stretch of its partition: after `after` up to its position there is this event and no other.
 * The stretches of a partition follow on each other, so that whoever stands before `after` knows that something is
 * missing, whatever became of it.
 */
export interface Link {
  readonly after: number;
  /** In how many partitions the accounts are divided: with another number an account is elsewhere. */
  readonly partitions: number;
}

/** A watermark is a link without an event: nothing happened in this partition after `after` up to `position`. */
export interface Watermark extends Link {
  readonly kind: 'watermark';
  readonly position: number;
}

export interface Carried extends Link {
  readonly kind: 'event';
  readonly event: RecordedEvent;
}

export const WATERMARK = 'coordinator.watermark';
export const SOURCE = 'coordinator';
const EVENT_PREFIX = 'coordinator.';
const JSON_TYPE = 'application/json';

/**
 * @throws EnvelopeError when the event cannot travel: its consumers have to read it from the log.
 */
export function toMessage(event: RecordedEvent, { after, partitions }: Link): Message {
  const { meta } = event;
  return {
    key: text('accountId', meta.accountId),
    value: JSON.stringify(event.data),
    headers: {
      ce_specversion: '1.0',
      ce_id: event.id,
      ce_source: SOURCE,
      ce_type: EVENT_PREFIX + event.type,
      ce_subject: event.stream,
      ce_time: timeOf(meta.at),
      'content-type': JSON_TYPE,
      ce_position: String(event.position),
      ce_after: String(after),
      ce_partitions: String(partitions),
      ce_revision: String(event.revision),
      ce_accountid: meta.accountId,
      ce_userid: text('userId', meta.userId),
      ce_correlationid: text('correlationId', meta.correlationId),
      ce_causationid: text('causationId', meta.causationId),
      ce_schemaversion: String(meta.schemaVersion),
    },
  };
}

export function toWatermark(position: number, { after, partitions }: Link): Message {
  return {
    key: null,
    value: '{}',
    headers: {
      ce_specversion: '1.0',
      ce_id: `watermark-${String(after)}-${String(position)}`,
      ce_source: SOURCE,
      ce_type: WATERMARK,
      'content-type': JSON_TYPE,
      ce_position: String(position),
      ce_after: String(after),
      ce_partitions: String(partitions),
    },
  };
}

/** What is wrong with a message, or with an event that should become one; it names the header. */
export class EnvelopeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EnvelopeError';
  }
}

/**
 * @throws EnvelopeError that names the first header that is missing or wrong.
 */
export function fromMessage(message: ReceivedMessage): Carried | Watermark {
  const header = (name: string): string => one(message, name);
  is(header('ce_specversion'), '1.0', 'ce_specversion');
  is(header('ce_source'), SOURCE, 'ce_source');
  is(header('content-type'), JSON_TYPE, 'content-type');
  const type = header('ce_type');
  const position = whole('ce_position', header('ce_position'), 1);
  const after = whole('ce_after', header('ce_after'), 0);
  const partitions = whole('ce_partitions', header('ce_partitions'), 1);
  if (type === WATERMARK) {
    // One that covers nothing is a sign of life, and tells where the log stands.
    if (after > position) throw new EnvelopeError('header ce_after lies behind ce_position');
    return { kind: 'watermark', position, after, partitions };
  }
  if (after >= position) throw new EnvelopeError('header ce_after does not lie before ce_position');
  if (!type.startsWith(EVENT_PREFIX) || type.length === EVENT_PREFIX.length) {
    throw new EnvelopeError(`header ce_type is no type of ours: ${shown(type)}`);
  }
  const meta: EventMeta = {
    userId: header('ce_userid'),
    accountId: header('ce_accountid'),
    correlationId: header('ce_correlationid'),
    causationId: header('ce_causationid'),
    at: instant(header('ce_time')),
    schemaVersion: whole('ce_schemaversion', header('ce_schemaversion'), Number.MIN_SAFE_INTEGER),
  };
  if ((message.key ?? '').toString() !== meta.accountId) throw new EnvelopeError('the key is not header ce_accountid');
  const event: RecordedEvent = {
    id: uuid(header('ce_id')),
    type: type.slice(EVENT_PREFIX.length),
    data: dataOf(message.value),
    meta,
    stream: filled('ce_subject', header('ce_subject')),
    revision: whole('ce_revision', header('ce_revision'), 0),
    position,
  };
  return { kind: 'event', event, after, partitions };
}

function one({ headers }: ReceivedMessage, name: string): string {
  const value = headers?.[name];
  if (value === undefined || value === null) throw new EnvelopeError(`header ${name} is missing`);
  if (typeof value === 'string') return value;
  if (!Buffer.isBuffer(value)) throw new EnvelopeError(`header ${name} stands there more than once`);
  return value.toString();
}

function is(value: string, expected: string, name: string): void {
  if (value !== expected) throw new EnvelopeError(`header ${name} is ${shown(value)}, not ${expected}`);
}

function whole(name: string, value: string, min: number): number {
  const number = Number(value);
  // Written as a number writes itself: no blanks, no exponent, no leading zeros.
  if (!Number.isSafeInteger(number) || String(number) !== value || number < min) {
    throw new EnvelopeError(`header ${name} is no whole number from ${String(min)}: ${shown(value)}`);
  }
  return number;
}

function filled(name: string, value: string): string {
  if (value === '') throw new EnvelopeError(`header ${name} is empty`);
  return value;
}

function uuid(value: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) {
    throw new EnvelopeError(`header ce_id is no UUID: ${shown(value)}`);
  }
  return value;
}

function instant(value: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new EnvelopeError(`header ce_time is no instant in UTC: ${shown(value)}`);
  return ms;
}

function dataOf(value: ReceivedMessage['value']): object {
  if (value === null) throw new EnvelopeError('the value is missing');
  let data: unknown;
  try {
    data = JSON.parse(value.toString());
  } catch {
    throw new EnvelopeError('the value is no JSON');
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new EnvelopeError('the value is no JSON object');
  }
  return data;
}

const firstYearMs = Date.parse('0000-01-01T00:00:00.000Z');
const endOfYearsMs = Date.UTC(10_000, 0, 1);

function timeOf(at: number): string {
  if (at < firstYearMs || at >= endOfYearsMs) throw new EnvelopeError('meta.at lies in no year of four digits');
  return new Date(at).toISOString();
}

/** Half a surrogate pair has no UTF-8. */
function text(name: string, value: string): string {
  if (/\p{Cs}/u.test(value)) throw new EnvelopeError(`meta.${name} is no well-formed text`);
  return value;
}

const shown = (value: string): string => JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
