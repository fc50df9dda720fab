/** The double's words on the wire, from the stubs that the official client is made with. */
import {
  AllStreamPosition,
  Empty,
  MaximumAppendSizeExceeded,
  StreamIdentifier,
  Timeout,
  UUID,
  WrongExpectedVersion,
} from '@eventstore/db-client/generated/shared_pb';
import { Status } from '@eventstore/db-client/generated/status_pb';
import { BatchAppendResp, ReadResp } from '@eventstore/db-client/generated/streams_pb';
import type { Expected, StoredEvent } from './double-log';

const ticksPerMs = 10_000n;

/** @param textIds ids as text; otherwise as two halves of 64 bits, as the reader asked. */
export function eventMessage(event: StoredEvent, textIds: boolean): ReadResp {
  const recorded = new ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(textIds ? textUuid(event.id) : structuredUuid(event.id));
  recorded.setStreamIdentifier(identifier(event.stream));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.writtenAt));
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('content-type', event.contentType)
    .set('created', String(BigInt(event.createdMs) * ticksPerMs));
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const read = new ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  return new ReadResp().setEvent(read);
}

export function streamNotFound(stream: string): ReadResp {
  const missing = new ReadResp.StreamNotFound();
  missing.setStreamIdentifier(identifier(stream));
  return new ReadResp().setStreamNotFound(missing);
}

export function confirmation(id: string): ReadResp {
  const confirmed = new ReadResp.SubscriptionConfirmation();
  confirmed.setSubscriptionId(id);
  return new ReadResp().setConfirmation(confirmed);
}

export function checkpoint(position: number): ReadResp {
  const reached = new ReadResp.Checkpoint();
  reached.setCommitPosition(String(position));
  reached.setPreparePosition(String(position));
  return new ReadResp().setCheckpoint(reached);
}

export function caughtUp(): ReadResp {
  return new ReadResp().setCaughtUp(new ReadResp.CaughtUp());
}

/** @param position undefined: the server does not know it. */
export function appended(revision: number, position: number | undefined): BatchAppendResp {
  const success = new BatchAppendResp.Success();
  success.setCurrentRevision(String(revision));
  const at = new AllStreamPosition();
  at.setCommitPosition(position === undefined ? '18446744073709551615' : String(position));
  at.setPreparePosition(position === undefined ? '18446744073709551615' : String(position));
  success.setPosition(at);
  return new BatchAppendResp().setSuccess(success);
}

export function wrongVersion(current: number, expected: Expected): BatchAppendResp {
  const wrong = new WrongExpectedVersion();
  if (current === -1) wrong.setCurrentNoStream(new Empty());
  else wrong.setCurrentStreamRevision(String(current));
  if (expected === 'any') wrong.setExpectedAny(new Empty());
  else if (expected === 'exists') wrong.setExpectedStreamExists(new Empty());
  else if (expected === -1) wrong.setExpectedNoStream(new Empty());
  else wrong.setExpectedStreamPosition(String(expected));
  return failed(9, 'WrongExpectedVersion', 'event_store.client.WrongExpectedVersion', wrong.serializeBinary());
}

export function timedOut(): BatchAppendResp {
  return failed(4, 'Timeout', 'event_store.client.Timeout', new Timeout().serializeBinary());
}

export function tooLarge(bytesMax: number): BatchAppendResp {
  const exceeded = new MaximumAppendSizeExceeded();
  exceeded.setMaxappendsize(bytesMax);
  const kind = 'event_store.client.MaximumAppendSizeExceeded';
  return failed(3, 'Maximum Append Size Exceeded', kind, exceeded.serializeBinary());
}

/** What has no kind of its own has no code either: only words. */
export function notHandled(message: string): BatchAppendResp {
  return failed(0, message, 'google.protobuf.Empty', new Uint8Array());
}

export function identifier(stream: string): StreamIdentifier {
  const name = new StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  return name;
}

export function uuidText(uuid: UUID | undefined): string {
  const halves = uuid?.getStructured();
  if (halves === undefined) return uuid?.getString().toLowerCase() ?? '';
  const hex = [halves.getMostSignificantBits(), halves.getLeastSignificantBits()]
    .map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0'))
    .join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function structuredUuid(id: string): UUID {
  const hex = id.replaceAll('-', '');
  const halves = new UUID.Structured();
  halves.setMostSignificantBits(String(BigInt.asIntN(64, BigInt(`0x${hex.slice(0, 16)}`))));
  halves.setLeastSignificantBits(String(BigInt.asIntN(64, BigInt(`0x${hex.slice(16)}`))));
  const uuid = new UUID();
  uuid.setStructured(halves);
  return uuid;
}

function textUuid(id: string): UUID {
  const uuid = new UUID();
  uuid.setString(id);
  return uuid;
}

/** A `google.rpc.Status` with its details, an `Any`, written byte by byte: the stubs do not export that type. */
function failed(code: number, message: string, kind: string, details: Uint8Array): BatchAppendResp {
  const any = [...field(1, Buffer.from(`type.googleapis.com/${kind}`)), ...field(2, details)];
  const bytes = Uint8Array.from([0x08, code, ...field(2, Buffer.from(message)), ...field(3, any)]);
  return new BatchAppendResp().setError(Status.deserializeBinary(bytes));
}

/** A length-delimited protobuf field. */
function field(number: number, bytes: ArrayLike<number>): number[] {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >>> 7];
  return [(number << 3) | 2, ...length, ...Array.from(bytes)];
}
