import type { UUID } from '@eventstore/db-client/generated/shared_pb';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb';
import type { EventMeta, RecordedEvent } from '../event-log';
import { isEventMeta } from '../serialise';

/** @throws Error for what is not a position that a JavaScript number holds exactly. */
export function parsePosition(text: string): number {
  const position = Number(text);
  if (!Number.isSafeInteger(position) || position < 0) throw new Error(`${text} is not a position of the log`);
  return position;
}

/** What lies at a position of the log: without an event when somebody else wrote it (a tool, a tombstone). */
export interface Found {
  readonly position: number;
  readonly event?: RecordedEvent;
}

/** @throws Error naming the position of what is not one of our events. */
export function toEvent(read: ReadResp.ReadEvent): RecordedEvent {
  const { position, event } = toFound(read);
  if (event === undefined) throw new Error(`position ${String(position)} of the log does not hold an event`);
  return event;
}

export function toFound(read: ReadResp.ReadEvent): Found {
  const recorded = read.getEvent();
  if (recorded === undefined) throw new Error('the event store sent an event without content');
  const position = parsePosition(recorded.getCommitPosition());
  const metadata = recorded.getMetadataMap();
  const type = metadata.get('type');
  const id = recorded.getId();
  const stream = recorded.getStreamIdentifier();
  const data = metadata.get('content-type') === 'application/json' ? parse(recorded.getData_asU8()) : undefined;
  const meta = parse(recorded.getCustomMetadata_asU8());
  if (type === undefined || id === undefined || stream === undefined || !isObject(data) || !isEventMeta(meta)) {
    return { position };
  }
  const event = {
    id: uuidText(id),
    type,
    data,
    meta,
    stream: Buffer.from(stream.getStreamName_asU8()).toString(),
    revision: Number(recorded.getStreamRevision()),
    position,
  };
  return { position, event };
}

/** The server answers with text or with two halves of 64 bits, whatever it was sent. */
export function uuidText(uuid: UUID): string {
  const halves = uuid.getStructured();
  if (halves === undefined) return uuid.getString().toLowerCase();
  const hex = [halves.getMostSignificantBits(), halves.getLeastSignificantBits()]
    .map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0'))
    .join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function isObject(value: unknown): value is EventMeta | object {
  return typeof value === 'object' && value !== null;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    return undefined; // the caller names the position
  }
}
