import { PaperMarket } from '#brokers/paper/paper-market';
import type { BrokerName } from '#brokers/client';
import type { Instrument } from '#domain/instruments/instrument';
import { Book, type BookOptions } from './book';
import type { Outcome, SimClient, SimOrder, SimPlace, SimTrade } from './dialect';

const SHARE: Instrument = {
  instrumentKey: 'NSE_EQ|INE002A01018',
  validFrom: '2026-01-02',
  symbol: 'NSE:RELIANCE',
  tradingSymbol: 'RELIANCE',
  name: 'RELIANCE INDUSTRIES LTD',
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType: 'EQ',
  exchangeToken: '2885',
  lotSize: 1,
  tickSizeE4: 1_000,
};
const FUTURE: Instrument = {
  ...SHARE,
  instrumentKey: 'NSE_FO|49229',
  segment: 'NSE_FO',
  instrumentType: 'FUT',
  exchangeToken: '49229',
  lotSize: 500,
  freezeQuantity: 2_001,
};
const UNTRADED: Instrument = { ...SHARE, instrumentKey: 'NSE_EQ|INE000000000', symbol: 'NSE:QUIET' };

/** Ticks: 100, 90, 120, 110, and round again; one order may take 100 of each. */
const DAY = { openE4: 1_000_000, lowE4: 900_000, highE4: 1_200_000, closeE4: 1_100_000, volume: 4_000 };
const TICK_MS = 1_000;

const client: SimClient = { clientId: 'AB1234', credentials: {}, fundsE4: 10_000_000_000 };

const place: SimPlace = {
  instrument: SHARE,
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  product: 'CNC',
  orderType: 'LIMIT',
  quantity: 10,
  priceE4: 1_000_000,
  triggerPriceE4: 0,
  validity: 'DAY',
  disclosedQuantity: 0,
};

const setUp = (broker: BrokerName = 'upstox', more: Partial<BookOptions> = {}) => {
  // A multiple of four ticks: the day's open.
  const clock = { nowMs: 1_600_000_000 * TICK_MS };
  const told: { readonly order: SimOrder; readonly trade: SimTrade | undefined }[] = [];
  const book = new Book({
    broker,
    market: new PaperMarket(
      new Map([
        [SHARE.instrumentKey, DAY],
        [FUTURE.instrumentKey, { ...DAY, volume: 40_000 }],
      ]),
      TICK_MS,
    ),
    names: () => undefined,
    now: () => clock.nowMs,
    onChange: (order, trade) => told.push({ order, trade }),
    ...more,
  });
  return {
    book,
    told,
    nextTick: () => {
      clock.nowMs += TICK_MS;
      book.matchAll();
    },
  };
};

const taken = (outcome: Outcome): SimOrder => {
  if (!outcome.ok) throw new Error(`refused: ${outcome.refusal.reason}`);
  return outcome.order;
};
const reasonOf = (outcome: Outcome): string | undefined => (outcome.ok ? undefined : outcome.refusal.reason);

