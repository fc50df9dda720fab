import { randomUUID } from 'node:crypto';
import {
  AppendResp,
  BatchAppendReq,
  type BatchAppendResp,
  ReadReq,
  type ReadResp,
} from '@eventstore/db-client/generated/streams_pb';
import { type AppendReq } from '@eventstore/db-client/generated/streams_pb';
import { Empty } from '@eventstore/db-client/generated/shared_pb';
import type { IStreamsServer } from '@eventstore/db-client/generated/streams_grpc_pb';
import {
  Metadata,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import type { DoubleLog, Expected, Outcome, ProposedEvent, StoredEvent } from './double-log';
import type { Faults } from './faults';
import * as messages from './messages';

/** How long a server waits for a write that it does not finish. Its default is four times this. */
const commitTimeoutMs = 500;
const appendBytesMax = 1024 * 1024;
const windowDefault = 32;

interface Refusal {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** An append whose last message has not come yet. */
interface Incoming {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: ProposedEvent[];
}

type Filter = (event: StoredEvent) => boolean;

/**
 * The streams service: what `Read`, `Append` and `BatchAppend` do on a server of one node, as far as a client can
 * tell. Deleting is not implemented; nothing here deletes.
 */
export class DoubleStreams {
  faults: Faults;

  constructor(
    private readonly log: DoubleLog,
    faults: Faults,
    private readonly cut: () => void,
  ) {
    this.faults = faults;
  }

  service(): IStreamsServer {
    const deleting = (_: unknown, answer: sendUnaryData<never>): void => {
      answer({ code: status.UNIMPLEMENTED, details: 'the double deletes nothing' });
    };
    return {
      read: (call) => void this.read(call),
      append: (call, answer) => {
        this.append(call, answer);
      },
      batchAppend: (call) => {
        this.batchAppend(call);
      },
      delete: deleting,
      tombstone: deleting,
    };
  }

  private batchAppend(call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void {
    const incoming = new Map<string, Incoming>();
    let underWay = 0;
    let isEnding = false;
    const finish = (): void => {
      if (isEnding && underWay === 0) call.end();
    };
    call.on('data', (request: BatchAppendReq) => {
      if (this.faults.blackhole) return;
      const id = messages.uuidText(request.getCorrelationId());
      const options = request.getOptions();
      if (options !== undefined) incoming.set(id, begin(options));
      const write = incoming.get(id);
      if (write === undefined) return;
      write.events.push(...request.getProposedMessagesList().map(proposedEvent));
      if (!request.getIsFinal()) return;
      incoming.delete(id);
      const refusal = this.notLeader();
      if (refusal !== undefined) {
        call.emit('error', refusal); // ends the whole call, with everything under way on it
        return;
      }
      underWay++;
      void this.store(write).then(async (answer) => {
        underWay--;
        if (answer !== undefined) {
          await this.delay();
          // As on a server: a timeout comes with another spelling of the same id.
          const isTimeout = answer.getError()?.getDetails()?.getTypeName() === 'event_store.client.Timeout';
          answer.setCorrelationId(isTimeout ? messages.structuredUuid(id) : request.getCorrelationId());
          answer.setStreamIdentifier(messages.identifier(write.stream));
          call.write(answer);
        }
        finish();
      });
    });
    call.on('end', () => {
      isEnding = true;
      finish();
    });
    call.on('error', () => undefined); // the other side hung up
  }

  /** What to answer; undefined for no answer at all. */
  private async store({ stream, expected, events }: Incoming): Promise<BatchAppendResp | undefined> {
    if (this.faults.unavailable) return messages.notHandled('Server Is Not Ready');
    if (sizeOf(events) > appendBytesMax) return messages.tooLarge(appendBytesMax);
    const outcome = await this.log.append(stream, expected, events);
    if (outcome.kind === 'stored' && this.isDropped()) return undefined;
    switch (outcome.kind) {
      case 'stored':
        return messages.appended(outcome.revision, this.faults.hidePositions ? undefined : outcome.position);
      case 'wrong-version':
        return messages.wrongVersion(outcome.current, expected);
      case 'not-ready':
        await sleep(commitTimeoutMs);
        return messages.timedOut();
    }
  }

  private append(call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>): void {
    let write: Incoming | undefined;
    call.on('data', (request: AppendReq) => {
      const options = request.getOptions();
      const message = request.getProposedMessage();
      if (options !== undefined) write = begin(options);
      if (message !== undefined) write?.events.push(proposedEvent(message));
    });
    call.on('end', () => {
      if (this.faults.blackhole) return;
      const refusal = this.notLeader() ?? this.notReady();
      if (refusal !== undefined || write === undefined) {
        answer(refusal ?? { code: status.INVALID_ARGUMENT, details: 'no options' });
        return;
      }
      const { stream, expected, events } = write;
      void this.log.append(stream, expected, events).then(async (outcome) => {
        if (outcome.kind === 'stored' && this.isDropped()) return;
        if (outcome.kind === 'not-ready') await sleep(commitTimeoutMs);
        await this.delay();
        answerAppend(outcome, expected, answer);
      });
    });
    call.on('error', () => undefined);
  }

  private async read(call: ServerWritableStream<ReadReq, ReadResp>): Promise<void> {
    call.on('error', () => undefined);
    if (this.faults.blackhole) return;
    const refusal = this.notLeader() ?? this.notReady();
    const options = call.request.getOptions();
    if (refusal !== undefined || options === undefined) {
      call.emit('error', refusal ?? { code: status.INVALID_ARGUMENT, details: 'no options' });
      return;
    }
    await this.delay();
    try {
      if (options.hasSubscription()) await this.subscribe(call, options);
      else await this.readOnce(call, options);
      if (!call.cancelled) call.end();
    } catch (error) {
      call.emit('error', { code: status.INVALID_ARGUMENT, details: String(error) });
    }
  }

  private async readOnce(call: ServerWritableStream<ReadReq, ReadResp>, options: ReadReq.Options): Promise<void> {
    const of = options.getStream();
    const isBackwards = options.getReadDirection() === ReadReq.Options.ReadDirection.BACKWARDS;
    const count = Number(options.getCount());
    const textIds = options.getUuidOption()?.hasString() ?? false;
    if (of !== undefined) {
      const name = nameOf(of.getStreamIdentifier());
      const events = this.log.stream(name);
      if (events === undefined) {
        call.write(messages.streamNotFound(name));
        return;
      }
      const from = of.hasRevision() ? Number(of.getRevision()) : of.hasEnd() ? events.length - 1 : 0;
      const wanted = isBackwards ? events.slice(0, from + 1).reverse() : events.slice(from);
      for (const event of wanted.slice(0, count)) await send(call, messages.eventMessage(event, textIds));
      return;
    }
    const filter = filterOf(options);
    const max = options.getFilter()?.getMax();
    if (max !== undefined && max !== 0 && max <= count) throw new Error('the window has to exceed the count');
    if (this.faults.endlessSearch && (options.getFilter()?.getStreamIdentifier()?.getPrefixList().length ?? 0) > 0) {
      await new Promise<void>((resolve) => call.on('cancelled', resolve));
      return;
    }
    const all = this.log.events;
    let sent = 0;
    const step = isBackwards ? -1 : 1;
    const end = isBackwards ? -1 : all.length;
    for (let index = this.start(options, isBackwards); step * index < step * end && sent < count; index += step) {
      const event = all[index];
      if (event === undefined || !filter(event)) continue;
      await send(call, messages.eventMessage(event, textIds));
      sent++;
      if (call.cancelled) return;
    }
  }

  private async subscribe(call: ServerWritableStream<ReadReq, ReadResp>, options: ReadReq.Options): Promise<void> {
    const textIds = options.getUuidOption()?.hasString() ?? false;
    const of = options.getStream();
    const stream = of === undefined ? undefined : nameOf(of.getStreamIdentifier());
    const wanted = filterOf(options);
    const filter: Filter = (event) => (stream === undefined || event.stream === stream) && wanted(event);
    const filterOptions = options.getFilter();
    const window = filterOptions?.hasMax() === true ? filterOptions.getMax() : windowDefault;
    const checkpointEvery = window * (filterOptions?.getCheckpointintervalmultiplier() ?? 1);
    let wake: () => void = () => undefined;
    const stopListening = this.log.listen(() => {
      wake();
    });
    call.on('cancelled', () => {
      wake();
    });
    try {
      let index = this.subscriptionStart(options);
      call.write(messages.confirmation(randomUUID()));
      for (let considered = 0, isLive = false; !call.cancelled;) {
        const event = this.log.events[index];
        if (event === undefined) {
          if (!isLive && !this.faults.neverCaughtUp) call.write(messages.caughtUp());
          isLive = true;
          await new Promise<void>((resolve) => (wake = resolve));
          continue;
        }
        if (this.faults.blackhole || this.faults.silentSubscriptions) {
          await new Promise<void>((resolve) => call.on('cancelled', resolve));
          return;
        }
        index++;
        considered++;
        if (filter(event)) await send(call, messages.eventMessage(event, textIds));
        if (filterOptions !== undefined && considered % checkpointEvery === 0) {
          await send(call, messages.checkpoint(event.position));
        }
      }
    } finally {
      stopListening();
    }
  }

  /** Where a read of the whole log begins: at the position itself going forwards, before it going backwards. */
  private start(options: ReadReq.Options, isBackwards: boolean): number {
    const all = options.getAll();
    const position = all?.getPosition();
    if (position === undefined) {
      const atEnd = all?.hasEnd() ?? false;
      return isBackwards ? (atEnd ? this.log.events.length - 1 : -1) : atEnd ? this.log.events.length : 0;
    }
    const index = this.exact(Number(position.getCommitPosition()));
    return isBackwards ? index - 1 : index;
  }

  /** A subscription begins behind what it names. */
  private subscriptionStart(options: ReadReq.Options): number {
    const of = options.getStream();
    if (of !== undefined) {
      if (of.hasStart()) return 0;
      if (of.hasEnd()) return this.log.events.length;
      const event = this.log.stream(nameOf(of.getStreamIdentifier()))?.[Number(of.getRevision())];
      return event === undefined ? this.log.events.length : this.log.indexOf(event.position) + 1;
    }
    const index = this.start(options, false);
    return options.getAll()?.hasPosition() === true ? index + 1 : index;
  }

  /** A server reads at an offset of its log: one that is not the beginning of a record is an error. */
  private exact(position: number): number {
    const index = this.log.indexOf(position);
    if (this.log.events[index]?.position !== position) throw new Error(`${String(position)} is not a valid position`);
    return index;
  }

  private notLeader(): Refusal | undefined {
    const leader = this.faults.notLeader;
    if (leader === null) return undefined;
    const metadata = new Metadata();
    metadata.set('exception', 'not-leader');
    metadata.set('leader-endpoint-host', leader.host);
    metadata.set('leader-endpoint-port', String(leader.port));
    return { code: status.NOT_FOUND, details: 'Leader info available', metadata };
  }

  private notReady(): Refusal | undefined {
    return this.faults.unavailable ? { code: status.UNAVAILABLE, details: 'Server Is Not Ready' } : undefined;
  }

  private isDropped(): boolean {
    if (this.faults.dropAfterCommit === 0) return false;
    this.faults = { ...this.faults, dropAfterCommit: this.faults.dropAfterCommit - 1 };
    this.cut();
    return true;
  }

  private async delay(): Promise<void> {
    if (this.faults.delayMs > 0) await sleep(this.faults.delayMs);
  }
}

function begin(options: BatchAppendReq.Options | AppendReq.Options): Incoming {
  const revision = options instanceof BatchAppendReq.Options ? options.getStreamPosition() : options.getRevision();
  const expected: Expected = options.hasAny()
    ? 'any'
    : options.hasStreamExists()
      ? 'exists'
      : options.hasNoStream()
        ? -1
        : Number(revision);
  return { stream: nameOf(options.getStreamIdentifier()), expected, events: [] };
}

function proposedEvent(message: BatchAppendReq.ProposedMessage | AppendReq.ProposedMessage): ProposedEvent {
  return {
    id: messages.uuidText(message.getId()),
    type: message.getMetadataMap().get('type') ?? '',
    contentType: message.getMetadataMap().get('content-type') ?? '',
    data: Buffer.from(message.getData_asU8()),
    metadata: Buffer.from(message.getCustomMetadata_asU8()),
  };
}

function answerAppend(outcome: Outcome, expected: Expected, answer: sendUnaryData<AppendResp>): void {
  switch (outcome.kind) {
    case 'stored': {
      const success = new AppendResp.Success();
      success.setCurrentRevision(String(outcome.revision));
      const position = new AppendResp.Position();
      position.setCommitPosition(String(outcome.position));
      position.setPreparePosition(String(outcome.position));
      success.setPosition(position);
      answer(null, new AppendResp().setSuccess(success));
      return;
    }
    case 'wrong-version': {
      const wrong = new AppendResp.WrongExpectedVersion();
      if (outcome.current === -1) wrong.setCurrentNoStream(new Empty());
      else wrong.setCurrentRevision(String(outcome.current));
      if (expected === 'any') wrong.setExpectedAny(new Empty());
      else if (expected === 'exists') wrong.setExpectedStreamExists(new Empty());
      else if (expected === -1) wrong.setExpectedNoStream(new Empty());
      else wrong.setExpectedRevision(String(expected));
      answer(null, new AppendResp().setWrongExpectedVersion(wrong));
      return;
    }
    case 'not-ready':
      answer({ code: status.ABORTED, details: 'Operation timed out' });
  }
}

function filterOf(options: ReadReq.Options): Filter {
  const filter = options.getFilter();
  const names = filter?.getStreamIdentifier();
  const expression = names ?? filter?.getEventType();
  if (expression === undefined) return () => true;
  const subject = (event: StoredEvent): string => (names === undefined ? event.type : event.stream);
  const prefixes = expression.getPrefixList();
  const regex = new RegExp(expression.getRegex(), 'u');
  return expression.getRegex() === ''
    ? (event) => prefixes.some((prefix) => subject(event).startsWith(prefix))
    : (event) => regex.test(subject(event));
}

function nameOf(identifier: { getStreamName_asU8(): Uint8Array } | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();
}

function sizeOf(events: readonly ProposedEvent[]): number {
  return events.reduce((sum, { data, metadata, type }) => sum + data.length + metadata.length + type.length, 0);
}

/** Resolves when there is room for more, or nobody is there any more. */
async function send(call: ServerWritableStream<ReadReq, ReadResp>, message: ReadResp): Promise<void> {
  if (call.write(message) || call.cancelled) return;
  await new Promise<void>((resolve) => {
    const goOn = (): void => {
      call.off('drain', goOn);
      call.off('cancelled', goOn);
      resolve();
    };
    call.on('drain', goOn);
    call.on('cancelled', goOn);
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
