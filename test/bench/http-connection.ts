import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  /** As received, names as the server spelled them. */
  readonly head: string;
  readonly body: string;
}

/** Longer than any server of ours takes: a request that is not answered by then broke the measurement. */
const ANSWER_TIMEOUT_MS = 30_000;
const HEAD_END = '\r\n\r\n';

/**
 * One keep-alive connection, one request at a time. It knows just enough HTTP/1.1 for the answers of our own servers
 * (`Content-Length`, no chunks) and costs half of what the usual clients cost, which counts where the load generator
 * shares two cores with what it measures.
 */
export class HttpConnection {
  private received = '';
  private waiting:
    { readonly resolve: (answer: HttpAnswer) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(
    readonly origin: string,
    private readonly socket: Socket,
  ) {
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      if (this.waiting !== undefined) socket.destroy(new Error(`no answer within ${String(ANSWER_TIMEOUT_MS)} ms`));
    });
    socket.on('data', (chunk: string) => {
      this.received = this.received === '' ? chunk : this.received + chunk;
      this.take();
    });
    socket.on('error', (error) => this.waiting?.reject(error));
    socket.on('close', () => this.waiting?.reject(new Error('the server closed the connection')));
  }

  /** @param origin such as `http://127.0.0.1:3000` */
  static async open(origin: string): Promise<HttpConnection> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new HttpConnection(origin, socket);
  }

  /** Sends a request, head and body as one text of ASCII characters. Rejects when the connection breaks. */
  send(request: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private take(): void {
    const headEnd = this.received.indexOf(HEAD_END);
    if (headEnd === -1 || this.waiting === undefined) return;
    const head = this.received.slice(0, headEnd);
    const length = headerOf(head, 'content-length');
    if (length === undefined) {
      this.socket.destroy(new Error(`an answer without Content-Length: ${head}`));
      return;
    }
    const end = headEnd + HEAD_END.length + Number(length);
    if (this.received.length < end) return;
    const body = this.received.slice(headEnd + HEAD_END.length, end);
    this.received = '';
    const { resolve } = this.waiting;
    this.waiting = undefined;
    resolve({ status: Number(head.slice(9, 12)), head, body });
  }
}

/** A header's value. `name` in lower case. */
export const headerOf = (head: string, name: string): string | undefined => {
  const lower = head.toLowerCase();
  const start = lower.indexOf(`\r\n${name}:`);
  if (start === -1) return undefined;
  const from = start + name.length + 3;
  const end = head.indexOf('\r\n', from);
  return head.slice(from, end === -1 ? undefined : end).trim();
};

/** The text of a request. `headers` in order; the body, if any, is JSON. */
export const requestText = (
  method: 'GET' | 'POST',
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): string => {
  let text = `${method} ${path} HTTP/1.1\r\nhost: bench\r\n`;
  for (const name in headers) text += `${name}: ${headers[name] ?? ''}\r\n`;
  if (body === undefined) return `${text}\r\n`;
  return `${text}content-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`;
};
