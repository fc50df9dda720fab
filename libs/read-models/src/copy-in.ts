import type { ClientBase, Connection, Submittable } from 'pg';

/** A COPY on its way: the statement, and all it has to send. */
export interface CopyIn {
  readonly text: string;
  readonly data: Buffer;
}

/** The part of `pg`'s connection that its types leave out. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const speaksCopy = (connection: object): connection is CopyConnection =>
  ['query', 'sendCopyFromChunk', 'endCopyFrom'].every((name) => typeof Reflect.get(connection, name) === 'function');

/**
 * Sends rows by COPY. `pg` knows the messages but has no query of this kind; the calls are those that it makes to any
 * query of its own. The deadline of the client's statements holds for it, too.
 * @throws Error of `pg`; the transaction is then to be rolled back, as after any failed statement.
 */
export const copyIn = (client: ClientBase, { text, data }: CopyIn): Promise<void> =>
  new Promise((resolve, reject) => {
    client.query(
      new Copying(text, data, (error) => {
        if (error) reject(error);
        else resolve();
      }),
    );
  });

class Copying implements Submittable {
  constructor(
    private readonly text: string,
    private readonly data: Buffer,
    /** Replaced by the client with one that also ends its deadline. */
    public callback: (error: Error | null) => void,
  ) {}

  submit(connection: Connection): Error | undefined {
    if (!speaksCopy(connection)) return new Error('this connection cannot copy');
    connection.query(this.text);
    return undefined;
  }

  handleCopyInResponse(connection: object): void {
    if (!speaksCopy(connection)) throw new Error('this connection cannot copy');
    connection.sendCopyFromChunk(this.data);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {
    // what counts is that the server is ready for the next one
  }

  handleReadyForQuery(): void {
    this.callback(null);
  }

  handleError(error: Error): void {
    this.callback(error);
  }
}
