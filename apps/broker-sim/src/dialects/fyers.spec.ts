import { fyers } from './fyers';
import { claimsOf, credential, differences, fixture, stage, type Answer, type Stage } from './stage.contract';

const order = {
  symbol: 'NSE:SBIN-EQ',
  qty: 5,
  type: 1,
  side: 1,
  productType: 'CNC',
  limitPrice: 980,
  stopPrice: 0,
  disclosedQty: 0,
  validity: 'DAY',
  offlineOrder: false,
  stopLoss: 0,
  takeProfit: 0,
  orderTag: 'TAG1',
};
const market = { ...order, type: 2, limitPrice: 0 };

const PLACE = 'POST /api/v3/orders/sync';
const MULTI = '/api/v3/multi-order/sync';

describe('the simulated Fyers', () => {
  let world: Stage;
  let auth: Readonly<Record<string, string>>;
  beforeEach(async () => {
    world = await stage(fyers, 'FX0011');
    auth = { authorization: `${credential(world.client, 'appId')}:${credential(world.client, 'accessToken')}` };
  });

  const ask = (call: string, body?: unknown): Answer => world.ask(call, auth, body);
  const place = (body: unknown = order): string => {
    const answer = ask(PLACE, body);
    expect(answer).toMatchObject({ status: 200, body: { s: 'ok', code: 1101 } });
    return (answer.body as { id: string }).id;
  };
  const row = (id: string): Record<string, unknown> => {
    const { orderBook } = ask(`GET /api/v3/orders?id=${id}`).body as { orderBook: Record<string, unknown>[] };
    return orderBook[0] ?? {};
  };

  describe('asked over REST,', () => {
    it('takes an order and names it in text', () => {
      const answer = ask(PLACE, order);
      expect(answer.status).toBe(200);
      expect(differences(fixture('fyers/place_order_response.json'), answer.body)).toEqual([]);
      expect(answer.body).toMatchObject({ id: expect.stringMatching(/^\d{14}$/) });
      expect(world.book.orders(world.client)).toMatchObject([
        {
          tag: 'TAG1',
          side: 'BUY',
          orderType: 'LIMIT',
          quantity: 5,
          priceE4: 9_800_000,
          product: 'CNC',
          state: 'open',
        },
      ]);
    });

    it.each([
      ['fyers/orders_by_id.json', 'GET /api/v3/orders'],
      ['fyers/tradebook.json', 'GET /api/v3/tradebook'],
      ['fyers/positions.json', 'GET /api/v3/positions'],
      ['fyers/funds.json', 'GET /api/v3/funds'],
      ['fyers/profile.json', 'GET /api/v3/profile'],
    ])('answers in the shape of %s', (captured, call) => {
      place(market);
      const answer = ask(call);
      expect(answer.status).toBe(200);
      expect(differences(fixture(captured), answer.body)).toEqual([]);
    });

    it('prints what became of an order in its own numbers', () => {
      const [open, filled, cancelled, waiting] = [
        place(),
        place(market),
        place(),
        place({ ...order, type: 4, side: -1, limitPrice: 900, stopPrice: 950 }),
      ];
      ask('DELETE /api/v3/orders/sync', { id: cancelled });
      expect(row(open)).toMatchObject({ status: 6, remainingQuantity: 5, type: 1, side: 1, fyToken: '10100000003045' });
      expect(row(filled)).toMatchObject({ status: 2, filledQty: 5, tradedPrice: 984.5, orderNumStatus: `${filled}:2` });
      expect(row(cancelled)).toMatchObject({ status: 1, filledQty: 0, orderDateTime: '02-Jan-2026 10:00:00' });
      expect(row(waiting)).toMatchObject({ status: 6, type: 4, side: -1, stopPrice: 950 });
    });

    it('finds orders by tag and gives the tag back with a mark before it', () => {
      const [tagged, { orderTag: _tag, ...bare }] = [place(), order];
      const untagged = place(bare);
      expect(ask('GET /api/v3/orders?order_tag=TAG1').body).toMatchObject({ orderBook: [{ id: tagged }] });
      expect(ask('GET /api/v3/orders?order_tag=TAG2').body).toMatchObject({ orderBook: [] });
      expect([row(tagged)['orderTag'], row(untagged)['orderTag']]).toEqual(['1:TAG1', '2:Untagged']);
    });

    it('takes several orders, each line on its own and answered at its place', () => {
      const answer = ask(`POST ${MULTI}`, [
        order,
        { ...order, symbol: 'NSE:NOSUCH-EQ' },
        { ...order, orderTag: 'TAG3' },
      ]);
      expect(differences(fixture('fyers/multi_place_response.json'), answer.body)).toEqual([]);
      expect(answer.body).toMatchObject({
        s: 'ok',
        data: [
          { statusCode: 200, body: { s: 'ok' } },
          { statusCode: 400, body: { s: 'error', code: -300 }, statusDescription: 'HTTP BAD REQUEST' },
          { statusCode: 200, body: { s: 'ok' } },
        ],
      });
      expect(world.book.orders(world.client).map(({ tag }) => tag)).toEqual(['TAG1', 'TAG3']);
    });

    it('refuses eleven lines as a whole, and margin trades among several', () => {
      const eleven = Array.from({ length: 11 }, () => order);
      expect(ask(`POST ${MULTI}`, eleven)).toMatchObject({ status: 400, body: { s: 'error', code: -50 } });
      expect(ask(`POST ${MULTI}`, [{ ...order, productType: 'MTF' }]).body).toMatchObject({
        data: [{ body: { code: -314 } }],
      });
      expect(world.book.orders(world.client)).toEqual([]);
    });

    it('cancels several by number', () => {
      const ids = [place(), place()];
      const answer = ask(
        `DELETE ${MULTI}`,
        ids.map((id) => ({ id })),
      );
      expect(differences(fixture('fyers/multi_place_response.json'), answer.body)).toEqual([]);
      expect(ids.map((id) => row(id)['status'])).toEqual([1, 1]);
    });

    it('cancels by path as well as by body', () => {
      const id = place();
      const answer = ask(`DELETE /api/v3/orders/${id}/sync`);
      expect(differences(fixture('fyers/cancel_order_response.json'), answer.body)).toEqual([]);
      expect(row(id)).toMatchObject({ status: 1 });
    });

    it('changes what is named and nothing else', () => {
      const id = place();
      const answer = ask('PATCH /api/v3/orders/sync', { id, type: 1, limitPrice: 981.5 });
      expect(differences(fixture('fyers/modify_order_response.json'), answer.body)).toEqual([]);
      expect(row(id)).toMatchObject({ limitPrice: 981.5, qty: 5, status: 6 });
    });

    it('changes several, each on its own', () => {
      const id = place();
      const answer = ask(`PATCH ${MULTI}`, [
        { id, qty: 7 },
        { id: '1', qty: 7 },
      ]);
      expect(answer.body).toMatchObject({ data: [{ body: { s: 'ok', id } }, { body: { s: 'error', code: -51 } }] });
      expect(row(id)).toMatchObject({ qty: 7, limitPrice: 980 });
    });

    it('says of a dead order how it died', () => {
      const [cancelled, filled] = [place(), place(market)];
      const cancel = (id: string) => ask('DELETE /api/v3/orders/sync', { id }).body;
      cancel(cancelled);
      expect([cancel(cancelled), cancel(filled), cancel('1')]).toMatchObject([
        { s: 'error', code: -161 },
        { s: 'error', code: -162 },
        { s: 'error', code: -51 },
      ]);
    });

    it.each([
      ['a symbol nobody lists', { symbol: 'NSE:NOSUCH-EQ' }, -300],
      ['an index', { symbol: 'NSE:NIFTY50-INDEX' }, -300],
      ['a quantity in text', { qty: '5' }, -310],
      ['a type of our own', { type: 'LIMIT' }, -50],
      ['a side in words', { side: 'BUY' }, -50],
      ['a product of another broker', { productType: 'MIS' }, -314],
      ['a limit order without a price', { limitPrice: 0 }, -308],
      ['a price off the tick', { limitPrice: 980.03 }, -392],
      ['a stop without a trigger', { type: 3, limitPrice: 0 }, -309],
      ['a tag with a dash', { orderTag: 'TAG-1' }, -50],
      ['a tag of 31 characters', { orderTag: 'A'.repeat(31) }, -50],
      ['an order for after hours', { offlineOrder: true }, -50],
    ])('refuses %s at once', (_what, change, code) => {
      expect(ask(PLACE, { ...order, ...change })).toMatchObject({ status: 400, body: { s: 'error', code } });
      expect(world.book.orders(world.client)).toEqual([]);
    });

    it('refuses with HTTP 200 what risk management refuses', () => {
      const answer = ask(PLACE, { ...order, qty: 1000 });
      expect(answer).toMatchObject({ status: 200, body: { s: 'error', code: -99 } });
    });

    it('keeps an order outside of the circuit as rejected', () => {
      expect(ask(PLACE, { ...order, limitPrice: 700 })).toMatchObject({ status: 200, body: { code: -99 } });
      expect(ask('GET /api/v3/orders').body).toMatchObject({
        orderBook: [{ status: 5, message: expect.stringContaining('circuit'), exchOrdId: '' }],
      });
    });

    it('reads what a body lacks, and no body, as bad input', () => {
      expect(ask(PLACE)).toMatchObject({ status: 400, body: { code: -50 } });
      expect(ask(`POST ${MULTI}`, order)).toMatchObject({ status: 400, body: { code: -50 } });
      expect(ask('DELETE /api/v3/orders/sync')).toMatchObject({ status: 400, body: { code: -50 } });
    });

    it('adds up the margin of several orders', () => {
      const answer = ask('POST /api/v3/multiorder/margin', { data: [order, market] });
      expect(answer.body).toMatchObject({
        data: { margin_new_order: 5 * 980 + 5 * 984.5, margin_avail: 100_000 },
      });
    });

    it('knows a session by app and token together, without a scheme', () => {
      const token = credential(world.client, 'accessToken');
      for (const authorization of [`Bearer ${auth['authorization'] ?? ''}`, token, `XXXXXXXXXX-100:${token}`, ''])
        expect(world.ask('GET /api/v3/profile', { authorization })).toMatchObject({ status: 401, body: { code: -16 } });
      world.clients.expire();
      expect(ask('GET /api/v3/profile')).toMatchObject({ status: 401 });
    });

    it('gives out tokens that end at three in the morning, no two alike', () => {
      const { exp } = claimsOf(credential(world.client, 'accessToken')) as { exp: number };
      expect(new Date(exp * 1000 + 5.5 * 3_600_000).toISOString().slice(11)).toBe('03:00:00.000Z');
      expect(exp * 1000).toBeGreaterThan(Date.now());
      expect(fyers.credentialsFor('A', 's')).not.toEqual(fyers.credentialsFor('A', 's'));
      expect(fyers.credentialsFor('A', 's')['appId']).toBe(fyers.credentialsFor('A', 't')['appId']);
    });

    it('counts a line as an order, and says when to come back', () => {
      const weight = (call: string, body: unknown) => fyers.weightOf('placeMany', world.requestOf(call, body, {}));
      expect([weight(`POST ${MULTI}`, [1, 2, 3]), weight(PLACE, order), weight(`POST ${MULTI}`, [])]).toEqual([
        3, 1, 1,
      ]);
      expect(fyers.throttled).toMatchObject({ status: 429, headers: { 'Retry-After': '1' } });
    });
  });

  describe('on its order socket,', () => {
    it('confirms a subscription in SLIST and answers a ping', () => {
      const line = world.connect('/trade/v3', auth);
      line?.say(JSON.stringify({ T: 'SUB_ORD', SLIST: ['orders', 'trades'], SUB_T: 1 }));
      line?.say('ping');
      line?.say(JSON.stringify({ T: 'SUB_ORD', action_data: ['orders'], SUB_T: 1 }));
      const [ack = '', pong, refusal = ''] = line?.sent.map(String) ?? [];
      expect(JSON.parse(ack)).toEqual(fixture('fyers/order_ws_subscribe_ack.json'));
      expect(pong).toBe('pong');
      expect(JSON.parse(refusal)).toMatchObject({ s: 'error' });
      expect(world.connect('/trade/v3')).toBeUndefined();
    });

    it('tells orders and trades by their raw names', () => {
      const id = place(market);
      const told = world.news.flatMap(({ order, trade }) =>
        fyers.orderFrames(order, trade, world.book).map((frame) => JSON.parse(String(frame)) as unknown),
      );
      const [placed, filled, traded] = told;
      expect(told).toHaveLength(3);
      expect(differences(fixture('fyers/order_ws_raw_order_frame.json'), placed)).toEqual([]);
      expect(placed).toMatchObject({ orders: { id, org_ord_status: 6, ord_status: 23, ordertag: '1:TAG1' } });
      expect(filled).toMatchObject({
        orders: { org_ord_status: 2, ord_status: 90, qty_filled: 5, price_traded: 984.5 },
      });
      const [{ tradeId } = { tradeId: '' }] = world.book.trades(world.client);
      expect(traded).toMatchObject({
        trades: {
          id,
          id_fill: `${id}-${tradeId}`,
          qty_traded: 5,
          price_traded: 984.5,
          fill_time: '02-01-2026 10:00:00',
        },
      });
    });

    it('posts the same news in the names of the order book', () => {
      place(market);
      const [{ order }] = world.news.slice(-1) as [(typeof world.news)[number]];
      const { body } = fyers.postback(order, world.client, world.book);
      expect(differences(fixture('fyers/postback_order.json'), JSON.parse(body))).toEqual([]);
      expect(JSON.parse(body)).toMatchObject({ status: 2, message: 'Completed' });
    });
  });

  describe('on its data socket,', () => {
    const SBIN = 'sf|nse_cm|3045';
    const hsmKey = (): string => (claimsOf(credential(world.client, 'accessToken')) as { hsm_key: string }).hsm_key;
    const open = () => {
      const line = world.connect('/hsm/v1-5/prod');
      if (!line) throw new Error('the data socket asks nobody who they are');
      return line;
    };
    /** Authenticated, and following these. */
    const follow = (...topics: readonly string[]) => {
      const line = open();
      line.say(authentication(hsmKey()));
      line.say(subscription(4, topics));
      expect(line.sent.map(verdict)).toEqual(['1 K', '4 K']);
      return line;
    };

    it('lets everyone in and then asks for the key of an open session', () => {
      const line = open();
      line.say(subscription(4, [SBIN]));
      line.say(authentication('0'.repeat(92)));
      line.say(authentication(hsmKey()));
      expect(line.sent.map(verdict)).toEqual(['4 N', '1 N', '1 K']);
      expect(line.socket.client.clientId).toBe('FX0011');
      const keyOfYesterday = hsmKey();
      world.clients.openSession('FX0011');
      const late = open();
      late.say(authentication(keyOfYesterday));
      expect(late.sent.map(verdict)).toEqual(['1 N']);
      world.clients.expire();
      line.say(subscription(4, [SBIN]));
      expect(line.sent.map(verdict).at(-1)).toBe('4 N');
    });

    it('sends all it knows of a symbol first, with its name and the scale of its prices', () => {
      expect(readData(follow(SBIN).prices())).toEqual([
        {
          kind: 83,
          topicId: 1,
          topic: SBIN,
          values: { 0: 98_450, 2: 1_767_328_200, 3: 1_767_328_200, 6: 98_450, 7: 98_455 },
          count: 21,
          multiplier: 1,
          precision: 2,
          names: ['nse_cm', '3045', 'SBIN'],
        },
      ]);
    });

    it('then sends what has changed, and nothing when nothing has', () => {
      const line = follow(SBIN);
      line.prices();
      expect(line.prices()).toBeUndefined();
      world.tick();
      expect(readData(line.prices())).toMatchObject([{ kind: 85, topicId: 1, values: { 0: 98_395, 6: 98_395 } }]);
      line.say(subscription(5, [SBIN]));
      world.tick();
      expect(line.prices()).toBeUndefined();
    });

    it('sends the last price alone to whoever asks for little', () => {
      const line = follow(SBIN);
      line.say(mode('L'));
      line.prices();
      world.tick();
      expect(readData(line.prices())).toEqual([{ kind: 76, topicId: 1, values: { 0: 98_395 } }]);
    });

    it('falls silent when the session is over', () => {
      const line = follow(SBIN);
      world.clients.expire();
      expect(line.prices()).toBeUndefined();
    });

    it('says no to a frame that is cut off', () => {
      const line = open();
      line.say(authentication(hsmKey()).subarray(0, 20));
      expect(line.sent.map(verdict)).toEqual(['1 N']);
    });
  });
});

