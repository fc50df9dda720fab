import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OrderTerms } from '#domain/orders/order';
import type { BrokerInstrument, OrderToSend } from '../client';
import { Unspeakable } from '../reading';
import * as requests from './requests';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(join(__dirname, '../../fixtures/fyers', name), 'utf8'));

const idea: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE669E01016',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE:IDEA-EQ',
  token: '101000000014366',
};
const sbin: BrokerInstrument = { ...idea, symbol: 'NSE:SBIN-EQ', token: '10100000003045' };
const nifty: BrokerInstrument = { ...idea, segment: 'NSE_FO', symbol: 'NSE:NIFTY26NOVFUT' };

const limit: OrderTerms = { orderType: 'LIMIT', quantity: 1, priceE4: 79_000, validity: 'DAY' };
const order: OrderToSend = { instrument: idea, side: 'BUY', product: 'MIS', terms: limit, tag: 'T01' };
const bodyOf = ({ body = '' }: requests.Call): unknown => JSON.parse(body);

describe('an order in the words of Fyers', () => {
  it('is the documented one with our tag: a limit', () => {
    const call = requests.place(order);
    expect(call).toMatchObject({ method: 'POST', path: '/orders/sync' });
    expect(bodyOf(call)).toEqual({
      ...(fixture('place_limit_request.json') as object),
      isSliceOrder: false,
      orderTag: 'T01',
    });
  });

  it('is the documented one, but during the session: at the market', () => {
    const market: OrderToSend = {
      ...order,
      instrument: sbin,
      product: 'CNC',
      terms: { orderType: 'MARKET', quantity: 1, validity: 'DAY' },
    };
    expect(bodyOf(requests.place(market))).toEqual({
      ...(fixture('place_market_request.json') as object),
      offlineOrder: false,
      isSliceOrder: false,
      orderTag: 'T01',
    });
  });

  it('has the documented fields and types for a stop', () => {
    const terms: OrderTerms = { orderType: 'SL_M', quantity: 75, triggerPriceE4: 700_000_000, validity: 'DAY' };
    const sample = fixture('place_stop_request.json') as Record<string, unknown>;
    const body = bodyOf(requests.place({ ...order, instrument: nifty, product: 'NRML', terms }));
    expect(body).toMatchObject({ type: sample['type'], stopPrice: sample['stopPrice'], limitPrice: 0 });
    expect(body).toMatchObject({ productType: sample['productType'] });
  });

  it.each([
    ['MARKET', 2, { limitPrice: 0, stopPrice: 0 }],
    ['LIMIT', 1, { limitPrice: 194.05, stopPrice: 0 }],
    ['SL_M', 3, { limitPrice: 0, stopPrice: 193.5 }],
    ['SL', 4, { limitPrice: 194.05, stopPrice: 193.5 }],
  ] as const)('numbers %s as %i', (orderType, type, prices) => {
    const hasLimit = orderType === 'LIMIT' || orderType === 'SL';
    const hasTrigger = orderType === 'SL' || orderType === 'SL_M';
    const terms: OrderTerms = {
      orderType,
      quantity: 3,
      validity: 'IOC',
      ...(hasLimit && { priceE4: 1_940_500 }),
      ...(hasTrigger && { triggerPriceE4: 1_935_000 }),
    };
    expect(bodyOf(requests.place({ ...order, side: 'SELL', terms }))).toMatchObject({
      ...prices,
      type,
      side: -1,
      qty: 3,
      validity: 'IOC',
    });
  });

  it.each([
    ['NSE_EQ', 'CNC', 'CNC'],
    ['BSE_EQ', 'MIS', 'INTRADAY'],
    ['NSE_EQ', 'MTF', 'MTF'],
    ['NSE_FO', 'NRML', 'MARGIN'],
    ['BSE_FO', 'MIS', 'INTRADAY'],
  ] as const)('calls the product in %s %s %s', (segment, product, productType) =>
    expect(bodyOf(requests.place({ ...order, instrument: { ...idea, segment }, product }))).toMatchObject({
      productType,
    }),
  );

  it.each([
    ['NSE_FO', 'CNC'],
    ['NSE_EQ', 'NRML'],
    ['MCX_FO', 'NRML'],
    ['NSE_INDEX', 'CNC'],
  ] as const)('cannot be said in %s as %s', (segment, product) =>
    expect(() => requests.place({ ...order, instrument: { ...idea, segment }, product })).toThrow(Unspeakable),
  );

  it('has a tag that the broker keeps as it is', () => {
    for (const tag of ['', 'A-1', 'A B', 'A'.repeat(31)])
      expect(() => requests.place({ ...order, tag })).toThrow(Unspeakable);
  });
});

describe('many orders in the words of Fyers', () => {
  it('are the bodies of single ones in a list', () => {
    const call = requests.placeMany([order, { ...order, tag: 'T02' }]);
    expect(call).toMatchObject({ method: 'POST', path: '/multi-order/sync' });
    expect(bodyOf(call)).toEqual([bodyOf(requests.place(order)), bodyOf(requests.place({ ...order, tag: 'T02' }))]);
    const [sample = {}] = fixture('multi_place_request.json') as readonly object[];
    expect(Object.keys((bodyOf(call) as readonly object[])[0] ?? {})).toEqual(
      expect.arrayContaining(Object.keys(sample)),
    );
  });

  it('are at most ten', () => {
    expect(() => requests.placeMany(Array.from({ length: 11 }, () => order))).toThrow(Unspeakable);
    expect(() => requests.placeMany([])).toThrow(Unspeakable);
  });
});

describe('changes in the words of Fyers', () => {
  const atBroker = { ...order, brokerOrderId: '52009117318' };

  it('say the whole of what the order shall be', () => {
    const call = requests.modify(atBroker, { ...limit, priceE4: 2_000_000 });
    expect(call).toMatchObject({ method: 'PATCH', path: '/orders/sync' });
    expect(bodyOf(call)).toEqual({ ...(fixture('modify_limit_request.json') as object), stopPrice: 0 });
  });

  it('cannot say what the call has no field for', () => {
    expect(() => requests.modify(atBroker, { ...limit, validity: 'IOC' })).toThrow(/validity/);
    expect(() => requests.modify(atBroker, { ...limit, disclosedQuantity: 1 })).toThrow(/disclosed/);
  });

  it('cancel by path, so that no body can be lost on the way', () =>
    expect(requests.cancel(atBroker)).toEqual({ method: 'DELETE', path: '/orders/52009117318/sync' }));

  it('put ids into addresses safely', () => expect(requests.order('1&x=/..').path).toBe('/orders?id=1%26x%3D%2F..'));
});
