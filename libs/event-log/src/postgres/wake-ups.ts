import { Client, type ClientConfig } from 'pg';

const retryMs = { first: 100, max: 5_000 };

/**
 * Tells when something was appended, by LISTEN on a connection of its own that is opened with the first listener and
 * reopened when it is lost. Only a hint to look at once: whoever listens polls as well.
 */
export class WakeUps {
  private readonly listeners = new Set<() => void>();
  private client: Client | undefined;
  private retry: NodeJS.Timeout | undefined;
  private retryAfterMs = retryMs.first;
  private closed = false;

  constructor(
    private readonly config: ClientConfig,
    private readonly onTrouble: (error: unknown, message: string) => void,
  ) {}

  /** Calls `wake` after every append of any process, until the returned function is called. */
  listen(wake: () => void): () => void {
    this.listeners.add(wake);
    if (this.client === undefined && this.retry === undefined) this.connect();
    return () => this.listeners.delete(wake);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    await this.client?.end();
  }

  private connect(): void {
    this.retry = undefined;
    const client = new Client(this.config);
    this.client = client;
    client.on('notification', () => {
      this.wakeAll();
    });
    // A lost connection may be told twice, as an error and as an end.
    const lost = (error: unknown): void => {
      if (this.client !== client || this.closed) return;
      this.client = undefined;
      this.onTrouble(error, 'wake-ups of the event log are interrupted');
      this.retry = setTimeout(() => {
        this.connect();
      }, this.retryAfterMs);
      this.retryAfterMs = Math.min(2 * this.retryAfterMs, retryMs.max);
      void client.end();
    };
    client.on('error', lost);
    client.on('end', () => {
      lost(new Error('the connection ended'));
    });
    client
      .connect()
      .then(() => client.query('listen event_log'))
      .then(() => {
        this.retryAfterMs = retryMs.first;
        this.wakeAll(); // for what came while nobody listened
      }, lost);
  }

  private wakeAll(): void {
    for (const wake of this.listeners) wake();
  }
}