/* ---------------------------------------------------- the wire, written down a second time from the client's side */

const sized = (length: 1 | 2, bytes: Buffer): Buffer => {
  const size = Buffer.alloc(length);
  size.writeUIntBE(bytes.length, 0, length);
  return Buffer.concat([size, bytes]);
};
const field = (id: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([id]), sized(2, bytes)]);
const frame = (type: number, ...fields: readonly Buffer[]): Buffer =>
  sized(2, Buffer.concat([Buffer.from([type, fields.length]), ...fields]));

const authentication = (key: string): Buffer =>
  frame(
    1,
    field(1, Buffer.from(key)),
    field(2, Buffer.from('P')),
    field(3, Buffer.from([1])),
    field(4, Buffer.from('spec')),
  );

const subscription = (type: 4 | 5, topics: readonly string[]): Buffer => {
  const names = topics.map((topic) => sized(1, Buffer.from(topic)));
  return frame(type, field(1, Buffer.concat([Buffer.from([0, topics.length]), ...names])), field(2, Buffer.from([11])));
};

const mode = (letter: 'F' | 'L'): Buffer =>
  frame(12, field(1, Buffer.from([0, 0, 0, 0, 0, 0, 8, 0])), field(2, Buffer.from(letter)));

const verdict = (answer: string | Buffer): string => {
  const bytes = Buffer.from(answer);
  expect(bytes.readUInt16BE(0)).toBe(bytes.length - 2);
  return `${String(bytes.readUInt8(2))} ${bytes.toString('ascii', 7, 8)}`;
};

