import fc from 'fast-check';
import { account, positionKey } from '../accounts/account';
import { alikeKeyOf } from '../accounts/day-book';
import type { Instrument } from '../instruments/instrument';
import type { Product, Side } from '../orders/order';
import { type AccountView, type ExposureQuestion, exposureOf, type MarketView } from './exposure';
import { AT_TEN_MS, niftyCall, niftyFuture, reliance, rupees, TODAY } from './samples';

const tcs: Instrument = { ...reliance, instrumentKey: 'NSE_EQ|INE467B01029', symbol: 'NSE:TCS' };
const instruments = new Map([reliance, tcs, niftyFuture, niftyCall].map((one) => [one.instrumentKey, one]));

type Positions = AccountView['positions'];
type Held = NonNullable<ReturnType<Positions['get']>>;
type Open = NonNullable<ReturnType<AccountView['reservations']['get']>>;

const held = (instrument: Instrument, quantity: number, cost: number, more: Partial<Held> = {}): Held => ({
  instrumentKey: instrument.instrumentKey,
  product: 'CNC',
  quantity,
  costE4: rupees(cost),
  promisedQuantity: 0,
  ...more,
});
const open = (orderId: string, side: Side, remainingQuantity: number, more: Partial<Open> = {}): Open => ({
  orderId,
  instrumentKey: reliance.instrumentKey,
  product: 'CNC',
  side,
  remainingQuantity,
  closingQuantity: 0,
  marginPriceE4: rupees(103),
  orderType: 'LIMIT',
  priceE4: rupees(100),
  ...more,
});
const byKey = (positions: readonly Held[]): Positions => new Map(positions.map((one) => [positionKey(one), one]));

interface Story {
  readonly positions?: readonly Held[];
  readonly orders?: readonly Open[];
  readonly executed?: Readonly<Record<string, number>>;
  readonly day?: Partial<AccountView['day']>;
}
const accountOf = ({ positions = [], orders = [], executed = {}, day }: Story): AccountView => ({
  positions: byKey(positions),
  reservations: new Map(orders.map((one) => [one.orderId, one])),
  postedQuantities: new Map(Object.entries(executed)),
  day: {
    date: TODAY,
    realisedE4: 0,
    chargesE4: 0,
    orders: 0,
    recent: new Map(),
    opening: byKey([]),
    bought: new Map(),
    ...day,
  },
});

const prices = new Map([
  [reliance.instrumentKey, rupees(100)],
  [tcs.instrumentKey, rupees(3_000)],
]);
const closes = new Map([
  [reliance.instrumentKey, rupees(98)],
  [tcs.instrumentKey, rupees(3_100)],
]);
const market: MarketView = {
  tradingDate: TODAY,
  atMs: AT_TEN_MS,
  instrumentOf: (key) => instruments.get(key),
  lastPriceE4: (key) => prices.get(key),
  previousCloseE4: (key) => closes.get(key),
};
const buy: ExposureQuestion = {
  orderId: 'new-1',
  instrumentKey: reliance.instrumentKey,
  product: 'CNC',
  side: 'BUY',
  quantity: 10,
  priceE4: rupees(100),
};
const sell: ExposureQuestion = { ...buy, side: 'SELL' };
const seen = (story: Story, order = buy, by = market) => exposureOf(accountOf(story), order, by);

it('is what an account is', () => {
  const empty: AccountView = account.initial;
  expect(exposureOf(empty, buy, market)).toMatchObject({ positionQuantity: 0, openOrders: 0, unrealisedE4: 0 });
});

describe('what an order could close', () => {
  it('is the position of its instrument and product, on the other side', () => {
    const story = { positions: [held(reliance, 30, 2_900), held(tcs, 5, 15_000)] };
    expect(seen(story, sell).closableQuantity).toBe(30);
    expect(seen(story, buy).closableQuantity).toBe(0);
    expect(seen(story, { ...sell, product: 'MIS' }).closableQuantity).toBe(0);
    expect(
      seen({ positions: [held(reliance, -30, 2_900, { product: 'MIS' })] }, { ...buy, product: 'MIS' }),
    ).toMatchObject({ positionQuantity: -30, closableQuantity: 30 });
  });
  it('is not what another order was promised, but what it was promised itself', () => {
    const orders = [open('exit-1', 'SELL', 20, { closingQuantity: 20 })];
    const story = { positions: [held(reliance, 30, 2_900, { promisedQuantity: 20 })], orders };
    expect(seen(story, sell).closableQuantity).toBe(10);
    expect(seen(story, { ...sell, orderId: 'exit-1' }).closableQuantity).toBe(30);
  });
  it('counts what was bought today as not delivered', () => {
    const key = positionKey(buy);
    const story = { positions: [held(reliance, 30, 2_900)], day: { bought: new Map([[key, 12]]) } };
    expect(seen(story, sell).undeliveredQuantity).toBe(12);
    expect(seen(story, { ...sell, product: 'MIS' }).undeliveredQuantity).toBe(0);
    expect(seen(story, sell, { ...market, tradingDate: '2026-01-05' }).undeliveredQuantity).toBe(0);
    const { bought: _nobodyCounted, ...day } = accountOf(story).day;
    expect(exposureOf({ ...accountOf(story), day }, sell, market).undeliveredQuantity).toBeUndefined();
  });
  it('knows what of a changed order is executed', () =>
    expect(seen({ executed: { 'new-1': 4 } }).filledQuantity).toBe(4));
});

