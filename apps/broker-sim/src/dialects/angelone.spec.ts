import { angelone } from './angelone';
import { claimsOf, credential, differences, fixture, stage, type Answer, type Stage } from './stage.contract';

const SECURE = '/rest/secure/angelbroking';
const PLACE = `POST ${SECURE}/order/v1/placeOrder`;
const MODIFY = `POST ${SECURE}/order/v1/modifyOrder`;
const CANCEL = `POST ${SECURE}/order/v1/cancelOrder`;
const BOOK = `GET ${SECURE}/order/v1/getOrderBook`;
const TRADES = `GET ${SECURE}/order/v1/getTradeBook`;

const order = {
  variety: 'NORMAL',
  tradingsymbol: 'SBIN-EQ',
  symboltoken: '3045',
  transactiontype: 'BUY',
  exchange: 'NSE',
  ordertype: 'LIMIT',
  producttype: 'DELIVERY',
  duration: 'DAY',
  price: '980.00',
  squareoff: '0',
  stoploss: '0',
  quantity: '5',
  ordertag: 'TAG1',
};
const market = { ...order, ordertype: 'MARKET', price: '0' };
const stop = { ...order, variety: 'STOPLOSS', ordertype: 'STOPLOSS_MARKET', price: '0', triggerprice: '1020' };

type Row = Record<string, unknown>;