describe('the book of a simulated broker', () => {
  it('fills what the market meets, at the price of the market and not of the limit', () => {
    const { book } = setUp();
    expect(taken(book.place(client, { ...place, priceE4: 1_050_000 }))).toMatchObject({
      state: 'complete',
      filledQuantity: 10,
      averagePriceE4: 1_000_000,
      trades: [{ quantity: 10, priceE4: 1_000_000 }],
    });
  });

  it('keeps what the market does not meet until it does', () => {
    const { book, nextTick } = setUp();
    const { brokerOrderId } = taken(book.place(client, { ...place, priceE4: 950_000 }));
    expect(book.order(client, brokerOrderId)).toMatchObject({ state: 'open', filledQuantity: 0 });
    nextTick();
    expect(book.order(client, brokerOrderId)).toMatchObject({ state: 'complete', averagePriceE4: 900_000 });
  });

  it('fills in parts where the market is thin, one part a tick, and tells of each', () => {
    const { book, told, nextTick } = setUp();
    const { brokerOrderId } = taken(book.place(client, { ...place, orderType: 'MARKET', priceE4: 0, quantity: 250 }));
    expect(book.order(client, brokerOrderId)).toMatchObject({ state: 'open', filledQuantity: 100 });
    book.matchAll();
    expect(book.order(client, brokerOrderId)?.filledQuantity).toBe(100);
    nextTick();
    nextTick();
    expect(book.order(client, brokerOrderId)).toMatchObject({
      state: 'complete',
      filledQuantity: 250,
      averagePriceE4: 1_000_000, // 100 at 100, 100 at 90, 50 at 120
    });
    expect(told.map(({ order, trade }) => [order.filledQuantity, trade?.quantity])).toEqual([
      [0, undefined],
      [100, 100],
      [200, 100],
      [250, 50],
    ]);
    expect(new Set(book.trades(client).map(({ tradeId }) => tradeId)).size).toBe(3);
  });

  it('cancels what an immediate order could not get', () => {
    const { book } = setUp();
    expect(taken(book.place(client, { ...place, validity: 'IOC', quantity: 150 }))).toMatchObject({
      state: 'cancelled',
      filledQuantity: 100,
    });
    expect(taken(book.place(client, { ...place, validity: 'IOC', priceE4: 990_000 }))).toMatchObject({
      state: 'cancelled',
      filledQuantity: 0,
    });
  });

  it('wakes a stop when its trigger is touched, and not before', () => {
    const { book, nextTick } = setUp();
    const stop: SimPlace = { ...place, orderType: 'SL_M', priceE4: 0, triggerPriceE4: 1_150_000 };
    const { brokerOrderId } = taken(book.place(client, stop));
    expect(book.order(client, brokerOrderId)?.state).toBe('trigger-wait');
    nextTick();
    expect(book.order(client, brokerOrderId)?.state).toBe('trigger-wait');
    nextTick();
    expect(book.order(client, brokerOrderId)).toMatchObject({ state: 'complete', averagePriceE4: 1_200_000 });
  });

  it('leaves a triggered stop with a limit in the market when the limit is passed over', () => {
    const { book, nextTick } = setUp();
    const stop: SimPlace = { ...place, orderType: 'SL', priceE4: 1_150_000, triggerPriceE4: 1_150_000 };
    const { brokerOrderId } = taken(book.place(client, stop));
    nextTick();
    nextTick();
    expect(book.order(client, brokerOrderId)).toMatchObject({ state: 'open', filledQuantity: 0 });
    nextTick();
    expect(book.order(client, brokerOrderId)).toMatchObject({ state: 'complete', averagePriceE4: 1_100_000 });
  });

  it('rests on an instrument that nothing was recorded for', () => {
    const { book, nextTick } = setUp();
    const { brokerOrderId } = taken(book.place(client, { ...place, instrument: UNTRADED }));
    nextTick();
    expect(book.order(client, brokerOrderId)?.state).toBe('open');
  });

  it('cancels once, and refuses to cancel or change what is over', () => {
    const { book } = setUp();
    const { brokerOrderId } = taken(book.place(client, { ...place, priceE4: 950_000 }));
    expect(taken(book.cancel(client, brokerOrderId)).state).toBe('cancelled');
    expect(reasonOf(book.cancel(client, brokerOrderId))).toBe('final-state');
    expect(reasonOf(book.modify(client, brokerOrderId, { quantity: 5 }))).toBe('final-state');
  });

  it('does not know the orders of another client', () => {
    const { book } = setUp();
    const { brokerOrderId } = taken(book.place(client, { ...place, priceE4: 950_000 }));
    const other = { ...client, clientId: 'CD5678' };
    expect(book.order(other, brokerOrderId)).toBeUndefined();
    expect(reasonOf(book.cancel(other, brokerOrderId))).toBe('not-found');
    expect(reasonOf(book.modify(other, brokerOrderId, { quantity: 5 }))).toBe('not-found');
  });

  it('changes an order to a new total, which must be more than what is filled', () => {
    const { book } = setUp();
    const { brokerOrderId } = taken(book.place(client, { ...place, quantity: 150 }));
    expect(reasonOf(book.modify(client, brokerOrderId, { quantity: 100 }))).toBe('quantity');
    expect(taken(book.modify(client, brokerOrderId, { quantity: 120, priceE4: 950_000 }))).toMatchObject({
      state: 'open',
      quantity: 120,
      filledQuantity: 100,
      modifications: 1,
    });
  });

  it('lets an order at Zerodha be changed 25 times', () => {
    const { book } = setUp('zerodha');
    const { brokerOrderId } = taken(book.place(client, { ...place, priceE4: 950_000 }));
    for (let time = 0; time < 25; time += 1) taken(book.modify(client, brokerOrderId, { quantity: 11 + time }));
    expect(reasonOf(book.modify(client, brokerOrderId, { quantity: 50 }))).toBe('too-many-modifications');
  });

  it('holds the money of what opens a position, and gives it back', () => {
    const { book } = setUp();
    const resting = taken(book.place(client, { ...place, priceE4: 950_000 }));
    expect(book.utilisedE4(client)).toBe(9_500_000);
    book.cancel(client, resting.brokerOrderId);
    expect(book.utilisedE4(client)).toBe(0);
    taken(book.place(client, place));
    expect(book.utilisedE4(client)).toBe(10_000_000);
    taken(book.place(client, { ...place, side: 'SELL', quantity: 4 }));
    expect(book.utilisedE4(client)).toBe(6_000_000);
    taken(book.place(client, { ...place, side: 'SELL', quantity: 6 }));
    expect(book.utilisedE4(client)).toBe(0);
  });

  it('takes what the funds pay for to the last paisa, and no more', () => {
    const { book } = setUp('zerodha');
    const poor = { ...client, fundsE4: 10_000_000 };
    expect(reasonOf(book.place(poor, { ...place, quantity: 11 }))).toBe('funds');
    expect(taken(book.place(poor, { ...place, quantity: 10 })).state).toBe('complete');
    expect(reasonOf(book.place(poor, { ...place, quantity: 1 }))).toBe('funds');
    expect(taken(book.place(poor, { ...place, side: 'SELL', quantity: 10 })).state).toBe('complete');
  });

  it.each<readonly [string, Partial<SimPlace>, string]>([
    ['an index', { instrument: withoutLot() }, 'unknown-instrument'],
    ['no quantity', { quantity: 0 }, 'quantity'],
    ['part of a share', { quantity: 1.5 }, 'quantity'],
    ['part of a lot', { instrument: FUTURE, quantity: 499 }, 'lot-size'],
    ['the freeze quantity', { instrument: { ...FUTURE, freezeQuantity: 2_000 }, quantity: 2_000 }, 'freeze-quantity'],
    ['a limit order without a price', { priceE4: 0 }, 'price'],
    ['a market order with a price', { orderType: 'MARKET' }, 'price'],
    ['a price between two ticks', { priceE4: 1_000_500 }, 'tick-size'],
    ['a stop without a trigger', { orderType: 'SL' }, 'trigger-price'],
    ['a buy whose trigger is above its limit', { orderType: 'SL', triggerPriceE4: 1_001_000 }, 'trigger-price'],
    ['a disclosed part that is too small', { quantity: 100, disclosedQuantity: 9 }, 'quantity'],
  ])('refuses %s at once at Zerodha', (_what, change, reason) => {
    const { book, told } = setUp('zerodha');
    expect(reasonOf(book.place(client, { ...place, ...change }))).toBe(reason);
    expect(told).toEqual([]);
  });

  it.each<readonly [BrokerName, 'at once' | 'later']>([
    ['upstox', 'later'],
    ['zerodha', 'at once'],
    ['fyers', 'at once'],
    ['angelone', 'later'],
  ])('says at %s that money is short %s', (broker, when) => {
    const { book } = setUp(broker);
    const outcome = book.place({ ...client, fundsE4: 1 }, place);
    if (when === 'at once') expect(reasonOf(outcome)).toBe('funds');
    else expect(taken(outcome)).toMatchObject({ state: 'rejected', refusal: { reason: 'funds' }, filledQuantity: 0 });
  });

  it('rejects a price beyond the circuit, later, everywhere', () => {
    const { book } = setUp('zerodha');
    expect(taken(book.place(client, { ...place, priceE4: 1_200_000 })).state).toBe('complete');
    expect(taken(book.place(client, { ...place, priceE4: 1_201_000 }))).toMatchObject({
      state: 'rejected',
      refusal: { reason: 'circuit' },
    });
  });

  it('takes the same tag as often as it comes: no broker checks it', () => {
    const { book } = setUp();
    const first = taken(book.place(client, { ...place, tag: 'T1' }));
    const second = taken(book.place(client, { ...place, tag: 'T1' }));
    expect(second.brokerOrderId).not.toBe(first.brokerOrderId);
    expect(book.truth().orders.filter(({ tag }) => tag === 'T1')).toHaveLength(2);
  });

  it.each<readonly [BrokerName, RegExp]>([
    ['upstox', /^\d{15}$/],
    ['zerodha', /^\d{19}$/],
    ['fyers', /^\d{14}$/],
    ['angelone', /^\d{15}$/],
  ])('numbers orders as %s does, each once', (broker, shape) => {
    const { book } = setUp(broker, { now: () => Date.parse('2026-11-20T10:00:00+05:30') });
    const ids = Array.from({ length: 500 }, () => taken(book.place(client, place)).brokerOrderId);
    for (const id of ids) expect(id).toMatch(shape);
    expect(new Set(ids).size).toBe(500);
    if (broker === 'zerodha') expect(Number(ids[0])).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  it('forgets the oldest order that is over when there are too many, and says how many it forgot', () => {
    const { book } = setUp('upstox', { ordersKept: 3 });
    const resting = taken(book.place(client, { ...place, priceE4: 950_000 }));
    for (let time = 0; time < 4; time += 1) taken(book.place(client, place));
    expect(book.orders(client)).toHaveLength(3);
    expect(book.order(client, resting.brokerOrderId)?.state).toBe('open');
    expect(book.truth().forgotten).toBe(2);
  });
});

function withoutLot(): Instrument {
  const { lotSize: _lotSize, ...index } = SHARE;
  return index;
}