/** Values by their place, without those that say nothing. */
const readData = (data: Buffer | undefined): readonly unknown[] => {
  if (!data) throw new Error('there is no frame');
  expect([data.readUInt16BE(0), data.readUInt8(2)]).toEqual([data.length - 2, 6]);
  let at = 9;
  const take = (length: number): number => data.readUIntBE((at += length) - length, length);
  const text = (): string => {
    const length = take(1);
    return data.toString('utf8', at, (at += length));
  };
  const read = (count: number): Record<number, number> => {
    const values = Array.from({ length: count }, () => data.readInt32BE((at += 4) - 4));
    return Object.fromEntries([...values.entries()].filter(([, value]) => value !== -2_147_483_648));
  };
  const items = Array.from({ length: data.readUInt16BE(7) }, () => {
    const [kind, topicId] = [take(1), take(2)];
    if (kind === 76) return { kind, topicId, values: read(1) };
    if (kind === 85) return { kind, topicId, values: read(take(1)) };
    const topic = text();
    const count = take(1);
    const values = read(count);
    at += 2;
    const [multiplier, precision] = [take(2), take(1)];
    return { kind, topicId, topic, values, count, multiplier, precision, names: [text(), text(), text()] };
  });
  expect(at).toBe(data.length);
  return items;
};
