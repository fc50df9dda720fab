import { createHmac, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { readAllOf } from '../support/books';
import {
  type Answer,
  type Ask,
  type Deployment,
  listIn,
  partOf,
  positionOf,
  REQUEST_TIMEOUT_MS,
} from '../support/deployment';

/** Whatever a client sends: a problem document that says what is wrong, nothing recorded, nobody harmed. */
export const hostileClient = (open: () => Deployment): void => {
  const coordinator = open();
  /** A working order of the demo trader, and the key of somebody else. */
  let orderId = '';
  let version = '';
  let intentId = '';
  let stranger = '';
  let head = 0;

  const line = { symbol: 'NSE:INFY', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 10, price: 1_600 };

  beforeAll(async () => {
    await coordinator.start();
    const placed = await coordinator.command('POST', '/v2/orders', {
      headers: { 'Idempotency-Key': randomUUID() },
      body: line,
    });
    orderId = String(partOf(listIn(placed.body, 'results')[0], 'orderId'));
    intentId = String(partOf(placed.body, 'intentId'));
    version = (await coordinator.queryFrom(`/v2/orders/${orderId}`, positionOf(placed))).headers.get('etag') ?? '';
    const registered = await coordinator.command('POST', '/auth/register', {
      body: { email: 'bela@example.com', password: 'correct horse battery' },
    });
    stranger = String(partOf(registered.body, 'apiKey'));
    head = await headOfLog();
  });
  afterAll(() => coordinator.dispose());

  const headOfLog = (): Promise<number> => coordinator.withLog((log) => log.head());

  afterEach(async () => {
    expect(await headOfLog()).toBe(head); // nothing of all this is recorded
  });

  /** A 4xx problem document that says what is wrong and shows nothing of our insides. */
  const expectProblem = (answer: Answer, wanted: { status?: number; code?: string; field?: string } = {}): void => {
    const { status, code, field } = wanted;
    const isRefused = status === undefined ? answer.status >= 400 && answer.status < 500 : answer.status === status;
    expect({ isRefused, status: answer.status, text: answer.text }).toMatchObject({ isRefused: true });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({ status: answer.status, ...(code !== undefined && { code }) });
    expect(partOf(answer.body, 'code')).toMatch(/^[A-Z][A-Z_]+$/);
    for (const name of ['title', 'detail', 'correlationId']) expect(typeof partOf(answer.body, name)).toBe('string');
    const fields = listIn(answer.body, 'errors').map((error) => partOf(error, 'field'));
    if (field !== undefined) expect(fields).toContain(field);
    expect(answer.text).not.toMatch(/node_modules|\bat \S+ \(|\.ts:\d|\.js:\d|postgres|select |insert /i);
    expect(answer.text.length).toBeLessThan(20_000);
  };

  const key = () => ({ 'Idempotency-Key': randomUUID() });
  const placeOne = (body: unknown, ask: Ask = {}): Promise<Answer> =>
    coordinator.command('POST', '/v2/orders', { body, ...ask, headers: { ...key(), ...ask.headers } });
  const placeMany = (body: unknown): Promise<Answer> =>
    coordinator.command('POST', '/v2/orders/multi', { body, headers: key() });
  const raw = (content: string, contentType = 'application/json', path = '/v2/orders'): Promise<Answer> =>
    coordinator.command('POST', path, { raw: content, headers: { ...key(), 'Content-Type': contentType } });

  describe('a body that is no order', () => {
    it.each([
      ['half an object', '{"symbol":"NSE:INFY"'],
      ['single quotes', "{'symbol':'NSE:INFY'}"],
      ['NaN', JSON.stringify(line).replace('1600', 'NaN')],
      ['Infinity', JSON.stringify(line).replace('1600', 'Infinity')],
      ['a trailing comma', JSON.stringify(line).replace('}', ',}')],
      ['nothing', ''],
      ['a byte order mark and nothing', '\uFEFF'],
      ['plain text', 'buy ten'],
      ['two documents', `${JSON.stringify(line)}${JSON.stringify(line)}`],
      ['an unfinished string', '{"symbol":"'],
    ])('(%s) is malformed', async (_, content) => {
      expectProblem(await raw(content), { status: 400, code: 'MALFORMED_JSON' });
    });

    it.each(['null', '7', 'true', '"NSE:INFY"', '[]', `[${JSON.stringify(line)}]`])(
      '(%s) has the wrong shape',
      async (content) => {
        expectProblem(await raw(content), { status: 400, field: '' });
        expectProblem(await raw(content, 'application/json', '/v2/orders/multi'), { status: 400, field: '' });
      },
    );

    it.each([
      ['text/plain', 415],
      ['application/xml', 415],
      ['application/x-www-form-urlencoded', 415],
      ['multipart/form-data; boundary=x', 415],
      ['nonsense', 415],
    ])('of the type %s is not taken', async (contentType, status) => {
      expectProblem(await raw(JSON.stringify(line), contentType), { status });
    });

    it('of 300 kB is too large', async () => {
      expectProblem(await placeOne({ ...line, clientOrderId: 'x'.repeat(300_000) }), {
        status: 413,
        code: 'BODY_TOO_LARGE',
      });
    });

    it('nested a thousand levels deep is refused without harm', async () => {
      const deep = `${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`;
      expectProblem(await raw(deep), { status: 400, field: 'a' });
      expectProblem(await raw(JSON.stringify(line).replace('"NSE:INFY"', deep)), { status: 400, field: 'symbol' });
      expectProblem(await raw(`${'['.repeat(50_000)}${']'.repeat(50_000)}`), { status: 400 });
    });

    it('with __proto__, constructor or prototype is refused, and nobody is poisoned', async () => {
      const poison = '"__proto__":{"quantity":5,"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}';
      expectProblem(await raw(JSON.stringify(line).replace('{', `{${poison},`)), { status: 400 });
      expectProblem(await raw(`{"orders":[{${poison}}]}`, 'application/json', '/v2/orders/multi'), { status: 400 });
    });
  });

  describe('a field that makes no sense', () => {
    it.each([
      ['symbol', ''],
      ['symbol', 7],
      ['symbol', ['NSE:INFY']],
      ['symbol', 'x'.repeat(101)],
      ['symbol', 'NSE:IN\u0000FY'],
      ['side', 'HOLD'],
      ['side', null],
      ['product', 'cnc'],
      ['orderType', 'STOP'],
      ['quantity', 0],
      ['quantity', -1],
      ['quantity', 1.5],
      ['quantity', '10'],
      ['quantity', 1e300],
      ['quantity', 10_000_001],
      ['quantity', null],
      ['price', 0],
      ['price', -1_600],
      ['price', 1_600.00001],
      ['price', '1600'],
      ['price', 1e300],
      ['price', {}],
      ['triggerPrice', -1],
      ['validity', 'GTC'],
      ['disclosedQuantity', 0],
      ['broker', ''],
      ['broker', 'x'.repeat(41)],
      ['strategyId', 'a\r\nSet-Cookie: x'],
      ['clientOrderId', 'x'.repeat(65)],
      ['clientOrderId', '<script>\u202E'],
      ['accountId', 'mine'],
      ['accountId', "' or '1'='1"],
      ['quantty', 10],
      ['userId', 'somebody'],
      ['status', 'FILLED'],
    ])('%s: %j is named', async (field, value) => {
      expectProblem(await placeOne({ ...line, [field]: value }), { status: 400, code: 'VALIDATION_FAILED', field });
      expectProblem(await placeMany({ orders: [line, { ...line, [field]: value }] }), {
        status: 400,
        code: 'VALIDATION_FAILED',
        field: `orders[1].${field}`,
      });
    });

    it('beyond the number range is named, too', async () => {
      expectProblem(await raw(JSON.stringify(line).replace('"quantity":10', '"quantity":1e999')), {
        status: 400,
        field: 'quantity',
      });
    });

    it.each([
      ['price', { ...line, price: undefined }],
      ['price', { ...line, orderType: 'MARKET' }],
      ['triggerPrice', { ...line, orderType: 'SL' }],
      ['symbol', { ...line, symbol: undefined }],
      ['symbol', { ...line, instrumentKey: 'NSE_EQ|INE009A01021' }],
    ])('%s does not fit the order', async (field, body) => {
      expectProblem(await placeOne(body), { status: 400, field });
    });

    it.each([
      ['symbol', 'NSE:NOSUCH'],
      ['symbol', '__proto__'],
      ['symbol', '; drop table events'],
      ['broker', 'nobody'],
      ['broker', '__proto__'],
    ])('%s: there is no %j', async (field, value) => {
      expectProblem(await placeOne({ ...line, [field]: value }), { status: 422, code: 'UNKNOWN_REFERENCE', field });
    });

    it('somebody else’s account does not exist', async () => {
      const { accountId } = coordinator.credentials;
      const headers = { 'X-Api-Key': stranger };
      expectProblem(await placeOne({ ...line, accountId }, { headers }), { status: 404, code: 'ACCOUNT_NOT_FOUND' });
      expectProblem(await placeOne({ ...line, accountId: randomUUID() }), { status: 404, code: 'ACCOUNT_NOT_FOUND' });
    });

    it('lines of two accounts are no batch', async () => {
      const orders = [
        { ...line, accountId: coordinator.credentials.accountId },
        { ...line, accountId: randomUUID() },
      ];
      expectProblem(await placeMany({ orders }), { status: 400, field: 'orders[1].accountId' });
    });

    it.each<[string, unknown]>([
      ['none', []],
      ['21', Array.from({ length: 21 }, () => line)],
      ['500', Array.from({ length: 500 }, () => ({}))],
      ['an object', {}],
      ['a word', 'all'],
    ])('%s where 1 to 20 lines belong is no batch', async (_, orders) => {
      expectProblem(await placeMany({ orders }), { status: 400, field: 'orders' });
    });
  });

  describe('an Idempotency-Key', () => {
    it('that is missing or empty is asked for', async () => {
      for (const headers of [{}, { 'Idempotency-Key': '' }, { 'Idempotency-Key': '   ' }])
        expectProblem(await coordinator.command('POST', '/v2/orders', { body: line, headers }), {
          status: 400,
          code: 'IDEMPOTENCY_KEY_MISSING',
          field: 'Idempotency-Key',
        });
    });

    it.each([
      ['10 kB long', 'k'.repeat(10_240)],
      ['256 characters long', 'k'.repeat(256)],
      ['two words', 'two words'],
      ['not ASCII', 'sch\u00FCssel'],
      ['a tab', 'a\tb'],
    ])('that is %s cannot be used', async (_, value) => {
      for (const [method, path] of [
        ['POST', '/v2/orders'],
        ['PUT', `/v3/orders/${orderId}`],
      ] as const)
        expectProblem(
          await coordinator.command(method, path, {
            body: method === 'POST' ? line : { quantity: 20 },
            headers: { 'Idempotency-Key': value, 'If-Match': version },
          }),
          { status: 400, code: 'IDEMPOTENCY_KEY_INVALID', field: 'Idempotency-Key' },
        );
      expectProblem(
        await coordinator.command('DELETE', `/v2/orders/${orderId}`, { headers: { 'Idempotency-Key': value } }),
        { status: 400, field: 'Idempotency-Key' },
      );
    });
  });

  describe('an order that is not theirs, or is none', () => {
    const change = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
      coordinator.command('PUT', path, { body: { quantity: 20 }, headers: { 'If-Match': version, ...headers } });

    it('somebody else’s order does not exist, whatever they try', async () => {
      const headers = { 'X-Api-Key': stranger };
      const gone = { status: 404, code: 'ORDER_NOT_FOUND' };
      expectProblem(await coordinator.command('DELETE', `/v2/orders/${orderId}`, { headers }), gone);
      expectProblem(await change(`/v3/orders/${orderId}`, headers), gone);
      for (const path of ['', '/history', '/trades'])
        expectProblem(await coordinator.query(`/v2/orders/${orderId}${path}`, { headers }), gone);
      expectProblem(await coordinator.command('GET', `/v2/intents/${intentId}`, { headers }), {
        status: 404,
        code: 'INTENT_NOT_FOUND',
      });
      const { accountId } = coordinator.credentials;
      expectProblem(await coordinator.query(`/v2/orders?accountId=${accountId}`, { headers }), {
        status: 404,
        code: 'ACCOUNT_NOT_FOUND',
      });
    });

    it('an id that nobody has is not found', async () => {
      const nobody = randomUUID();
      expectProblem(await coordinator.command('DELETE', `/v2/orders/${nobody}`), { status: 404 });
      expectProblem(await change(`/v3/orders/${nobody}`), { status: 404 });
      expectProblem(await coordinator.query(`/v2/orders/${nobody}`), { status: 404 });
      expectProblem(await coordinator.command('GET', `/v2/intents/${nobody}`), { status: 404 });
    });

    it.each(['1', 'null', '%00', '..%2f..%2fetc', "'%20or%201=1", 'x'.repeat(90), '%F0%9F%92%A3', '__proto__'])(
      'the id %s is no id',
      async (id) => {
        for (const answer of [
          await coordinator.command('DELETE', `/v2/orders/${id}`),
          await change(`/v3/orders/${id}`),
          await coordinator.query(`/v2/orders/${id}`),
          await coordinator.query(`/v2/orders/${id}/history`),
          await coordinator.command('GET', `/v2/intents/${id}`),
        ])
          expectProblem(answer);
      },
    );

    it.each(['%', '%zz', '%c0%80', '%ff'])('the path %s is no path', async (id) => {
      expectProblem(await coordinator.query(`/v2/orders/${id}`), { status: 400 });
      expectProblem(await coordinator.command('DELETE', `/v2/orders/${id}`), { status: 400 });
    });
  });

  describe('a change', () => {
    const change = (body: unknown, ifMatch: string | undefined = version): Promise<Answer> =>
      coordinator.command('PUT', `/v3/orders/${orderId}`, {
        body,
        headers: ifMatch === '' ? {} : { 'If-Match': ifMatch },
      });

    it.each(['*', 'three', '"', '-1', '1.5', '"3", "4"', '99999999999', 'W/', "0' or 1=1"])(
      'with If-Match %s is refused',
      async (ifMatch) => {
        expectProblem(await change({ quantity: 20 }, ifMatch), { status: 400, field: 'If-Match' });
      },
    );

    it('with another version, or without one, is refused', async () => {
      expectProblem(await change({ quantity: 20 }, '"0"'), { status: 412, code: 'VERSION_MISMATCH' });
      expectProblem(await change({ quantity: 20 }, '"999999999"'), { status: 412 });
      expectProblem(await change({ quantity: 20 }, ''), { status: 428, code: 'VERSION_REQUIRED', field: 'If-Match' });
    });

    it.each([
      ['quantity', -5],
      ['quantity', 1e21],
      ['price', '1600'],
      ['symbol', 'NSE:TCS'],
      ['side', 'SELL'],
      ['accountId', randomUUID()],
      ['version', 7],
    ])('of %s to %j is named', async (field, value) => {
      expectProblem(await change({ [field]: value }), { status: 400, field });
    });

    it('of nothing is refused', async () => {
      expectProblem(await change({}), { status: 400 });
      expectProblem(await change({ quantity: null }), { status: 400 });
      expectProblem(await change([]), { status: 400 });
    });
  });

  describe('a question to the read side', () => {
    it.each([
      ['limit', '0'],
      ['limit', '-1'],
      ['limit', '201'],
      ['limit', '1e9'],
      ['limit', 'all'],
      ['limit', '50&limit=60'],
      ['cursor', 'nonsense'],
      ['cursor', '!!!'],
      ['cursor', 'x'.repeat(201)],
      ['cursor', Buffer.from('{"atMs":1e999,"id":"x"}').toString('base64url')],
      ['cursor', Buffer.from('null').toString('base64url')],
      ['cursor', Buffer.from('[0,"\u0000"]').toString('base64url')],
      ['status', 'SOLD'],
      ['status', ''],
      ['side', 'buy'],
      ['product', 'X'],
      ['accountId', 'mine'],
      ['symbol', ''],
      ['symbol', '%00'],
      ['symbol', 'x'.repeat(101)],
      ['from', 'yesterday'],
      ['from', '2026-01-02'],
      ['from', '2026-02-31T00:00:00Z'],
      ['to', '2026-01-02T09:15:00'],
      ['broker', 'x'.repeat(41)],
      ['orderBy', 'price'],
      ['__proto__', '1'],
      ['constructor[prototype]', '1'],
    ])('with %s=%s names the parameter', async (name, value) => {
      const answer = await coordinator.query(`/v2/orders?${name}=${value}`);
      expectProblem(answer, { status: 400 });
      expect(answer.text).toContain(name);
    });

    it.each(['-1', 'soon', '1e3', '99999999999999999999', '0x10', '1,2'])(
      'from position %s names the header',
      async (position) => {
        const headers = { 'Coordinator-Min-Position': position };
        for (const path of ['/v2/orders', `/v2/orders/${orderId}`, `/v2/orders/${orderId}/history`, '/v2/trades'])
          expectProblem(await coordinator.query(path, { headers }), { status: 400, field: 'Coordinator-Min-Position' });
      },
    );

    it('about a future that has not come is told to come back', async () => {
      const answer = await coordinator.query('/v2/orders', { headers: { 'Coordinator-Min-Position': '999999999' } });
      expect([answer.status, partOf(answer.body, 'code')]).toEqual([503, 'READ_MODEL_BEHIND']);
      expect(answer.headers.get('retry-after')).toBe('1');
    });

    it('is never a way to write', async () => {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
        for (const path of ['/v2/orders', `/v2/orders/${orderId}`, '/v2/trades']) {
          const url = `${coordinator.queryUrl}${path}`;
          const response = await fetch(url, { method, headers: { 'X-Api-Key': coordinator.credentials.apiKey } });
          expect(response.status).toBe(405);
          expect(response.headers.get('allow')).toContain('GET');
          await response.text();
        }
    });
  });

  describe('who asks', () => {
    const asked = (headers: Record<string, string>): Promise<Answer[]> =>
      Promise.all([
        placeOne(line, { headers }),
        coordinator.command('DELETE', `/v2/orders/${orderId}`, { headers }),
        coordinator.query('/v2/orders', { headers }),
        coordinator.query(`/v2/orders/${orderId}`, { headers }),
        coordinator.command('GET', `/v2/intents/${intentId}`, { headers }),
      ]);

    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = (header: object, claims: object, secret?: string): string => {
      const content = `${part(header)}.${part(claims)}`;
      const algorithm = partOf(header, 'alg') === 'HS512' ? 'sha512' : 'sha256';
      const signature = secret === undefined ? '' : createHmac(algorithm, secret).update(content).digest('base64url');
      return `${content}.${signature}`;
    };
    const soon = Math.floor(Date.now() / 1000) + 600;
    const claims = { sub: randomUUID(), iss: 'coordinator', aud: 'coordinator', iat: soon - 600, exp: soon };

    it.each<[string, Record<string, string>]>([
      ['nobody', { 'X-Api-Key': '' }],
      ['a key that is none', { 'X-Api-Key': 'ck_guess' }],
      ['a key of the right shape', { 'X-Api-Key': `ck_${'A'.repeat(43)}` }],
      ['a key of 8 kB', { 'X-Api-Key': 'k'.repeat(8_000) }],
      ['a wrong scheme', { Authorization: 'Basic YXNoYTphc2hh' }],
      ['an empty token', { Authorization: 'Bearer ' }],
      ['nonsense as a token', { Authorization: 'Bearer a.b.c' }],
      ['a token of 8 kB', { Authorization: `Bearer ${'a'.repeat(8_000)}` }],
      ['a token that names no algorithm', { Authorization: `Bearer ${token({ alg: 'none', typ: 'JWT' }, claims)}` }],
      ['a token of another secret', { Authorization: `Bearer ${token({ alg: 'HS256' }, claims, 'secret')}` }],
      ['a token signed with nothing', { Authorization: `Bearer ${token({ alg: 'HS256' }, claims, '')}` }],
      ['a token of another algorithm', { Authorization: `Bearer ${token({ alg: 'HS512' }, claims, 'secret')}` }],
      [
        'a token with the key in its header',
        { Authorization: `Bearer ${token({ alg: 'HS256', jwk: { k: 'c2VjcmV0' } }, claims, 'secret')}` },
      ],
      ['a token that is over', { Authorization: `Bearer ${token({ alg: 'HS256' }, { ...claims, exp: 1 }, 'secret')}` }],
    ])('with %s is nobody', async (_, headers) => {
      for (const answer of await asked(headers)) {
        expectProblem(answer, { status: 401, code: 'UNAUTHENTICATED' });
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
    });

    it('with a real token whose claims or signature were touched is nobody', async () => {
      const { email, password } = coordinator.credentials;
      const login = await coordinator.command('POST', '/auth/login', { body: { email, password } });
      const real = String(partOf(login.body, 'accessToken'));
      const [header = '', content = '', signature = ''] = real.split('.');
      const decoded = JSON.parse(Buffer.from(content, 'base64url').toString()) as object;
      const touched = [
        [header, part({ ...decoded, sub: randomUUID() }), signature],
        [header, part({ ...decoded, exp: soon + 1_000_000 }), signature],
        [part({ alg: 'none' }), content, ''],
        [part({ alg: 'none' }), content, signature],
        [header, content, signature.split('').toReversed().join('')],
        [header, content, ''],
      ];
      for (const parts of touched)
        for (const answer of await asked({ Authorization: `Bearer ${parts.join('.')}` }))
          expectProblem(answer, { status: 401 });
      expect((await coordinator.query('/v2/orders', { headers: { Authorization: `Bearer ${real}` } })).status).toBe(
        200,
      );
    });

    it('logging in with the wrong password, or as nobody, is told apart by nobody', async () => {
      const { email } = coordinator.credentials;
      const login = (body: unknown) => coordinator.command('POST', '/auth/login', { body });
      const wrong = await login({ email, password: 'wrong horse battery' });
      const unknown = await login({ email: 'nobody@example.com', password: 'wrong horse battery' });
      expectProblem(wrong, { status: 401, code: 'WRONG_CREDENTIALS' });
      expectProblem(unknown, { status: 401, code: 'WRONG_CREDENTIALS' });
      expect(partOf(wrong.body, 'detail')).toBe(partOf(unknown.body, 'detail'));
      expectProblem(await login({ email: { $ne: null }, password: ['x'] }), { status: 400, field: 'email' });
      expectProblem(await login({ email: "' or 1=1 --", password: 'x' }), { status: 401 });
      expectProblem(await coordinator.command('POST', '/auth/refresh', { body: { refreshToken: 'rt_guess' } }), {
        status: 401,
        code: 'INVALID_REFRESH_TOKEN',
      });
    });

    it.each([
      ['email', { email: 'nobody', password: 'correct horse battery' }],
      ['email', { email: `${'x'.repeat(250)}@example.com`, password: 'correct horse battery' }],
      ['password', { email: 'new@example.com', password: 'short' }],
      ['password', { email: 'new@example.com', password: 'x'.repeat(129) }],
      ['role', { email: 'new@example.com', password: 'correct horse battery', role: 'admin' }],
    ])('registering with a wrong %s is refused', async (field, body) => {
      expectProblem(await coordinator.command('POST', '/auth/register', { body }), { status: 400, field });
    });

    it('registering somebody who is there already is refused', async () => {
      const { email } = coordinator.credentials;
      const body = { email: email.toUpperCase(), password: 'correct horse battery' };
      expectProblem(await coordinator.command('POST', '/auth/register', { body }), {
        status: 409,
        code: 'EMAIL_TAKEN',
      });
    });
  });

  describe('HTTP that is none', () => {
    it.each([
      ['GET', '/v2/orders'],
      ['GET', '/v2/orders/multi'],
      ['PATCH', '/v2/orders'],
      ['DELETE', '/v2/orders'],
      ['PUT', '/v2/orders'],
      ['POST', '/v2/intents/1'],
    ])('%s %s is no way to use the write side', async (method, path) => {
      const answer = await coordinator.command(method, path);
      expectProblem(answer, { status: 405, code: 'METHOD_NOT_ALLOWED' });
      expect(answer.headers.get('allow')).toMatch(/[A-Z]+/);
    });

    it.each(['/', '/v1/orders', '/v2', '/v2/orders/multi/x/y', '/.env', '/v2/orders/../../etc/passwd', '/admin'])(
      'there is nothing at %s',
      async (path) => {
        expectProblem(await coordinator.command('POST', path, { body: line, headers: key() }));
      },
    );

    it('a method in a header changes nothing', async () => {
      const headers = { 'X-HTTP-Method-Override': 'DELETE', 'X-Method-Override': 'DELETE' };
      expect((await coordinator.query(`/v2/orders/${orderId}`, { headers })).status).toBe(200);
      expectProblem(await coordinator.command('POST', `/v2/orders/${orderId}?_method=DELETE`, { headers, body: {} }));
    });

    /** What the server answers to these very bytes. */
    const spoken = async (bytes: string): Promise<string> => {
      const { hostname, port } = new URL(coordinator.commandUrl);
      const socket = connect({ host: hostname, port: Number(port) });
      socket.setTimeout(REQUEST_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
      socket.end(bytes);
      return text(socket);
    };
    const identity = () =>
      `Host: x\r\nX-Api-Key: ${coordinator.credentials.apiKey}\r\nIdempotency-Key: ${randomUUID()}\r\n`;
    const body = JSON.stringify(line);

    it.each([
      ['no HTTP at all', () => 'hello\r\n\r\n'],
      ['a request of no version', () => 'POST /v2/orders\r\n\r\n'],
      ['a header without a colon', () => `POST /v2/orders HTTP/1.1\r\n${identity()}nonsense\r\n\r\n`],
      [
        'a line break within a header',
        () => `POST /v2/orders HTTP/1.1\r\n${identity()}X-A: a\n\rSet-Cookie: x\r\n\r\n`,
      ],
      ['a null within a header', () => `POST /v2/orders HTTP/1.1\r\n${identity()}X-A: a\0b\r\n\r\n`],
      [
        'two lengths',
        () =>
          `POST /v2/orders HTTP/1.1\r\n${identity()}Content-Type: application/json\r\nContent-Length: 5\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`,
      ],
      [
        'a length and chunks',
        () =>
          `POST /v2/orders HTTP/1.1\r\n${identity()}Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
      ],
      [
        'a length that is none',
        () =>
          `POST /v2/orders HTTP/1.1\r\n${identity()}Content-Type: application/json\r\nContent-Length: -1\r\n\r\n${body}`,
      ],
      ['headers of 40 kB', () => `POST /v2/orders HTTP/1.1\r\n${identity()}X-A: ${'a'.repeat(40_000)}\r\n\r\n`],
    ])('(%s) is answered with a problem', async (_, bytes) => {
      const answer = await spoken(bytes());
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer).toMatch(/content-type: application\/problem\+json/i);
      expect(answer).not.toMatch(/\bat \S+ \(|set-cookie/i);
    });

    it('a correlation id comes back only if it can be one', async () => {
      const good = await coordinator.query('/v2/orders', { headers: { 'X-Correlation-Id': 'my-request-1' } });
      expect(good.headers.get('x-correlation-id')).toBe('my-request-1');
      for (const value of ['x'.repeat(5_000), '<script>', 'a b', '\u00FC']) {
        const answer = await coordinator.query('/v2/orders', { headers: { 'X-Correlation-Id': value } });
        expect(answer.status).toBe(200);
        expect(answer.headers.get('x-correlation-id')).not.toBe(value);
      }
    });
  });

  describe('after all that', () => {
    it('it is well, and the order is as it was', async () => {
      for (const url of [coordinator.commandUrl, coordinator.queryUrl])
        for (const health of ['live', 'ready']) expect((await fetch(`${url}/health/${health}`)).status).toBe(200);
      const { body } = await coordinator.query(`/v2/orders/${orderId}`);
      expect(body).toMatchObject({ status: 'OPEN', quantity: 10, price: 1_600 });
      expect(`"${String(partOf(body, 'version'))}"`).toBe(version);
      expect((await coordinator.query('/v2/orders', { headers: { 'X-Api-Key': stranger } })).body).toMatchObject({
        items: [],
      });
    });

    it('nothing was logged as an error of ours, and it stops in order', async () => {
      const { exitCode, stdout, stderr } = await coordinator.stop();
      expect(stderr).toBe('');
      const errors = stdout.split('\n').filter((logged) => logged.includes('"level":"error"'));
      expect(errors.filter((logged) => !logged.includes('READ_MODEL_BEHIND'))).toEqual([]);
      expect(exitCode).toBe(0);
      await coordinator.start(); // the last look into the log
      const since = await coordinator.withLog((log) => readAllOf(log, head));
      // The demo trader logs in anew at its simulated brokers.
      expect(since.filter(({ stream }) => !stream.startsWith('connection-'))).toEqual([]);
      head = await headOfLog();
    });
  });
};