describe('the simulated Angel One', () => {
  let world: Stage;
  let headers: Readonly<Record<string, string>>;
  beforeEach(async () => {
    world = await stage(angelone, 'A1234');
    headers = {
      authorization: `Bearer ${credential(world.client, 'jwtToken')}`,
      'x-privatekey': credential(world.client, 'apiKey'),
      'x-usertype': 'USER',
      'x-sourceid': 'WEB',
      'x-clientlocalip': '192.168.1.2',
      'x-clientpublicip': '203.0.113.7',
      'x-macaddress': '02:00:00:00:00:01',
    };
  });

  const ask = (call: string, body?: unknown): Answer => world.ask(call, headers, body);
  const place = (body: unknown = order): { readonly orderid: string; readonly uniqueorderid: string } => {
    const answer = ask(PLACE, body);
    expect(answer).toMatchObject({ status: 200, body: { status: true, errorcode: '' } });
    return (answer.body as { data: { orderid: string; uniqueorderid: string } }).data;
  };
  const rows = (call = BOOK): readonly Row[] => {
    world.tick();
    return (ask(call).body as { data: Row[] }).data;
  };

  describe('asked over REST,', () => {
    it('takes an order under two ids', () => {
      const answer = ask(PLACE, order);
      expect(differences(fixture('angelone/place_order_response.json'), answer.body)).toEqual([]);
      expect(answer.body).toMatchObject({
        data: {
          script: 'SBIN-EQ',
          orderid: expect.stringMatching(/^\d{15}$/),
          uniqueorderid: expect.stringMatching(/^[a-z0-9]{13}$/),
        },
      });
      expect(world.book.orders(world.client)).toMatchObject([
        { tag: 'TAG1', side: 'BUY', orderType: 'LIMIT', quantity: 5, priceE4: 9_800_000, product: 'DELIVERY' },
      ]);
    });

    it('answers an empty book with null, a full one with numbers in text', () => {
      for (const call of [BOOK, TRADES, `GET ${SECURE}/order/v1/getPosition`, `GET ${SECURE}/portfolio/v1/getHolding`])
        expect(ask(call)).toEqual({
          status: 200,
          body: { status: true, message: 'SUCCESS', errorcode: '', data: null },
        });
      place();
      world.tick();
      const { body } = ask(BOOK);
      expect(differences(fixture('angelone/order_book_response.json'), body)).toEqual([]);
      expect(body).toMatchObject({
        data: [
          { price: '980.00', quantity: '5', averageprice: '0', status: 'open', ordertag: 'TAG1', symboltoken: '3045' },
        ],
      });
    });

    it.each([
      ['angelone/position_response.json', `GET ${SECURE}/order/v1/getPosition`],
      ['angelone/rms_response.json', `GET ${SECURE}/user/v1/getRMS`],
      ['angelone/profile_response.json', `GET ${SECURE}/user/v1/getProfile`],
    ])('answers in the shape of %s', (captured, call) => {
      place(market);
      const answer = ask(call);
      expect(answer.status).toBe(200);
      expect(differences(fixture(captured), answer.body)).toEqual([]);
    });

    it('prints what became of an order in words', () => {
      const placed = [place(), place(market), place(stop), place()];
      ask(CANCEL, { variety: 'NORMAL', orderid: placed[3]?.orderid });
      expect(rows()).toMatchObject([
        { status: 'open', unfilledshares: '5', fillid: '' },
        {
          status: 'complete',
          filledshares: '5',
          unfilledshares: '0',
          averageprice: '984.50',
          fillid: expect.stringMatching(/^\d+$/),
        },
        { status: 'trigger pending', variety: 'STOPLOSS', ordertype: 'STOPLOSS_MARKET', triggerprice: '1020.00' },
        { status: 'cancelled', cancelsize: '5', updatetime: '02-Jan-2026 10:00:00' },
      ]);
    });

    it('dates trades by the time of day alone', () => {
      const { orderid } = place(market);
      expect(rows(TRADES)).toMatchObject([
        {
          orderid,
          fillsize: '5',
          fillprice: '984.50',
          filltime: '10:00:00',
          tradevalue: '4922.50',
          transactiontype: 'BUY',
        },
      ]);
    });

    it('answers SUCCESS to what risk management refuses, and tells of it in the book', () => {
      place({ ...order, quantity: '1000' });
      place({ ...order, price: '700.00' });
      expect(rows()).toMatchObject([
        { status: 'rejected', text: expect.stringContaining('margin') },
        { status: 'rejected', text: expect.stringContaining('circuit') },
      ]);
    });

    it('opens the details of an order by its second id only', () => {
      const { orderid, uniqueorderid } = place();
      expect(ask(`GET ${SECURE}/order/v1/details/${uniqueorderid}`).body).toMatchObject({
        data: { orderid, status: 'open' },
      });
      expect(ask(`GET ${SECURE}/order/v1/details/${orderid}`)).toMatchObject({
        status: 200,
        body: { status: false, errorcode: 'AB1013' },
      });
    });

    it('changes an order to what it is told whole', () => {
      const { orderid } = place();
      const answer = ask(MODIFY, { ...order, orderid, price: '981.50', quantity: '7' });
      expect(differences(fixture('angelone/modify_order_response.json'), answer.body)).toEqual([]);
      expect(rows()).toMatchObject([{ price: '981.50', quantity: '7', status: 'open', ordertag: 'TAG1' }]);
    });

    it('cancels under the variety that the order has', () => {
      const { orderid } = place(stop);
      expect(ask(CANCEL, { variety: 'NORMAL', orderid }).body).toMatchObject({ status: false, errorcode: 'AB1008' });
      const answer = ask(CANCEL, { variety: 'STOPLOSS', orderid });
      expect(differences(fixture('angelone/cancel_order_response.json'), answer.body)).toEqual([]);
      expect(ask(CANCEL, { variety: 'STOPLOSS', orderid })).toMatchObject({
        status: 200,
        body: { status: false, errorcode: 'AB1013' },
      });
    });

    it.each([
      ['a symbol nobody lists', { tradingsymbol: 'NOSUCH-EQ' }, 'AB1009'],
      ['a token of another symbol', { symboltoken: '2885' }, 'AB1009'],
      ['a quantity that is a number', { quantity: 5 }, 'AB2000'],
      ['a price that is a number', { price: 980 }, 'AB2000'],
      ['a product of another broker', { producttype: 'CNC' }, 'AB1012'],
      ['a stop under the normal variety', { ordertype: 'STOPLOSS_LIMIT', triggerprice: '970' }, 'AB1008'],
      ['a bracket order', { variety: 'ROBO' }, 'AB2002'],
      ['a tag of 20 characters', { ordertag: 'A'.repeat(20) }, 'AB4008'],
      ['a limit order without a price', { price: '0' }, 'AB2000'],
      ['no quantity', { quantity: undefined }, 'AB2000'],
    ])('refuses %s at once', (_what, change, errorcode) => {
      expect(ask(PLACE, { ...order, ...change })).toMatchObject({ status: 400, body: { status: false, errorcode } });
      expect(world.book.orders(world.client)).toEqual([]);
    });

    it('says no in the words of the gateway, with HTTP 200, to who has no session', () => {
      const invalid = { status: 200, body: fixture('angelone/gateway_invalid_token.json') };
      for (const wrong of [
        { authorization: '' },
        { authorization: credential(world.client, 'jwtToken') },
        { 'x-privatekey': 'x' },
      ])
        expect(world.ask(BOOK, { ...headers, ...wrong })).toEqual(invalid);
      world.clients.expire();
      expect(ask(BOOK)).toEqual(invalid);
    });

    it('wants to know who calls and from where', () => {
      const without = (name: string) => ({ ...headers, [name]: '' });
      expect(world.ask(BOOK, without('x-usertype'))).toMatchObject({ status: 400, body: { errorcode: 'AB1005' } });
      expect(world.ask(PLACE, without('x-clientpublicip'), order).body).toMatchObject({
        success: false,
        errorCode: 'AG7002',
      });
      expect(world.book.orders(world.client)).toEqual([]);
    });

    it('shows each book once a second, and refuses more in plain text', () => {
      const throttled = { status: 403, body: 'Access denied because of exceeding access rate' };
      expect([ask(BOOK).status, ask(TRADES).status, ask(BOOK)]).toEqual([200, 200, throttled]);
      world.tick();
      expect(ask(BOOK).status).toBe(200);
      expect(angelone.throttled).toMatchObject({ status: 403, contentType: 'text/plain' });
      expect(angelone.perSecond.orders).toBe(9);
    });

    it('adds up the margin of several orders, whose numbers are numbers', () => {
      const position = {
        exchange: 'NSE',
        qty: 5,
        price: 980,
        productType: 'DELIVERY',
        token: '3045',
        tradeType: 'BUY',
      };
      const answer = (change: object) =>
        ask(`POST ${SECURE}/margin/v1/batch`, { positions: [position, { ...position, ...change }] });
      expect(answer({ price: 0, orderType: 'MARKET' }).body).toMatchObject({
        data: { totalMarginRequired: 9822.5, marginComponents: { spanMargin: 0 } },
      });
      expect(answer({ qty: '5' })).toMatchObject({ status: 400, body: { status: false } });
    });

    it('gives out tokens that end at midnight', () => {
      for (const token of ['jwtToken', 'feedToken']) {
        const { exp } = claimsOf(credential(world.client, token)) as { exp: number };
        expect(new Date(exp * 1000 + 5.5 * 3_600_000).toISOString().slice(11)).toBe('00:00:00.000Z');
        expect(exp * 1000).toBeGreaterThan(Date.now());
      }
      expect(world.client.credentials['clientCode']).toBe('A1234');
    });
  });

  describe('on its order socket,', () => {
    it('greets with an empty frame and answers a ping', () => {
      const line = world.connect('/smart-order-update', headers);
      line?.say('ping');
      const [hello = '', pong] = line?.sent.map(String) ?? [];
      expect(JSON.parse(hello)).toEqual({ ...(fixture('angelone/order_ws_initial.json') as Row), 'user-id': 'A1234' });
      expect(pong).toBe('pong');
      expect(world.connect('/smart-order-update')).toBeUndefined();
    });

    it('tells an order with prices as numbers, and a trade by its number and time', () => {
      place(market);
      const told = world.news.flatMap(({ order: each, trade }) =>
        angelone.orderFrames(each, trade, world.book).map((frame) => JSON.parse(String(frame)) as Row),
      );
      const initial = fixture('angelone/order_ws_initial.json') as { orderData: Row };
      for (const each of told) {
        expect(differences(initial, each)).toEqual([]);
        expect(Object.keys(each['orderData'] as Row).sort()).toEqual(Object.keys(initial.orderData).sort());
      }
      expect(told).toMatchObject([
        { 'user-id': 'A1234', 'order-status': 'AB01', orderData: { status: 'open', fillid: '', filledshares: '0' } },
        {
          'order-status': 'AB05',
          orderData: {
            status: 'complete',
            averageprice: 984.5,
            filledshares: '5',
            fillid: world.book.trades(world.client)[0]?.tradeId,
            filltime: '10:00:00',
          },
        },
      ]);
    });

    it.each([
      ['waiting for its trigger', stop, 'AB10'],
      ['refused by risk management', { ...order, price: '700.00' }, 'AB03'],
    ])('has a code for an order %s', (_what, body, code) => {
      place(body);
      const frames = world.news.flatMap(({ order: each, trade }) => angelone.orderFrames(each, trade, world.book));
      expect(frames.map((frame) => (JSON.parse(String(frame)) as Row)['order-status'])).toEqual([code]);
    });

    it('posts the same news, unsigned, with the client beside it', () => {
      place(market);
      const [{ order: each }] = world.news.slice(-1) as [(typeof world.news)[number]];
      const { body } = angelone.postback(each, world.client, world.book);
      expect(differences(fixture('angelone/postback_order_update.json'), JSON.parse(body))).toEqual([]);
      expect(JSON.parse(body)).toMatchObject({ clientcode: 'A1234', status: 'complete' });
    });
  });

  describe('on SmartStream,', () => {
    const open = () => {
      const { apiKey = '', clientCode = '', feedToken = '' } = world.client.credentials;
      const line = world.connect(`/smart-stream?clientCode=${clientCode}&feedToken=${feedToken}&apiKey=${apiKey}`);
      if (!line) throw new Error('the stream refused its own client');
      return line;
    };
    const want = (mode: number, tokens: readonly unknown[], action = 1, exchangeType = 1): string =>
      JSON.stringify({ correlationID: 'abcde12345', action, params: { mode, tokenList: [{ exchangeType, tokens }] } });

    it('opens to a feed token in headers or query, and to nothing else', () => {
      const { apiKey = '', clientCode = '', feedToken = '', jwtToken = '' } = world.client.credentials;
      const known = {
        'x-api-key': apiKey,
        'x-client-code': clientCode,
        'x-feed-token': feedToken,
        authorization: jwtToken,
      };
      expect(world.connect('/smart-stream', known)?.socket.purpose).toBe('prices');
      expect(open().socket.client.clientId).toBe('A1234');
      for (const wrong of [{ 'x-feed-token': jwtToken }, { 'x-client-code': 'B1234' }, { authorization: feedToken }])
        expect(world.connect('/smart-stream', { ...known, ...wrong })).toBeUndefined();
    });

    it.each([
      [1, 51],
      [2, 123],
      [3, 379],
    ])('tells prices of mode %d in %d bytes, little-endian', (mode, length) => {
      const line = open();
      line.say(want(mode, ['3045']));
      const packet = line.prices();
      expect(packet).toHaveLength(length);
      expect(packet && headOf(packet)).toEqual({ mode, exchangeType: 1, token: '3045', sequence: 1n, ltp: 98_450n });
      expect(packet?.readBigInt64LE(35)).toBe(BigInt(Date.parse('2026-01-02T10:00:00+05:30')));
    });

    it('tells depth, day and last trade in a snap quote', () => {
      const line = open();
      line.say(want(3, ['3045']));
      const packet = line.prices();
      if (!packet) throw new Error('there is no packet');
      expect([91, 99, 107, 115].map((offset) => packet.readBigInt64LE(offset))).toEqual(Array(4).fill(98_450n));
      expect(packet.readBigInt64LE(123)).toBe(1_767_328_200n);
      const depth = [147, 247].map((offset) => [packet.readInt16LE(offset), packet.readBigInt64LE(offset + 10)]);
      expect(depth).toEqual([
        [1, 98_450n],
        [0, 98_455n],
      ]);
    });

    it('sends one packet for each instrument, until it is given up', () => {
      const line = open();
      line.say(want(1, ['3045', '2885']));
      const tokens = () => {
        line.sent.length = 0;
        const last = line.prices();
        return [...line.sent, ...(last ? [last] : [])].map((packet) => headOf(Buffer.from(packet)).token);
      };
      expect(tokens()).toEqual(['3045', '2885']);
      line.say(want(1, ['3045'], 0));
      expect(tokens()).toEqual(['2885']);
      line.say(want(1, ['2885'], 0));
      expect(tokens()).toEqual([]);
    });

    it('knows contracts by the token of their own exchange', () => {
      const line = open();
      line.say(want(1, ['59383'], 1, 2));
      const packet = line.prices();
      expect(packet && headOf(packet)).toMatchObject({ exchangeType: 2, token: '59383', ltp: 36_150n });
      line.say(want(1, ['59383'], 0, 2));
      line.say(want(1, ['59383'], 1, 1));
      expect(line.prices()).toBeUndefined();
    });

    it.each([
      ['a mode that does not exist', want(9, ['3045'])],
      ['tokens that are numbers', want(1, [3045])],
      ['an exchange that does not exist', want(1, ['3045'], 1, 99)],
      ['no list at all', JSON.stringify({ correlationID: 'abcde12345', action: 1, params: { mode: 1 } })],
    ])('refuses %s in text', (_what, request) => {
      const line = open();
      line.say(request);
      const [refusal = ''] = line.sent.map(String);
      expect(differences(fixture('angelone/smartstream_error.json'), JSON.parse(refusal))).toEqual([]);
      expect(JSON.parse(refusal)).toMatchObject({ correlationID: 'abcde12345', errorCode: 'E1001' });
    });

    it('follows a thousand and no more', () => {
      const line = open();
      const tokens = someTokens(world, 1001);
      expect(tokens).toHaveLength(1001);
      line.say(want(1, tokens));
      expect(JSON.parse(String(line.sent[0]))).toMatchObject({ errorCode: 'E1002' });
      expect(line.socket.subscriptions.size).toBe(1000);
    });

    it('answers a ping', () => {
      const line = open();
      line.say('ping');
      expect(line.sent).toEqual(['pong']);
    });
  });
});

const headOf = (packet: Buffer) => ({
  mode: packet.readUInt8(0),
  exchangeType: packet.readUInt8(1),
  token: packet.toString('ascii', 2, 27).replace(/\0+$/, ''),
  sequence: packet.readBigInt64LE(27),
  ltp: packet.readBigInt64LE(43),
});

/** Tokens of NSE shares that exist. */
const someTokens = ({ book }: Stage, count: number): readonly string[] => {
  const tokens: string[] = [];
  for (let token = 1; tokens.length < count && token < 100_000; token += 1)
    if (book.instrument(`NSE_EQ|${String(token)}`)) tokens.push(String(token));
  return tokens;
};
