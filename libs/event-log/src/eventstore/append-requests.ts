import { Empty, StreamIdentifier, UUID, WrongExpectedVersion } from '@eventstore/db-client/generated/shared_pb';
import type { Status } from '@eventstore/db-client/generated/status_pb';
import { BatchAppendReq, type BatchAppendResp } from '@eventstore/db-client/generated/streams_pb';
import { EventLogUnavailable, type ExpectedRevision, WrongExpectedRevision } from '../event-log';
import { isRevision, type SerialisedWrite } from '../serialise';
import { parsePosition } from './recorded-events';

/** A write goes out in pieces of about this size: a server takes no message above a few megabytes. */
const pieceBytes = 512 * 1024;

/** The server could not finish the append in its own time, or had the very same one still under way. */
export class ServerTimedOut extends EventLogUnavailable {
  constructor() {
    super('the event store did not finish an append in time');
    this.name = 'ServerTimedOut';
  }
}

/**
 * The messages of one write; the last one is marked, and the server stores nothing before it.
 *
 * They carry no deadline: it would be a time of day, and a server whose clock is ahead of ours would refuse everything.
 */
export function appendRequests({ stream, expected, events }: SerialisedWrite, correlationId: string): BatchAppendReq[] {
  const pieces: BatchAppendReq[] = [];
  let bytes = Infinity;
  for (const { id, type, data, meta } of events) {
    if (bytes >= pieceBytes) {
      pieces.push(new BatchAppendReq().setCorrelationId(uuidOf(correlationId)));
      bytes = 0;
    }
    const message = new BatchAppendReq.ProposedMessage();
    message.setId(uuidOf(id));
    message.getMetadataMap().set('type', type).set('content-type', 'application/json');
    message.setData(Buffer.from(data));
    message.setCustomMetadata(Buffer.from(meta));
    pieces.at(-1)?.addProposedMessages(message);
    bytes += data.length + meta.length;
  }
  pieces.at(0)?.setOptions(optionsOf(stream, expected));
  pieces.at(-1)?.setIsFinal(true);
  return pieces;
}

function optionsOf(stream: string, expected: ExpectedRevision): BatchAppendReq.Options {
  const name = new StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  const options = new BatchAppendReq.Options();
  options.setStreamIdentifier(name);
  if (expected === 'no-stream') options.setNoStream(new Empty());
  else options.setStreamPosition(String(expected));
  return options;
}

function uuidOf(text: string): UUID {
  const uuid = new UUID();
  uuid.setString(text);
  return uuid;
}

/** Position of the write's last event; undefined when the server stored it, now or before, but does not say where. */
export function appendedPosition(success: BatchAppendResp.Success): number | undefined {
  const position = success.getPosition()?.getCommitPosition();
  // 2^64 - 1 is how it says that it did not find the position of a repeated write.
  return position === undefined || position === '18446744073709551615' ? undefined : parsePosition(position);
}

/** What to throw for an append that the server did not take. */
export function appendFailure({ stream, expected }: SerialisedWrite, error: Status): Error {
  const details = error.getDetails();
  const kind = details?.getTypeName() ?? '';
  switch (kind) {
    case 'event_store.client.WrongExpectedVersion': {
      const wrong = details?.unpack((bytes) => WrongExpectedVersion.deserializeBinary(bytes), kind);
      const actual = Number(wrong?.hasCurrentStreamRevision() === true ? wrong.getCurrentStreamRevision() : Number.NaN);
      return new WrongExpectedRevision(stream, expected, isRevision(actual) ? actual : 'no-stream');
    }
    case 'event_store.client.MaximumAppendSizeExceeded':
      return new TypeError(`stream ${stream}: the write is larger than the event store takes`);
    case 'event_store.client.AccessDenied':
    case 'event_store.client.BadRequest':
    case 'event_store.client.StreamDeleted':
      return new Error(`the event store refused to append to ${stream}: ${kind.slice('event_store.client.'.length)}`);
    case 'event_store.client.Timeout':
      return new ServerTimedOut();
    default: // not ready, too busy, something went wrong
      return new EventLogUnavailable(`the event store did not append: ${error.getMessage() || kind}`);
  }
}
