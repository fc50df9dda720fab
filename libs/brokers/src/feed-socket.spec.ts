import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { FeedState } from './client';
import { FeedRefused, FeedSocket, type FeedSocketOptions } from './feed-socket';

const DEADLINE_MS = 8_000;

/** A server whose answer to each handshake is decided by the spec. */
class Broker {
  readonly handshakes: IncomingMessage[] = [];
  readonly sockets: WebSocket[] = [];
  readonly heard: string[] = [];
  answer: (request: IncomingMessage, socket: Socket, accept: () => void) => void = (_, __, accept) => accept();
  onOpen: (socket: WebSocket) => void = () => undefined;
  private readonly held = new Set<Socket>();

  private constructor(
    private readonly http: Server,
    private readonly ws: WebSocketServer,
  ) {}

  static async start(): Promise<Broker> {
    const broker = new Broker(createServer(), new WebSocketServer({ noServer: true }));
    broker.http.on('connection', (socket) => {
      broker.held.add(socket);
      socket.on('error', () => undefined);
    });
    broker.http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      broker.handshakes.push(request);
      broker.answer(request, socket, () =>
        broker.ws.handleUpgrade(request, socket, head, (opened) => {
          broker.sockets.push(opened);
          opened.on('message', (data: Buffer) => broker.heard.push(data.toString()));
          broker.onOpen(opened);
        }),
      );
    });
    broker.http.listen(0, '127.0.0.1');
    await once(broker.http, 'listening');
    return broker;
  }

  get url(): string {
    return `ws://127.0.0.1:${String((this.http.address() as AddressInfo).port)}/feed`;
  }

  async stop(): Promise<void> {
    for (const socket of this.held) socket.destroy();
    this.http.close();
    await once(this.http, 'close');
  }
}

