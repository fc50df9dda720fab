import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { wasNeverConnected, Wire, type WireReply, type WireRequest } from './wire';

/** Longer than any machine needs for one call on loopback. */
const PATIENCE_MS = 10_000;

describe('the wire', () => {
  let server: Server;
  let wire: Wire;
  let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
  let asked: { method: string | undefined; url: string | undefined; body: string; from: string | undefined }[];

  beforeEach(async () => {
    asked = [];
    answer = (_, response) => response.setHeader('content-type', 'application/json').end('{"ok":true}');
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        asked.push({ method: request.method, url: request.url, body, from: request.socket.remoteAddress });
        answer(request, response, body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    wire = new Wire();
  });
  afterEach(async () => {
    await wire.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const base = (): string => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const call = (options: Partial<WireRequest> = {}): Promise<WireReply> =>
    wire.call({ method: 'GET', url: `${base()}/orders`, headers: {}, timeoutMs: PATIENCE_MS, ...options });
  const codeOf = async (reply: Promise<WireReply>): Promise<string> => {
    const told = await reply;
    return told.kind === 'reply' ? `reply ${String(told.status)}` : `${told.kind} ${told.evidence.code ?? ''}`;
  };

  it('hands over status, headers and body as they came, whatever the status', async () => {
    answer = (_, response) => response.writeHead(503, { 'Content-Type': 'text/html', 'X-Id': '7' }).end('<html>');
    expect(await call({ method: 'PUT', body: 'a=1' })).toMatchObject({
      kind: 'reply',
      status: 503,
      contentType: 'text/html',
      headers: { 'x-id': '7' },
      body: '<html>',
    });
    expect(asked).toMatchObject([{ method: 'PUT', url: '/orders', body: 'a=1' }]);
  });

  it('follows no redirect: an order must not go where nobody sent it', async () => {
    answer = (_, response) => response.writeHead(307, { location: '/elsewhere' }).end();
    expect(await codeOf(call({ method: 'POST', body: '{}' }))).toBe('reply 307');
    expect(asked).toHaveLength(1);
  });

  it('knows that nothing was sent where nobody listens', async () => {
    const gone = createTcpServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    expect(await codeOf(call({ url: `http://127.0.0.1:${String(port)}/` }))).toBe('refused ECONNREFUSED');
  });

  it.each([
    ['connect', 'EHOSTUNREACH', true],
    ['connect', 'ETIMEDOUT', true],
    ['connect', 'ECONNRESET', true],
    ['getaddrinfo', 'ENOTFOUND', true],
    ['read', 'EHOSTUNREACH', false],
    ['write', 'ENETUNREACH', false],
    ['read', 'ETIMEDOUT', false],
    ['read', 'ECONNRESET', false],
  ])('takes %s %s for proof that nothing was sent: %s', (syscall, code, isProof) =>
    expect(wasNeverConnected(Object.assign(new Error(`${syscall} ${code}`), { syscall, code }))).toBe(isProof),
  );

  it('does not know what became of a request whose connection broke', async () => {
    answer = (request) => request.socket.destroy();
    expect(await codeOf(call({ method: 'POST', body: '{}' }))).toMatch(/^silent /);
    expect(asked).toHaveLength(1);
  });

  it('does not send again what broke on a connection that was used before', async () => {
    await call();
    answer = (request) => request.socket.destroy();
    expect(await codeOf(call())).toMatch(/^silent /);
    expect(asked).toHaveLength(2);
  });

  it('does not know what became of a request whose answer broke off', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"status"');
      setImmediate(() => response.destroy());
    };
    expect(await codeOf(call())).toMatch(/^silent /);
  });

  it('stops waiting at its deadline, for the answer and for the rest of it', async () => {
    answer = () => undefined;
    expect(await codeOf(call({ timeoutMs: 50 }))).toBe('silent DEADLINE');
    answer = (_, response) => response.writeHead(200, { 'content-length': '1000' }).write('{"status"');
    expect(await codeOf(call({ timeoutMs: 50 }))).toBe('silent DEADLINE');
  });

  it('takes no answer that is too long to be one', async () => {
    answer = (_, response) => response.end(Buffer.alloc(33 * 1024 * 1024));
    expect(await codeOf(call())).toBe('silent UND_ERR_RES_EXCEEDED_MAX_SIZE');
  });

  it('leaves from the address that is asked for', async () => {
    await call({ egressAddress: '127.0.0.5' });
    await call();
    expect(asked.map(({ from }) => from)).toEqual(['127.0.0.5', '127.0.0.1']);
  });

  it('sends nothing from an address that this machine does not have', async () => {
    expect(await codeOf(call({ egressAddress: '192.0.2.1' }))).toBe('refused EADDRNOTAVAIL');
    expect(asked).toEqual([]);
  });
});
