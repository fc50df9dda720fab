import type { BrokerInstrument, OrderToSend } from '../client';
import { fixture } from '../in-spec';
import { feedCommand, type Parts, UpstoxRequests } from './requests';
import { upstox } from './upstox';

const credentials = { apiKey: 'key-of-the-app', accessToken: 'token-of-today' };
const requests = new UpstoxRequests(upstox.endpoints(), credentials);
const reliance: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE002A01018',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE_EQ|INE002A01018',
  token: 'NSE_EQ|INE002A01018',
  lotSize: 1,
};
const limit: OrderToSend = {
  instrument: reliance,
  side: 'BUY',
  product: 'CNC',
  tag: 'T1',
  terms: { orderType: 'LIMIT', quantity: 10, priceE4: 14_123_000, validity: 'DAY' },
};
const bodyOf = ({ body }: Parts): unknown => JSON.parse(body ?? 'null') as unknown;

describe('what Upstox is asked', () => {
  it('has the token in its header, and goes to the host for orders', () => {
    const { method, url, headers } = requests.place(limit);
    expect([method, url]).toEqual(['POST', 'https://api-hft.upstox.com/v3/order/place']);
    expect(headers).toEqual({
      authorization: 'Bearer token-of-today',
      accept: 'application/json',
      'content-type': 'application/json',
    });
  });

  it('says every field of an order, and that it is one', () =>
    expect(bodyOf(requests.place(limit))).toEqual({
      quantity: 10,
      product: 'D',
      validity: 'DAY',
      price: 1412.3,
      tag: 'T1',
      instrument_token: 'NSE_EQ|INE002A01018',
      order_type: 'LIMIT',
      transaction_type: 'BUY',
      disclosed_quantity: 0,
      trigger_price: 0,
      is_amo: false,
      slice: false,
    }));

  it.each(['MARKET', 'SL_M'] as const)('protects a %s order, which has no price', (orderType) => {
    const terms = { orderType, quantity: 10, triggerPriceE4: 14_000_000, validity: 'IOC' } as const;
    expect(bodyOf(requests.place({ ...limit, terms }))).toMatchObject({
      order_type: orderType === 'SL_M' ? 'SL-M' : 'MARKET',
      price: 0,
      trigger_price: 1400,
      validity: 'IOC',
      market_protection: -1,
    });
  });

  it.each([
    ['CNC', 'D'],
    ['NRML', 'D'],
    ['MIS', 'I'],
    ['MTF', 'MTF'],
  ] as const)('calls %s %s', (product, word) =>
    expect(bodyOf(requests.place({ ...limit, product }))).toMatchObject({ product: word }),
  );

  it('names the algorithm in a header, once it has one', () =>
    expect(requests.place({ ...limit, algoId: 'momentum' }).headers).toMatchObject({ 'x-algo-name': 'momentum' }));

  it('counts commodities in lots', () => {
    const instrument: BrokerInstrument = {
      ...reliance,
      exchange: 'MCX',
      segment: 'MCX_FO',
      symbol: 'MCX_FO|1',
      lotSize: 5,
    };
    expect(bodyOf(requests.place({ ...limit, instrument }))).toMatchObject({ quantity: 2 });
    expect(bodyOf(requests.modify({ ...limit, instrument, brokerOrderId: '1' }, limit.terms))).toMatchObject({
      quantity: 2,
    });
  });

  it('numbers the lines of a batch, which goes to the other host', () => {
    const parts = requests.placeMany([limit, { ...limit, tag: 'T2' }]);
    expect(parts.url).toBe('https://api.upstox.com/v2/order/multi/place');
    expect(bodyOf(parts)).toMatchObject([
      { correlation_id: '0', tag: 'T1', slice: false },
      { correlation_id: '1', tag: 'T2', slice: false },
    ]);
  });

  it('gives a change the total quantity and all terms', () => {
    const parts = requests.modify({ ...limit, brokerOrderId: '231019025057849' }, { ...limit.terms, quantity: 12 });
    expect([parts.method, parts.url]).toEqual(['PUT', 'https://api-hft.upstox.com/v3/order/modify']);
    expect(bodyOf(parts)).toEqual({
      order_id: '231019025057849',
      quantity: 12,
      validity: 'DAY',
      price: 1412.3,
      order_type: 'LIMIT',
      disclosed_quantity: 0,
      trigger_price: 0,
    });
  });

  it('cancels, searches and reads by address', () => {
    expect(requests.cancel('1&2')).toMatchObject({
      method: 'DELETE',
      url: 'https://api-hft.upstox.com/v3/order/cancel?order_id=1%262',
    });
    expect(requests.historyOf('T1').url).toBe('https://api.upstox.com/v2/order/history?tag=T1');
    expect(requests.order('1').url).toBe('https://api.upstox.com/v2/order/details?order_id=1');
    expect(requests.tradesOf('1').url).toBe('https://api.upstox.com/v2/order/trades?order_id=1');
    expect(requests.read('/v2/user/profile').body).toBeUndefined();
  });

  it('asks for the margin of orders together', () =>
    expect(bodyOf(requests.margin([limit]))).toEqual({
      instruments: [
        { instrument_key: 'NSE_EQ|INE002A01018', quantity: 10, product: 'D', transaction_type: 'BUY', price: 1412.3 },
      ],
    }));

  it('subscribes as recorded, in bytes', () => {
    const told = JSON.parse(Buffer.from(feedCommand('sub', 'full', ['NSE_INDEX|Nifty Bank'])).toString()) as object;
    const recorded = JSON.parse(fixture('upstox', 'feed_subscribe_request.json')) as object;
    expect(told).toEqual({ ...recorded, guid: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });
});
