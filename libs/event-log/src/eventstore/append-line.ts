import { randomUUID } from 'node:crypto';
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb';
import type { ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { EventLogUnavailable } from '../event-log';
import type { SerialisedWrite } from '../serialise';
import { appendedPosition, appendFailure, appendRequests } from './append-requests';
import { explain } from './failures';
import { uuidText } from './recorded-events';

interface Pending {
  readonly write: SerialisedWrite;
  readonly resolve: (position: number | undefined) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One call on which appends go out and answers come back, in whatever order. When it breaks, everything under way on
 * it is unknown, and nothing else is: the next append takes a new line.
 */
export class AppendLine {
  private readonly call: ClientDuplexStream<BatchAppendReq, BatchAppendResp>;
  private readonly pending = new Map<string, Pending>();
  private failure: Error | undefined;
  private answers = 0;

  /** @param onBroken told once, with the reason, when the line has ended without `close`. */
  constructor(
    readonly client: StreamsClient,
    metadata: Metadata,
    private readonly onBroken: (error: unknown) => void,
  ) {
    this.call = client.batchAppend(metadata, {});
    this.call.on('data', (answer: BatchAppendResp) => {
      this.receive(answer);
    });
    this.call.on('error', (error) => {
      this.breakOff(error);
    });
    this.call.on('end', () => {
      this.breakOff(new EventLogUnavailable('the event store hung up'));
    });
  }

  get isOpen(): boolean {
    return this.failure === undefined;
  }

  /**
   * Resolves with the position of the last event, undefined when the server does not tell it.
   * @param onSilence called when the time is over and nothing has come back for anybody since.
   * @throws EventLogUnavailable after `timeoutMs`, or when the line breaks.
   */
  append(write: SerialisedWrite, timeoutMs: number, onSilence: () => void): Promise<number | undefined> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const correlationId = randomUUID();
    const answersBefore = this.answers;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(correlationId); // an answer that still comes finds nobody
        reject(new EventLogUnavailable(`the event store did not answer an append within ${String(timeoutMs)} ms`));
        if (this.answers === answersBefore) {
          this.breakOff(new EventLogUnavailable('the event store is silent'));
          this.call.cancel();
          onSilence();
        }
      }, timeoutMs);
      this.pending.set(correlationId, {
        write,
        resolve: (position) => {
          clearTimeout(timer);
          resolve(position);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      for (const request of appendRequests(write, correlationId)) this.call.write(request);
    });
  }

  /** Lets the server finish what it has; for when nobody waits any more. */
  close(): void {
    this.failure ??= new EventLogUnavailable('the event log is closed');
    this.call.end();
  }

  private receive(answer: BatchAppendResp): void {
    this.answers++;
    const correlationId = answer.getCorrelationId();
    const id = correlationId === undefined ? '' : uuidText(correlationId);
    const pending = this.pending.get(id);
    if (pending === undefined) return; // given up long ago
    this.pending.delete(id);
    try {
      const error = answer.getError();
      const success = answer.getSuccess();
      if (error !== undefined) pending.reject(appendFailure(pending.write, error));
      else if (success === undefined) pending.reject(new Error('the event store sent an answer without content'));
      else pending.resolve(appendedPosition(success));
    } catch (error) {
      pending.reject(explain(error));
    }
  }

  private breakOff(error: unknown): void {
    if (this.failure !== undefined) {
      for (const { reject } of this.takePending()) reject(this.failure);
      return;
    }
    const failure = explain(error);
    this.failure = failure;
    this.onBroken(error);
    for (const { reject } of this.takePending()) reject(failure);
  }

  private takePending(): readonly Pending[] {
    const pending = [...this.pending.values()];
    this.pending.clear();
    return pending;
  }
}