describe('open orders', () => {
  const orders = [
    open('a', 'BUY', 10),
    open('b', 'SELL', 5, { product: 'MIS', orderType: 'SL', triggerPriceE4: rupees(95) }),
    open('c', 'BUY', 2, { instrumentKey: tcs.instrumentKey, orderType: 'MARKET' }),
  ];
  const { priceE4: _limit, ...market3 } = open('c', 'BUY', 2, {
    instrumentKey: tcs.instrumentKey,
    orderType: 'MARKET',
  });
  const story = { orders: [...orders.slice(0, 2), market3] };

  it('are counted and valued, at their limit or else as they are margined', () =>
    expect(seen(story)).toMatchObject({
      openOrders: 3,
      openOrderValueE4: rupees(10 * 100 + 5 * 100 + 2 * 103),
      presentValueE4: undefined,
    }));
  it('never include the order that is changed', () =>
    expect(seen(story, { ...buy, orderId: 'a' })).toMatchObject({
      openOrders: 2,
      openOrderValueE4: rupees(5 * 100 + 2 * 103),
      presentValueE4: rupees(1_000),
      symbolPosition: 0,
    }));
  it('of the other side in the instrument are named, whatever their product', () =>
    expect(seen(story).opposite).toEqual([
      { orderId: 'b', side: 'SELL', orderType: 'SL', priceE4: rupees(100), triggerPriceE4: rupees(95) },
    ]));
  it('are the same through an index', () => {
    const withIndex: AccountView = {
      ...accountOf(story),
      openIn: new Map([[reliance.instrumentKey, ['a', 'b', 'gone']]]),
    };
    const indexed = exposureOf(withIndex, buy, market);
    expect(indexed.opposite).toEqual(seen(story).opposite);
    expect(indexed.symbolPosition).toBe(seen(story).symbolPosition);
  });
  it('are not gone through when nobody asks', () => {
    let walks = 0;
    const reservations = accountOf(story).reservations;
    const counted: AccountView = {
      ...accountOf(story),
      reservations: {
        size: reservations.size,
        get: (key) => reservations.get(key),
        values: () => {
          walks += 1;
          return reservations.values();
        },
      },
    };
    const exposure = exposureOf(counted, buy, market);
    expect([exposure.openOrders, exposure.closableQuantity, exposure.unrealisedE4, walks]).toEqual([3, 0, 0, 0]);
    expect([exposure.openOrderValueE4, exposure.grossExposureE4, walks]).toEqual([rupees(1_706), rupees(1_706), 1]);
  });
});

describe('positions', () => {
  it('of a symbol net over products, with the open orders of the same side filled', () => {
    const story = {
      positions: [held(reliance, 30, 2_900), held(reliance, -10, 1_000, { product: 'MIS' }), held(tcs, 5, 15_000)],
      orders: [open('a', 'BUY', 7), open('b', 'SELL', 4)],
    };
    expect(seen(story, buy).symbolPosition).toBe(27);
    expect(seen(story, sell).symbolPosition).toBe(16);
  });
  it('of contracts on one underlying never hide behind each other', () => {
    const call = { instrumentKey: niftyCall.instrumentKey, product: 'NRML' as Product };
    const story = {
      positions: [held(niftyFuture, 65, 0, { product: 'NRML' }), held(niftyCall, -130, 0, call)],
      orders: [open('a', 'BUY', 65, call), open('b', 'SELL', 65, call)],
    };
    const onFuture = { ...buy, instrumentKey: niftyFuture.instrumentKey, product: 'NRML' } as const;
    expect(seen(story, onFuture).otherContracts).toBe(195);
    expect(seen(story, { ...onFuture, ...call }).otherContracts).toBe(65);
    expect(seen(story, buy).otherContracts).toBe(0);
  });
  it('and what opens one are exposed at their absolute value', () => {
    const story = {
      positions: [held(reliance, 30, 2_900, { promisedQuantity: 20 }), held(tcs, -2, 6_000, { product: 'MIS' })],
      orders: [open('exit', 'SELL', 25, { closingQuantity: 20 })],
    };
    expect(seen(story).grossExposureE4).toBe(rupees(30 * 100 + 2 * 3_000 + 5 * 100));
  });
  it('without a price leave the exposure and the loss of the day unknown', () => {
    const story = { positions: [held(niftyFuture, 65, 0)] };
    expect(seen(story)).toMatchObject({ grossExposureE4: undefined, unrealisedE4: undefined });
    expect(seen({ positions: [held(niftyFuture, 0, 0, { promisedQuantity: 0 })] }).grossExposureE4).toBe(0);
  });
});

