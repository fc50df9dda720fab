import type { BrokerInstrument, OrderToSend } from '../client';
import { type Parts, ZerodhaRequests } from './requests';
import { zerodha } from './zerodha';

const credentials = { apiKey: 'key-of-the-app', apiSecret: 'secret-of-the-app', accessToken: 'token&today' };
const requests = new ZerodhaRequests(zerodha.endpoints(), credentials);
const mahindra: BrokerInstrument = {
  instrumentKey: 'NSE_EQ|INE101A01026',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: 'NSE:M&M',
  token: '519937',
  lotSize: 1,
};
const limit: OrderToSend = {
  instrument: mahindra,
  side: 'SELL',
  product: 'MIS',
  tag: 'T1',
  terms: { orderType: 'LIMIT', quantity: 10, priceE4: 14_123_000, validity: 'DAY' },
};
const formOf = ({ body }: Parts): object => Object.fromEntries(new URLSearchParams(body));

describe('what Zerodha is asked', () => {
  it('is a form, with the app and its token in the header', () => {
    const { method, url, headers, body } = requests.place(limit);
    expect([method, url]).toEqual(['POST', 'https://api.kite.trade/orders/regular']);
    expect(headers).toEqual({
      'x-kite-version': '3',
      authorization: 'token key-of-the-app:token&today',
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(body).toContain('tradingsymbol=M%26M');
  });

  it('says every field of an order, prices to the paisa', () => {
    expect(formOf(requests.place(limit))).toEqual({
      exchange: 'NSE',
      tradingsymbol: 'M&M',
      transaction_type: 'SELL',
      product: 'MIS',
      order_type: 'LIMIT',
      quantity: '10',
      validity: 'DAY',
      price: '1412.30',
      tag: 'T1',
    });
    const terms = { ...limit.terms, orderType: 'SL', triggerPriceE4: 14_125_025, disclosedQuantity: 1 } as const;
    expect(formOf(requests.place({ ...limit, terms, algoId: '77' }))).toMatchObject({
      order_type: 'SL',
      trigger_price: '1412.5025',
      disclosed_quantity: '1',
      algo_id: '77',
    });
  });

  it.each([
    ['MARKET', 'MARKET'],
    ['SL_M', 'SL-M'],
  ] as const)('protects a %s order, when it is placed and when one is made of another', (orderType, word) => {
    const terms = { orderType, quantity: 10, validity: 'IOC' } as const;
    const told = { order_type: word, market_protection: '-1' };
    expect(formOf(requests.place({ ...limit, terms }))).toMatchObject(told);
    expect(formOf(requests.modify({ ...limit, brokerOrderId: '1' }, terms))).toMatchObject(told);
  });

  it('counts commodities in lots', () => {
    const instrument: BrokerInstrument = {
      ...mahindra,
      exchange: 'MCX',
      segment: 'MCX_FO',
      symbol: 'MCX:GOLD',
      lotSize: 5,
    };
    expect(formOf(requests.place({ ...limit, instrument }))).toMatchObject({ exchange: 'MCX', quantity: '2' });
    expect(formOf(requests.modify({ ...limit, instrument, brokerOrderId: '1' }, limit.terms))).toMatchObject({
      quantity: '2',
    });
  });

  it('gives a change the total quantity and all terms, and a cancel nothing', () => {
    const changed = requests.modify(
      { ...limit, brokerOrderId: '1953367517686685697' },
      { ...limit.terms, quantity: 12 },
    );
    expect([changed.method, changed.url]).toEqual(['PUT', 'https://api.kite.trade/orders/regular/1953367517686685697']);
    expect(formOf(changed)).toEqual({ order_type: 'LIMIT', quantity: '12', validity: 'DAY', price: '1412.30' });
    expect(requests.cancel('../x')).toMatchObject({
      method: 'DELETE',
      url: 'https://api.kite.trade/orders/regular/..%2Fx',
    });
    expect(requests.cancel('1').body).toBeUndefined();
  });

  it('asks for the margin of orders together, in JSON', () => {
    const { url, headers, body } = requests.margin([limit]);
    expect(url).toBe('https://api.kite.trade/margins/basket?consider_positions=true&mode=compact');
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body ?? '')).toEqual([
      {
        exchange: 'NSE',
        tradingsymbol: 'M&M',
        transaction_type: 'SELL',
        variety: 'regular',
        product: 'MIS',
        order_type: 'LIMIT',
        quantity: 10,
        price: 1412.3,
        trigger_price: 0,
      },
    ]);
  });

  it('opens one socket for orders and prices, its credentials in the address and the secret nowhere', () => {
    expect(requests.socket).toBe('wss://ws.kite.trade?api_key=key-of-the-app&access_token=token%26today');
    expect(JSON.stringify([requests.place(limit), requests.socket])).not.toContain('secret-of-the-app');
  });
});