const until = async (what: string, condition: () => boolean): Promise<void> => {
  const givenUpAt = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > givenUpAt) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe('a feed socket', () => {
  let broker: Broker;
  let feed: FeedSocket | undefined;
  let states: FeedState[];
  let frames: string[];

  beforeEach(async () => {
    broker = await Broker.start();
    states = [];
    frames = [];
  });
  afterEach(async () => {
    await feed?.close();
    feed = undefined;
    await broker.stop();
  });

  const open = (options: Partial<FeedSocketOptions> = {}): FeedSocket =>
    (feed = new FeedSocket({
      target: () => Promise.resolve({ url: broker.url, headers: { authorization: 'Bearer one' } }),
      onOpen: (send) => send('subscribe'),
      onMessage: (data) => frames.push(data.toString()),
      onState: (state) => states.push(state),
      upOnOpen: true,
      silenceMs: 60_000,
      connectTimeoutMs: DEADLINE_MS,
      firstPauseMs: 5,
      ...options,
    }));
  const ups = (): number => states.filter(({ state }) => state === 'up').length;
  const downs = (): string[] =>
    states.flatMap((state) => (state.state === 'down' ? [`${state.errorClass} ${state.evidence.code ?? ''}`] : []));

  it('says up once it is open, has subscribed by then, and hands over every frame', async () => {
    broker.onOpen = (socket) => socket.send('tick');
    open();
    await until('a frame and a subscription', () => frames.length === 1 && broker.heard.length === 1);

    expect(states).toEqual([{ state: 'up' }]);
    expect([broker.heard, frames]).toEqual([['subscribe'], ['tick']]);
    expect(broker.handshakes[0]?.headers.authorization).toBe('Bearer one');
  });

  it('leaves up to the reader of the frames where an open socket confirms nothing', async () => {
    broker.onOpen = (socket) => socket.send('tick');
    open({ upOnOpen: false });
    await until('a frame', () => frames.length === 1);

    expect(states).toEqual([]);
  });

  it('comes back and subscribes again when the broker hangs up, asking for its address anew', async () => {
    let asked = 0;
    open({ target: () => Promise.resolve({ url: `${broker.url}?code=${String(++asked)}` }) });
    await until('the first connection', () => ups() === 1);
    broker.sockets[0]?.close(1012);
    await until('the second connection', () => ups() === 2 && broker.heard.length === 2);

    expect(downs()).toEqual(['transient WS_1012']);
    expect(broker.handshakes.map(({ url }) => url)).toEqual(['/feed?code=1', '/feed?code=2']);
  });

  it('comes back when the connection is torn', async () => {
    open();
    await until('the first connection', () => ups() === 1);
    broker.sockets[0]?.terminate();
    await until('the second connection', () => ups() === 2);

    expect(downs()).toEqual(['transient WS_1006']);
  });

  it('starts over when nothing is heard, neither frame nor pong', async () => {
    broker.onOpen = (socket) => socket.pause();
    open({ silenceMs: 60 });
    await until('a second handshake', () => broker.handshakes.length >= 2);

    expect(downs()[0]).toBe('transient SILENT');
  });

  it('takes a pong for a sign of life', async () => {
    let pings = 0;
    broker.onOpen = (socket) => socket.on('ping', () => pings++);
    open({ silenceMs: 900 });
    await until('pings for longer than the silence that is allowed', () => pings >= 6);

    expect(states).toEqual([{ state: 'up' }]);
  });

  it('says what the broker expects to hear', async () => {
    open({ ping: { everyMs: 10, text: 'ping' } });
    await until('two pings', () => broker.heard.filter((text) => text === 'ping').length >= 2);
  });

  it.each([
    [401, 'auth HTTP_401'],
    [403, 'auth HTTP_403'],
    [429, 'throttled HTTP_429'],
    [503, 'transient HTTP_503'],
  ])('tells what a refusal with status %d means, and asks again', async (status, told) => {
    let refusals = 2;
    broker.answer = (_, socket, accept) => {
      if (refusals-- <= 0) {
        accept();
        return;
      }
      socket.end(`HTTP/1.1 ${String(status)} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    };
    open();
    await until('a connection', () => ups() === 1);

    expect(downs()).toEqual([told, told]);
  });

  it('tells what the owner knows about the address that it did not get', async () => {
    let asked = 0;
    open({
      target: () =>
        asked++ === 0
          ? Promise.reject(new FeedRefused('auth', { code: 'UDAPI100050' }))
          : Promise.resolve({ url: broker.url }),
    });
    await until('a connection', () => ups() === 1);

    expect(downs()).toEqual(['auth UDAPI100050']);
  });

  it('does not wait for ever for an address', async () => {
    let asked = 0;
    open({
      target: () => (asked++ === 0 ? new Promise(() => undefined) : Promise.resolve({ url: broker.url })),
      connectTimeoutMs: 500,
    });
    await until('a connection', () => ups() === 1);

    expect(downs()[0]).toBe('transient DEADLINE');
  });

  it('does not wait for ever for a handshake', async () => {
    let held = 1;
    broker.answer = (_, __, accept) => (held-- > 0 ? undefined : accept());
    open({ connectTimeoutMs: 500 });
    await until('a connection', () => ups() === 1);

    expect(downs()[0]).toBe('transient DEADLINE');
  });

  it('never tells an address, which may hold a token', async () => {
    let asked = 0;
    open({ target: () => Promise.resolve({ url: asked++ === 0 ? 'no address access_token=s3cret' : broker.url }) });
    await until('a connection', () => ups() === 1);

    expect(downs()).toEqual(['drift ADDRESS']);
    expect(JSON.stringify(states)).not.toContain('s3cret');
  });

  it('takes a frame that its reader could not stand for a broken connection', async () => {
    broker.onOpen = (socket) => socket.send(broker.sockets.length === 1 ? 'bad' : 'good');
    open({
      onMessage: (data) => {
        if (data.toString() === 'bad') throw new Error('could not read it');
        frames.push(data.toString());
      },
    });
    await until('the good frame', () => frames.length === 1);

    expect(downs()).toEqual(['drift FRAME_FAILED']);
  });

  it('goes on when its owner fails to listen', async () => {
    let told = 0;
    open({
      onState: () => {
        told++;
        throw new Error('not listening');
      },
    });
    await until('a third connection', () => broker.handshakes.length >= 3);

    expect(told).toBeGreaterThanOrEqual(3);
  });

  it('refuses a frame that is too large to be true', async () => {
    broker.onOpen = (socket) => {
      if (broker.sockets.length === 1) socket.send(Buffer.alloc(17 * 1024 * 1024));
    };
    open();
    await until('the second connection', () => ups() === 2);

    expect(downs()).toEqual(['transient WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']);
    expect(frames).toEqual([]);
  });

  it('is silent once it is closed', async () => {
    broker.onOpen = (socket) => socket.on('close', () => socket.terminate());
    const socket = open();
    await until('a connection', () => ups() === 1);
    await socket.close();
    await socket.close();
    socket.send('too late');

    expect(states).toEqual([{ state: 'up' }]);
    expect(broker.heard).not.toContain('too late');
  });

  it('can be closed while it waits for a handshake', async () => {
    broker.answer = () => undefined;
    const socket = open({ connectTimeoutMs: 600_000 });
    await until('a handshake', () => broker.handshakes.length === 1);
    await socket.close();

    expect(states).toEqual([]);
  });

  it('can be closed while it waits for an address, and while it pauses', async () => {
    const waiting = open({ target: () => new Promise(() => undefined), connectTimeoutMs: 600_000 });
    await waiting.close();
    const pausing = open({
      target: () => Promise.reject(new Error('no')),
      firstPauseMs: 600_000,
    });
    await until('a pause', () => states.length === 1);
    await pausing.close();

    expect(downs()).toEqual(['transient FEED_FAILED']);
  });

  it('does not wait for ever for the other side to say goodbye', async () => {
    broker.onOpen = (socket) => socket.pause();
    const socket = open();
    await until('a connection', () => ups() === 1);
    await socket.close();
  });
});