describe('the profit and loss of the day', () => {
  it('counts what was opened today against its cost, long and short', () => {
    const positions = [held(reliance, 30, 2_900), held(tcs, -2, 5_900, { product: 'MIS' })];
    expect(seen({ positions }).unrealisedE4).toBe(rupees(3_000 - 2_900 + (5_900 - 6_000)));
  });
  it('counts what was held before against the last close, not against its cost of long ago', () => {
    const positions = [held(reliance, 30, 9_000)];
    expect(seen({ positions, day: { opening: byKey(positions) } }).unrealisedE4).toBe(rupees(30 * 2));
  });
  it('takes back what a closed position had lost on earlier days', () => {
    const opening = byKey([held(reliance, 30, 9_000)]);
    const realisedE4 = rupees(30 * 100 - 9_000);
    const { dayRealisedE4, unrealisedE4 } = seen({ day: { opening, realisedE4 } });
    expect((dayRealisedE4 ?? Number.NaN) + (unrealisedE4 ?? Number.NaN)).toBe(rupees(30 * 2));
  });
  it('begins anew with the day, whatever the account did before', () => {
    const positions = [held(reliance, 30, 9_000)];
    const day = { date: '2026-01-01', realisedE4: rupees(-500), chargesE4: rupees(20), orders: 9 };
    expect(seen({ positions, day })).toMatchObject({
      dayRealisedE4: 0,
      dayChargesE4: 0,
      ordersToday: 0,
      unrealisedE4: rupees(60),
    });
  });
  it('is not known once the account has traded on a later day', () => {
    const day = { date: '2026-01-05', realisedE4: rupees(-500), chargesE4: rupees(20), orders: 9 };
    expect(seen({ positions: [held(reliance, 30, 9_000)], day })).toMatchObject({
      dayRealisedE4: undefined,
      dayChargesE4: undefined,
      ordersToday: undefined,
      unrealisedE4: undefined,
      undeliveredQuantity: undefined,
    });
  });
  it('is not known where nobody kept how the day began', () => {
    const { opening: _notKept, ...day } = accountOf({}).day;
    expect(exposureOf({ ...accountOf({}), day }, buy, market).unrealisedE4).toBeUndefined();
  });
  it('is the same however the day’s trades are told: value now, less value at the last close, less what was paid', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: -50, max: 50 }),
        fc.array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 90, max: 110 })), { maxLength: 8 }),
        (carried, trades) => {
          let quantity = carried;
          let costE4 = Math.abs(carried) * rupees(70);
          let realisedE4 = 0;
          let paidE4 = 0;
          for (const [units, price] of trades) {
            const closed = quantity * units < 0 ? Math.min(Math.abs(units), Math.abs(quantity)) : 0;
            const costOutE4 = closed === 0 ? 0 : Math.round((costE4 * closed) / Math.abs(quantity));
            realisedE4 += units < 0 ? closed * rupees(price) - costOutE4 : costOutE4 - closed * rupees(price);
            costE4 += (Math.abs(units) - closed) * rupees(price) - costOutE4;
            quantity += units;
            paidE4 += units * rupees(price);
          }
          const { dayRealisedE4, unrealisedE4 } = seen({
            positions: [held(reliance, quantity, costE4 / rupees(1))],
            day: { opening: byKey([held(reliance, carried, Math.abs(carried) * 70)]), realisedE4 },
          });
          const expected = quantity * rupees(100) - carried * rupees(98) - paidE4;
          expect(Math.abs((dayRealisedE4 ?? Number.NaN) + (unrealisedE4 ?? Number.NaN) - expected)).toBeLessThan(10);
        },
      ),
    ));
});

describe('an order alike', () => {
  const recent = (ageMs: number, more: object = {}) => ({
    ...buy,
    orderId: 'another',
    atMs: AT_TEN_MS - ageMs,
    ...more,
  });
  const alike = (orders: readonly ReturnType<typeof recent>[], order = buy) =>
    seen({ day: { recent: new Map(orders.map((one) => [alikeKeyOf(one), one])) } }, order).lastAlikeMs;

  it('has the same instrument, side, quantity and price; the last one counts', () => {
    expect(alike([recent(9_000), recent(1_500)])).toBe(1_500);
    expect(alike([])).toBeUndefined();
    for (const other of [{ side: 'SELL' }, { quantity: 11 }, { priceE4: 1 }, { instrumentKey: tcs.instrumentKey }])
      expect(alike([recent(1_500, other)])).toBeUndefined();
  });
  it('is not another slice of the same line', () => {
    const slice: ExposureQuestion = { ...buy, lineId: 'intent-1/0' };
    expect(alike([recent(0, { lineId: 'intent-1/0' })], slice)).toBeUndefined();
    expect(alike([recent(0, { lineId: 'intent-1/1' })], slice)).toBe(0);
    expect(alike([recent(0)], slice)).toBe(0);
  });
  it('is not the order itself, which waited', () =>
    expect(alike([recent(1_500, { orderId: buy.orderId })])).toBeUndefined());
  it('is never in the future, whatever another clock said', () => expect(alike([recent(-500)])).toBe(0));
});
