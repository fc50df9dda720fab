import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OrderTerms } from '#domain/orders/order';
import type { BrokerInstrument, OrderToSend } from '../client';
import { Unspeakable } from '../reading';
import * as requests from './requests';

const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(__dirname, '../../fixtures/angelone', name), 'utf8')) as Record<string, unknown>;

const sbin: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE062A01020',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE:SBIN-EQ',
  token: '3045',
};
const option: BrokerInstrument = { ...sbin, segment: 'NSE_FO', symbol: 'NFO:NIFTY25NOV2624000CE', token: '67300' };

const limit: OrderTerms = { orderType: 'LIMIT', quantity: 1, priceE4: 1_940_000, validity: 'DAY' };
const order: OrderToSend = { instrument: sbin, side: 'BUY', product: 'MIS', terms: limit, tag: 'T01' };
const bodyOf = ({ body = '' }: requests.Call): unknown => JSON.parse(body);

describe('an order in the words of Angel One', () => {
  it('has the documented fields, all numbers as text', () => {
    const call = requests.place({ ...order, terms: { orderType: 'MARKET', quantity: 1, validity: 'DAY' } });
    const { scripconsent: _consent, ...sample } = fixture('place_order_request.json');
    expect(call).toMatchObject({ method: 'POST', path: '/rest/secure/angelbroking/order/v1/placeOrder' });
    expect(bodyOf(call)).toEqual({
      ...sample,
      price: '0.00',
      triggerprice: '0.00',
      trailingStopLoss: '0',
      disclosedquantity: '0',
      ordertag: 'T01',
    });
  });

  it.each([
    ['MARKET', 'NORMAL', 'MARKET', { price: '0.00', triggerprice: '0.00' }],
    ['LIMIT', 'NORMAL', 'LIMIT', { price: '194.05', triggerprice: '0.00' }],
    ['SL_M', 'STOPLOSS', 'STOPLOSS_MARKET', { price: '0.00', triggerprice: '193.50' }],
    ['SL', 'STOPLOSS', 'STOPLOSS_LIMIT', { price: '194.05', triggerprice: '193.50' }],
  ] as const)('says %s as %s %s', (orderType, variety, ordertype, prices) => {
    const hasLimit = orderType === 'LIMIT' || orderType === 'SL';
    const hasTrigger = orderType === 'SL' || orderType === 'SL_M';
    const terms: OrderTerms = {
      orderType,
      quantity: 3,
      validity: 'IOC',
      disclosedQuantity: 1,
      ...(hasLimit && { priceE4: 1_940_500 }),
      ...(hasTrigger && { triggerPriceE4: 1_935_000 }),
    };
    expect(bodyOf(requests.place({ ...order, side: 'SELL', terms }))).toMatchObject({
      ...prices,
      variety,
      ordertype,
      transactiontype: 'SELL',
      quantity: '3',
      duration: 'IOC',
      disclosedquantity: '1',
    });
  });

  it.each([
    ['NSE_EQ', 'CNC', 'DELIVERY'],
    ['BSE_EQ', 'MIS', 'INTRADAY'],
    ['NSE_EQ', 'MTF', 'MARGIN'],
    ['NSE_FO', 'NRML', 'CARRYFORWARD'],
    ['BSE_FO', 'MIS', 'INTRADAY'],
  ] as const)('calls the product in %s %s %s', (segment, product, producttype) =>
    expect(bodyOf(requests.place({ ...order, instrument: { ...sbin, segment }, product }))).toMatchObject({
      producttype,
    }),
  );

  it.each([
    ['NSE_FO', 'CNC'],
    ['NSE_EQ', 'NRML'],
    ['NSE_FO', 'MTF'],
    ['MCX_FO', 'NRML'],
  ] as const)('cannot be said in %s as %s', (segment, product) =>
    expect(() => requests.place({ ...order, instrument: { ...sbin, segment }, product })).toThrow(Unspeakable),
  );

  it('has a tag that the broker keeps as it is', () => {
    for (const tag of ['', 'A-1', 'A B', 'A'.repeat(20)])
      expect(() => requests.place({ ...order, tag })).toThrow(Unspeakable);
  });

  it('names exchange, symbol and number of a contract', () =>
    expect(bodyOf(requests.place({ ...order, instrument: option, product: 'NRML' }))).toMatchObject({
      exchange: 'NFO',
      tradingsymbol: 'NIFTY25NOV2624000CE',
      symboltoken: '67300',
    }));

  it('cannot be said of a symbol without its exchange', () =>
    expect(() => requests.place({ ...order, instrument: { ...sbin, symbol: 'SBIN-EQ' } })).toThrow(Unspeakable));
});

describe('changes in the words of Angel One', () => {
  const atBroker = { ...order, brokerOrderId: '201020000000080' };

  it('say the whole of what the order shall be', () => {
    const call = requests.modify(atBroker, limit);
    expect(call.path).toMatch(/\/modifyOrder$/);
    expect(bodyOf(call)).toEqual({ ...fixture('modify_order_request.json'), triggerprice: '0.00' });
  });

  it('cannot say what the call has no field for', () =>
    expect(() => requests.modify(atBroker, { ...limit, disclosedQuantity: 1 })).toThrow(/disclosed/));

  it('cancel in the book where the order stands', () => {
    const call = requests.cancel(atBroker);
    expect(call.path).toMatch(/\/cancelOrder$/);
    expect(bodyOf(call)).toEqual(fixture('cancel_order_request.json'));
    const stop: OrderTerms = { orderType: 'SL_M', quantity: 1, triggerPriceE4: 1, validity: 'DAY' };
    expect(bodyOf(requests.cancel({ ...atBroker, terms: stop }))).toMatchObject({ variety: 'STOPLOSS' });
  });

  it('ask for margin with the numbers as numbers', () => {
    const call = requests.margin([
      { ...order, instrument: option, terms: { ...limit, quantity: 50, priceE4: 0 } },
      {
        ...order,
        instrument: { ...option, token: '67308' },
        side: 'SELL',
        terms: { orderType: 'MARKET', quantity: 50, validity: 'DAY' },
      },
    ]);
    expect(bodyOf(call)).toEqual(fixture('margin_batch_request.json'));
    expect(() => requests.margin(Array.from({ length: 51 }, () => order))).toThrow(Unspeakable);
  });
});
