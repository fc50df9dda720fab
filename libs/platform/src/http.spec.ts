import { Body, Controller, Get, HttpException, Module, Param, Post, Put, Query, Res } from '@nestjs/common';
import { IsInt, IsOptional, IsString, MaxLength } from 'class-validator';
import { request as httpRequest, Agent, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { FastifyReply } from './fastify';
import { startHttpApp, StartError, type HttpApp, type HttpAppOptions } from './http';
import { createLogger } from './logging';
import { NestedList } from './parse';
import { Problem } from './problem-details';
import { addWait, correlationId } from './request-context';

class Line {
  @MaxLength(20)
  @IsString()
  symbol!: string;

  @IsInt()
  quantity!: number;
}

class Batch {
  @NestedList(() => Line, { min: 1, max: 20 })
  orders!: Line[];
}

class Page {
  @IsOptional()
  @IsInt()
  limit?: number;
}

class OutOfStock extends Error {}

const gate: { open: () => void; entered: () => void } = { open: () => undefined, entered: () => undefined };

@Controller('things')
class Things {
  @Post()
  place(@Body() batch: Batch) {
    return { lines: batch.orders.length, correlationId: correlationId() };
  }

  @Get()
  list(@Query() page: Page) {
    return { limit: page.limit ?? 50, correlationId: correlationId() };
  }

  @Get('one/:id')
  one(@Param('id') id: string) {
    if (id === 'gone') throw new Problem(404, 'THING_NOT_FOUND', 'There is no such thing.');
    if (id === 'busy') throw new Problem(429, 'BUSY', 'Later.', { headers: { 'retry-after': '7' } });
    if (id === 'stock') throw new OutOfStock('hush');
    if (id === 'teapot') throw new HttpException('hush', 418);
    if (id === 'broken') throw new Error('hush: the secret is 42');
    if (id === 'slow') for (const durationMs of [12.3456, 1]) addWait('broker', durationMs);
    if (id === 'slow') addWait('margin', 3);
    if (id === 'odd') throw Object.assign(new Error(), { code: 7 });
    return { id };
  }

  @Put('one/:id')
  change(@Param('id') id: string, @Body() body: unknown) {
    return { id, body };
  }

  @Get('half')
  half(@Res() reply: FastifyReply) {
    reply.raw.writeHead(200, { 'content-length': '100' });
    reply.raw.write('half');
    throw new Error('the other half is missing');
  }

  @Post('slow')
  slowly(@Body() _page: Page) {
    return this.slow();
  }

  @Get('slow')
  async slow() {
    await new Promise<void>((resolve) => {
      gate.open = resolve;
      gate.entered();
    });
    return { done: true };
  }
}

@Module({ controllers: [Things] })
class ThingsModule {}

let lines: Record<string, unknown>[] = [];
const logger = createLogger({
  name: 'test',
  level: 'warn',
  destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
});

const options: HttpAppOptions = {
  host: '127.0.0.1',
  port: 0,
  portVariable: 'THINGS_PORT',
  title: 'Things',
  description: 'Things for tests',
  logger,
  shutdownTimeoutMs: 5_000,
  translate: (error) =>
    error instanceof OutOfStock ? new Problem(409, 'OUT_OF_STOCK', 'There is none left.') : undefined,
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Plain HTTP: no client library that repairs what we want to send broken. */
const ask = (
  app: HttpApp,
  method: string,
  path: string,
  { body, headers = {}, agent }: { body?: string; headers?: Record<string, string>; agent?: Agent } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${app.url}${path}`, { method, headers, ...(agent && { agent }) }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => {
        const isJson = response.headers['content-type']?.includes('json');
        const content: unknown = isJson ? JSON.parse(text) : text;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: content });
      });
    });
    outgoing.on('error', reject);
    if (body === undefined) outgoing.end();
    else {
      // In two parts: a body that comes later comes from another place in Node than one that is there at once.
      outgoing.write(body.slice(0, 1));
      setTimeout(() => outgoing.end(body.slice(1)), 20);
    }
  });

const json = { 'content-type': 'application/json' };
const line = { symbol: 'NSE:RELIANCE', quantity: 1 };

describe('an HTTP app', () => {
  let app: HttpApp;
  beforeAll(async () => (app = await startHttpApp(ThingsModule, options)));
  afterAll(() => app.close());
  beforeEach(() => (lines = []));

  const post = (body: string, headers: Record<string, string> = json) => ask(app, 'POST', '/things', { body, headers });

  it('answers what is right', async () => {
    expect(await post(JSON.stringify({ orders: [line, line] }))).toMatchObject({ status: 201, body: { lines: 2 } });
    expect(await ask(app, 'GET', '/things?limit=7')).toMatchObject({ status: 200, body: { limit: 7 } });
    expect(await ask(app, 'GET', '/things/one/42')).toMatchObject({ status: 200, body: { id: '42' } });
  });

  it.each([
    ['malformed JSON', '{"orders":', 400, 'MALFORMED_JSON'],
    ['no body', '', 400, 'MALFORMED_JSON'],
    ['NaN', '{"orders":NaN}', 400, 'MALFORMED_JSON'],
    ['a prototype', '{"__proto__":{"admin":true},"orders":[]}', 400, 'MALFORMED_JSON'],
    ['a constructor', '{"constructor":{"prototype":{}},"orders":[]}', 400, 'MALFORMED_JSON'],
    ['a list', '[]', 400, 'VALIDATION_FAILED'],
    ['null', 'null', 400, 'VALIDATION_FAILED'],
    ['too many bytes', JSON.stringify({ orders: 'x'.repeat(300_000) }), 413, 'BODY_TOO_LARGE'],
  ])('answers %s with a problem', async (_, body, status, code) => {
    const answer = await post(body);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer).toMatchObject({ status, body: { status, code, instance: '/things', title: expect.any(String) } });
    expect(JSON.stringify(answer.body)).not.toMatch(/ at |node_modules|secure|FST_/);
  });

  it('names each field that is wrong', async () => {
    const body = { orders: [line, { ...line, colour: 'red' }, { ...line, quantity: '1' }], side: 'BUY' };
    const answer = await post(JSON.stringify(body));
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [
        { field: 'orders[1].colour', message: 'is not known here' },
        { field: 'side', message: 'is not known here' },
        { field: 'orders[2].quantity', message: 'must be an integer number' },
      ],
    });
    expect(await ask(app, 'GET', '/things?limit=x&page=1')).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED', errors: [{ field: 'page' }, { field: 'limit' }] },
    });
  });

  it('wants JSON', async () => {
    expect(await post('orders=1', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
    });
    expect(await post('orders=1', { 'content-type': 'application/x-www-form-urlencoded' })).toMatchObject({
      status: 415,
      body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
    });
  });

  it('tells an unknown address from an unknown method', async () => {
    expect(await ask(app, 'GET', '/nothing?secret=hush')).toMatchObject({
      status: 404,
      body: { code: 'ROUTE_NOT_FOUND', instance: '/nothing' },
    });
    const answer = await ask(app, 'DELETE', '/things/one/42');
    expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
    expect(answer.headers.allow).toBe('GET, HEAD, PUT');
  });

  it.each([
    ['a broken escape', '/things/one/%zz', 400, 'BAD_URL'],
    ['a zero byte', '/things/one/a%00b', 400, 'VALIDATION_FAILED'],
    ['an endless id', `/things/one/${'x'.repeat(5_000)}`, 414, 'URL_TOO_LONG'],
  ])('refuses %s in an address', async (_, path, status, code) => {
    expect(await ask(app, 'GET', path)).toMatchObject({ status, body: { status, code } });
  });

  it('sends a thrown problem as it is, with its headers', async () => {
    expect(await ask(app, 'GET', '/things/one/gone')).toMatchObject({
      status: 404,
      body: { code: 'THING_NOT_FOUND', detail: 'There is no such thing.', title: 'Not Found' },
    });
    const busy = await ask(app, 'GET', '/things/one/busy');
    expect(busy).toMatchObject({ status: 429, body: { code: 'BUSY' }, headers: { 'retry-after': '7' } });
  });

  it("translates the app's own errors", async () =>
    expect(await ask(app, 'GET', '/things/one/stock')).toMatchObject({ status: 409, body: { code: 'OUT_OF_STOCK' } }));

  it.each(['broken', 'odd'])('hides what went wrong inside and logs it with the correlation id (%s)', async (id) => {
    const answer = await ask(app, 'GET', `/things/one/${id}`, { headers: { 'x-correlation-id': 'find-me' } });
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL', correlationId: 'find-me' } });
    expect(JSON.stringify(answer.body)).not.toMatch(/hush| at |stack/);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        correlationId: 'find-me',
        err: expect.objectContaining({ stack: expect.any(String) }),
      }),
    );
  });

  it('passes on the status of an HTTP exception, not its words', async () => {
    const answer = await ask(app, 'GET', '/things/one/teapot');
    expect(answer).toMatchObject({ status: 418, body: { code: 'BAD_REQUEST' } });
    expect(JSON.stringify(answer.body)).not.toContain('hush');
  });

  it('treats a route that forgot to name the class of its body as our error', async () =>
    expect(await ask(app, 'PUT', '/things/one/42', { body: '{}', headers: json })).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL' },
    }));

  it('breaks the connection when half an answer is out already', async () => {
    await expect(ask(app, 'GET', '/things/half')).rejects.toThrow();
    expect(await ask(app, 'GET', '/things')).toMatchObject({ status: 200 });
  });

  it('answers what is not HTTP with a problem', async () => {
    const { hostname, port } = new URL(app.url);
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write('NOT HTTP\r\n\r\n'));
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).toContain('application/problem+json');
    expect(await ask(app, 'GET', '/things', { headers: { 'x-big': 'x'.repeat(20_000) } })).toMatchObject({
      status: 431,
      body: { code: 'HEADERS_TOO_LARGE' },
    });
  });

  it('follows a request by its correlation id, with and without a body', async () => {
    const headers = { ...json, 'x-correlation-id': 'mine-1' };
    const body = JSON.stringify({ orders: [line] });
    for (const answer of [
      await ask(app, 'GET', '/things', { headers }),
      await ask(app, 'POST', '/things', { headers, body }),
    ]) {
      expect(answer.headers['x-correlation-id']).toBe('mine-1');
      expect(answer.body).toMatchObject({ correlationId: 'mine-1' });
    }
    const made = await ask(app, 'GET', '/nothing', { headers: { 'x-correlation-id': 'a b' } });
    expect(made.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.body).toMatchObject({ correlationId: made.headers['x-correlation-id'] });
  });

  it('tells what an answer has waited for, and for how long in all', async () => {
    const slow = await ask(app, 'GET', '/things/one/slow');
    expect(slow.headers['server-timing']).toBe('broker;dur=13.346, margin;dur=3.000');
    expect((await ask(app, 'GET', '/things/one/42')).headers).not.toHaveProperty('server-timing');
  });

  it('sends security headers', async () => {
    const { headers } = await ask(app, 'GET', '/nothing');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
  });

  it('describes itself in OpenAPI 3.1 and on a page that its own policy lets work', async () => {
    const document = await ask(app, 'GET', '/openapi.json');
    expect(document.body).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Things' },
      paths: { '/things': { post: expect.any(Object) } },
      components: { securitySchemes: { apiKey: { name: 'X-Api-Key' }, bearer: { scheme: 'bearer' } } },
      security: [{ apiKey: [] }, { bearer: [] }],
    });
    const page = await ask(app, 'GET', '/docs');
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('text/html') } });
    const scripts = [...String(page.body).matchAll(/<script([^>]*)>([^<]*)/g)];
    expect(scripts.length).toBeGreaterThan(0);
    for (const [, attributes = '', inline] of scripts) {
      expect(inline?.trim()).toBe('');
      const source = /src=['"]\.?([^'"]+)/.exec(attributes)?.[1] ?? '';
      expect(await ask(app, 'GET', source)).toMatchObject({ status: 200 });
    }
  });

  it('says in one line that its port is taken', async () => {
    const port = Number(new URL(app.url).port);
    const second = startHttpApp(ThingsModule, { ...options, port });
    await expect(second).rejects.toThrow(StartError);
    await expect(second).rejects.toThrow(
      `127.0.0.1:${String(port)} is in use by another process: stop that, or set THINGS_PORT`,
    );
    await expect(startHttpApp(ThingsModule, { ...options, host: '203.0.113.1' })).rejects.toThrow('set HOST');
    expect(lines).toEqual([]);
  });
});

it('gives up a request that takes too long, with or without a body, and survives its late answer', async () => {
  const app = await startHttpApp(ThingsModule, { ...options, answerTimeoutMs: 60 });
  for (const request of [{}, { headers: json, body: '{}' }]) {
    const answer = await ask(app, 'body' in request ? 'POST' : 'GET', '/things/slow', request);
    expect(answer).toMatchObject({ status: 503, body: { code: 'TIMEOUT' } });
    gate.open();
  }
  expect(await ask(app, 'GET', '/things')).toMatchObject({ status: 200 });
  await app.close();
});

describe('an HTTP app that is closed', () => {
  const entered = () => new Promise<void>((resolve) => (gate.entered = resolve));

  const canConnect = (url: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket.destroy() instanceof Object));
      socket.on('error', () => resolve(false));
    });

  it('lets requests in flight finish, and takes no new ones', async () => {
    const app = await startHttpApp(ThingsModule, options);
    const agent = new Agent({ keepAlive: true });
    await ask(app, 'GET', '/things', { agent }); // leaves an idle connection behind
    const inside = entered();
    const slow = ask(app, 'GET', '/things/slow', { agent });
    await inside;
    const closed = app.close();
    while (await canConnect(app.url));
    gate.open();
    expect(await slow).toMatchObject({ status: 200, body: { done: true } });
    await closed;
    agent.destroy();
  });

  it('refuses a request that was on its way', async () => {
    const app = await startHttpApp(ThingsModule, options);
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    let received = '';
    const ended = new Promise((resolve) => socket.on('close', resolve));
    const answered = new Promise<void>((resolve) =>
      socket.on('data', (chunk) => {
        received += chunk.toString();
        resolve();
      }),
    );
    // One request, and the beginning of another.
    socket.write('GET /things HTTP/1.1\r\nHost: x\r\n\r\nGET /things HTTP/1.1\r\n');
    await answered;
    const closed = app.close();
    while (await canConnect(app.url));
    socket.write('Host: x\r\n\r\n');
    await ended;
    await closed;
    expect(received).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(received).toMatch(/HTTP\/1\.1 503 [^]*connection: close[^]*"code":"STOPPING"/);
  });

  it('cuts off what does not finish in time', async () => {
    const app = await startHttpApp(ThingsModule, { ...options, shutdownTimeoutMs: 50 });
    const inside = entered();
    const slow = ask(app, 'GET', '/things/slow');
    const cut = expect(slow).rejects.toThrow();
    await inside;
    await app.close();
    await cut;
    gate.open();
  });

  it('gives its port free', async () => {
    const app = await startHttpApp(ThingsModule, options);
    await app.close();
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(Number(new URL(app.url).port), '127.0.0.1', resolve);
    });
    expect((server.address() as AddressInfo).port).toBe(Number(new URL(app.url).port));
    server.close();
  });
});
