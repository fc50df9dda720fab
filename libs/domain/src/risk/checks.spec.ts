import type { Instrument } from '../instruments/instrument';
import { E4_PER_RUPEE, MAX_PRICE_E4 } from '../money';
import type { OrderTerms, OrderType } from '../orders/order';
import { type CheckContext, checks, judge, MAX_QUANTITY, misfitPrices, passes, PRICE_FIELDS } from './checks';
import type { Verdict } from './verdict';

/** As the Upstox masters of January 2026 list them. */
const reliance: Instrument = {
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
const niftyFuture: Instrument = {
  ...reliance,
  instrumentKey: 'NSE_FO|49229',
  symbol: 'NSE:NIFTY FUT 27 JAN 26',
  segment: 'NSE_FO',
  instrumentType: 'FUT',
  lotSize: 65,
  tickSizeE4: 1_000,
  freezeQuantity: 1_755,
  expiry: '2026-01-27',
};
const usdInr: Instrument = {
  ...niftyFuture,
  instrumentKey: 'NCD_FO|1234',
  symbol: 'NSE:USDINR FUT 28 JAN 26',
  segment: 'NCD_FO',
  lotSize: 1,
  tickSizeE4: 25,
  expiry: '2026-01-28',
};
const { lotSize: _lot, tickSizeE4: _tick, ...unlisted } = reliance;
const nifty50: Instrument = {
  ...unlisted,
  instrumentKey: 'NSE_INDEX|Nifty 50',
  segment: 'NSE_INDEX',
  instrumentType: 'INDEX',
};

const rupees = (amount: number): number => Math.round(amount * E4_PER_RUPEE);

const limit: OrderTerms = { orderType: 'LIMIT', quantity: 65, priceE4: rupees(100), validity: 'DAY' };
const market: OrderTerms = { orderType: 'MARKET', quantity: 65, validity: 'DAY' };

const onReliance: CheckContext = {
  instrument: reliance,
  side: 'BUY',
  tradingDate: '2026-01-02',
  lastPriceE4: rupees(100),
};
const onFuture: CheckContext = { ...onReliance, instrument: niftyFuture };

/** What one check says. */
const said = (check: string, terms: OrderTerms, context: CheckContext): Verdict | undefined =>
  judge(terms, context).find((verdict) => verdict.check === check);

const outcomeOf = (check: string, terms: OrderTerms, context: CheckContext) => said(check, terms, context)?.outcome;

describe('the list', () => {
  it('runs every check once, top to bottom, on good and bad orders alike', () => {
    const names = [
      'tradable',
      'contract-value',
      'quantity',
      'lot-multiple',
      'freeze-quantity',
      'disclosed-quantity',
      'price-fields',
      'tick-size',
      'stop-prices',
      'reference-price',
    ];
    expect(judge(limit, onFuture).map(({ check }) => check)).toEqual(names);
    expect(
      judge({ ...limit, quantity: Number.NaN, priceE4: -1 }, { ...onFuture, instrument: nifty50 }).map(
        ({ check }) => check,
      ),
    ).toEqual(names);
    expect(checks).toHaveLength(names.length);
  });
  it('passes an order that nothing speaks against', () => {
    expect(passes(judge(limit, onReliance))).toBe(true);
    expect(passes(judge(limit, onFuture))).toBe(true);
    expect(passes(judge(market, onReliance))).toBe(true);
  });
  it('does not pass when one check fails, whatever the others say', () => {
    expect(
      passes([
        { check: 'a', outcome: 'pass' },
        { check: 'b', outcome: 'fail' },
        { check: 'c', outcome: 'pass' },
      ]),
    ).toBe(false);
    expect(
      passes([
        { check: 'a', outcome: 'pass' },
        { check: 'b', outcome: 'not-applicable' },
      ]),
    ).toBe(true);
  });
  it('names all that is wrong at once', () =>
    expect(
      judge({ ...limit, quantity: 66, priceE4: rupees(100.05) }, onFuture)
        .filter(({ outcome }) => outcome === 'fail')
        .map(({ check }) => check),
    ).toEqual(['lot-multiple', 'tick-size']));
  it('explains itself in rupees and units', () => {
    expect(said('tick-size', { ...limit, priceE4: rupees(100.05) }, onReliance)).toEqual({
      check: 'tick-size',
      outcome: 'fail',
      limit: 0.1,
      actual: 100.05,
    });
    expect(said('lot-multiple', { ...limit, quantity: 66 }, onFuture)).toEqual({
      check: 'lot-multiple',
      outcome: 'fail',
      limit: 65,
      actual: 66,
    });
    expect(said('freeze-quantity', { ...limit, quantity: 1_755 }, onFuture)).toEqual({
      check: 'freeze-quantity',
      outcome: 'fail',
      limit: 1_755,
      actual: 1_755,
    });
  });
});

describe('tradable', () => {
  it.each([
    ['the day before expiry', '2026-01-26', 'pass'],
    ['the day of expiry', '2026-01-27', 'pass'],
    ['the day after expiry', '2026-01-28', 'fail'],
    ['the year after expiry', '2027-01-01', 'fail'],
  ] as const)('%s, %s: %s', (_, tradingDate, outcome) =>
    expect(outcomeOf('tradable', limit, { ...onFuture, tradingDate })).toBe(outcome),
  );
  it('a share, which never expires: pass', () =>
    expect(outcomeOf('tradable', limit, { ...onReliance, tradingDate: '2099-01-01' })).toBe('pass'));
  it('an index, which is quoted but not traded: fail', () => {
    expect(outcomeOf('tradable', limit, { ...onReliance, instrument: nifty50 })).toBe('fail');
    expect(outcomeOf('tradable', limit, { ...onReliance, instrument: { ...nifty50, lotSize: 1 } })).toBe('fail');
    expect(outcomeOf('tradable', limit, { ...onReliance, instrument: { ...nifty50, tickSizeE4: 1_000 } })).toBe('fail');
  });
});

describe('quantity', () => {
  it.each([
    [1, 'pass'],
    [MAX_QUANTITY, 'pass'],
    [MAX_QUANTITY + 1, 'fail'],
    [0, 'fail'],
    [-0, 'fail'],
    [-1, 'fail'],
    [1.5, 'fail'],
    [2 ** 53, 'fail'],
    [Number.NaN, 'fail'],
    [Number.POSITIVE_INFINITY, 'fail'],
  ] as const)('%p: %s', (quantity, outcome) =>
    expect(outcomeOf('quantity', { ...limit, quantity }, onReliance)).toBe(outcome),
  );
});

describe('lot-multiple', () => {
  it.each([
    [65, 'pass'],
    [130, 'pass'],
    [1_690, 'pass'],
    [1, 'fail'],
    [64, 'fail'],
    [66, 'fail'],
    [32.5, 'fail'],
    [Number.NaN, 'fail'],
  ] as const)('%p in lots of 65: %s', (quantity, outcome) =>
    expect(outcomeOf('lot-multiple', { ...limit, quantity }, onFuture)).toBe(outcome),
  );
  it('any whole number in lots of 1: pass', () =>
    expect(outcomeOf('lot-multiple', { ...limit, quantity: 7 }, onReliance)).toBe('pass'));
  it('fails when the lot size is not known, or makes no sense', () => {
    expect(outcomeOf('lot-multiple', limit, { ...onReliance, instrument: nifty50 })).toBe('fail');
    expect(outcomeOf('lot-multiple', limit, { ...onReliance, instrument: { ...reliance, lotSize: 0 } })).toBe('fail');
  });
});

describe('freeze-quantity', () => {
  it.each([
    [1_690, 'pass'],
    [1_754, 'pass'],
    [1_755, 'fail'],
    [1_756, 'fail'],
    [Number.NaN, 'fail'],
  ] as const)('%p where the first one refused is 1755: %s', (quantity, outcome) =>
    expect(outcomeOf('freeze-quantity', { ...limit, quantity }, onFuture)).toBe(outcome),
  );
  it('does not apply where the master gives none', () =>
    expect(outcomeOf('freeze-quantity', { ...limit, quantity: MAX_QUANTITY }, onReliance)).toBe('not-applicable'));
});

describe('disclosed-quantity', () => {
  it.each([
    [1, 'pass'],
    [64, 'pass'],
    [65, 'pass'],
    [66, 'fail'],
    [0, 'fail'],
    [-1, 'fail'],
    [0.5, 'fail'],
    [Number.NaN, 'fail'],
  ] as const)('%p of 65: %s', (disclosedQuantity, outcome) =>
    expect(outcomeOf('disclosed-quantity', { ...limit, disclosedQuantity }, onReliance)).toBe(outcome),
  );
  it('does not apply when everything is shown', () =>
    expect(outcomeOf('disclosed-quantity', limit, onReliance)).toBe('not-applicable'));
});

describe('price-fields', () => {
  const price = { priceE4: rupees(100) };
  const trigger = { triggerPriceE4: rupees(99) };
  const both = { ...price, ...trigger };

  it.each<[OrderType, string, object, string[]]>([
    ['MARKET', 'neither', {}, []],
    ['MARKET', 'a price', price, ['MARKET takes no price']],
    ['MARKET', 'a trigger', trigger, ['MARKET takes no triggerPrice']],
    ['MARKET', 'both', both, ['MARKET takes no price', 'MARKET takes no triggerPrice']],
    ['LIMIT', 'neither', {}, ['LIMIT needs price']],
    ['LIMIT', 'a price', price, []],
    ['LIMIT', 'a trigger', trigger, ['LIMIT needs price', 'LIMIT takes no triggerPrice']],
    ['LIMIT', 'both', both, ['LIMIT takes no triggerPrice']],
    ['SL', 'neither', {}, ['SL needs price', 'SL needs triggerPrice']],
    ['SL', 'a price', price, ['SL needs triggerPrice']],
    ['SL', 'a trigger', trigger, ['SL needs price']],
    ['SL', 'both', both, []],
    ['SL_M', 'neither', {}, ['SL_M needs triggerPrice']],
    ['SL_M', 'a price', price, ['SL_M takes no price', 'SL_M needs triggerPrice']],
    ['SL_M', 'a trigger', trigger, []],
    ['SL_M', 'both', both, ['SL_M takes no price']],
  ])('%s with %s', (orderType, _, prices, messages) => {
    const terms: OrderTerms = { orderType, quantity: 65, validity: 'DAY', ...prices };
    expect(misfitPrices(terms).map(({ message }) => message)).toEqual(messages);
    expect(said('price-fields', terms, onReliance)).toEqual({
      check: 'price-fields',
      outcome: messages.length === 0 ? 'pass' : 'fail',
      actual: orderType,
      ...(messages.length > 0 && { reason: messages.join('; ') }),
    });
  });
  it('knows every order type', () => expect(Object.keys(PRICE_FIELDS)).toEqual(['MARKET', 'LIMIT', 'SL', 'SL_M']));

  const bounds = [
    [1, 'pass'],
    [MAX_PRICE_E4, 'pass'],
    [MAX_PRICE_E4 + 1, 'fail'],
    [0, 'fail'],
    [-1, 'fail'],
    [Number.POSITIVE_INFINITY, 'fail'],
    [Number.NaN, 'fail'],
  ] as const;
  it.each(bounds)('a price of %p: %s', (priceE4, outcome) =>
    expect(outcomeOf('price-fields', { ...limit, priceE4 }, onReliance)).toBe(outcome),
  );
  it.each(bounds)('a trigger of %p: %s', (triggerPriceE4, outcome) =>
    expect(outcomeOf('price-fields', { ...market, orderType: 'SL_M', triggerPriceE4 }, onReliance)).toBe(outcome),
  );
  it('says which field is out of bounds', () =>
    expect(misfitPrices({ ...limit, priceE4: 0 })).toEqual([
      { field: 'price', message: 'price must be above 0 and at most 10000000' },
    ]));
});

describe('tick-size', () => {
  const onCurrency: CheckContext = { ...onReliance, instrument: usdInr };
  it.each([
    ['Rs 0.10', onReliance, 100, 'pass'],
    ['Rs 0.10', onReliance, 100.1, 'pass'],
    ['Rs 0.10', onReliance, 0.3, 'pass'],
    ['Rs 0.10', onReliance, 100.05, 'fail'],
    ['Rs 0.10', onReliance, 100.1001, 'fail'],
    ['Rs 0.0025', onCurrency, 84.5, 'pass'],
    ['Rs 0.0025', onCurrency, 84.5025, 'pass'],
    ['Rs 0.0025', onCurrency, 84.5075, 'pass'],
    ['Rs 0.0025', onCurrency, 84.501, 'fail'],
    ['Rs 0.0025', onCurrency, 84.5024, 'fail'],
    ['Rs 0.0025', onCurrency, 84.5026, 'fail'],
  ] as const)('in ticks of %s', (_, context, price, outcome) => {
    expect(outcomeOf('tick-size', { ...limit, priceE4: rupees(price) }, context)).toBe(outcome);
    expect(outcomeOf('tick-size', { ...market, orderType: 'SL_M', triggerPriceE4: rupees(price) }, context)).toBe(
      outcome,
    );
  });
  it('names the price that is off, be it the limit or the trigger', () => {
    const stop: OrderTerms = { ...limit, orderType: 'SL', triggerPriceE4: rupees(99.95) };
    expect(said('tick-size', stop, onReliance)).toMatchObject({ outcome: 'fail', actual: 99.95 });
    expect(
      said('tick-size', { ...stop, priceE4: rupees(100.05), triggerPriceE4: rupees(99.9) }, onReliance),
    ).toMatchObject({
      outcome: 'fail',
      actual: 100.05,
    });
  });
  it('does not apply to an order that names no price', () =>
    expect(outcomeOf('tick-size', market, onReliance)).toBe('not-applicable'));
  it('fails when the tick size is not known, or makes no sense', () => {
    expect(outcomeOf('tick-size', limit, { ...onReliance, instrument: nifty50 })).toBe('fail');
    expect(outcomeOf('tick-size', limit, { ...onReliance, instrument: { ...reliance, tickSizeE4: 0 } })).toBe('fail');
  });
});

describe('stop-prices', () => {
  it.each([
    ['BUY', 100.1, 100, 'pass'],
    ['BUY', 100, 100, 'pass'],
    ['BUY', 99.9, 100, 'fail'],
    ['SELL', 99.9, 100, 'pass'],
    ['SELL', 100, 100, 'pass'],
    ['SELL', 100.1, 100, 'fail'],
  ] as const)('%s with limit %p and trigger %p: %s', (side, price, trigger, outcome) =>
    expect(
      outcomeOf(
        'stop-prices',
        { ...limit, orderType: 'SL', priceE4: rupees(price), triggerPriceE4: rupees(trigger) },
        { ...onReliance, side },
      ),
    ).toBe(outcome),
  );
  it.each<[OrderType, object]>([
    ['MARKET', {}],
    ['LIMIT', { priceE4: rupees(100) }],
    ['SL_M', { triggerPriceE4: rupees(100) }],
    ['SL', { priceE4: rupees(100) }],
    ['SL', { triggerPriceE4: rupees(100) }],
  ])('does not apply to %s with %j', (orderType, prices) =>
    expect(outcomeOf('stop-prices', { orderType, quantity: 65, validity: 'DAY', ...prices }, onReliance)).toBe(
      'not-applicable',
    ),
  );
});

describe('reference-price', () => {
  const { lastPriceE4: _known, ...nobodyKnows } = onReliance;
  it('a market order with a last price: pass', () =>
    expect(said('reference-price', market, onReliance)).toEqual({
      check: 'reference-price',
      outcome: 'pass',
      actual: 100,
    }));
  it('a market order when nobody knows a last price: fail', () =>
    expect(outcomeOf('reference-price', market, nobodyKnows)).toBe('fail'));
  it.each([0, -1, Number.NaN])(
    'a market order with a last price of %p, which would need no margin: fail',
    (lastPriceE4) => expect(outcomeOf('reference-price', market, { ...onReliance, lastPriceE4 })).toBe('fail'),
  );
  it.each<[OrderType, object]>([
    ['LIMIT', { priceE4: rupees(100) }],
    ['SL', { priceE4: rupees(100), triggerPriceE4: rupees(99) }],
    ['SL_M', { triggerPriceE4: rupees(99) }],
  ])('%s names its own price: does not apply', (orderType, prices) =>
    expect(outcomeOf('reference-price', { orderType, quantity: 65, validity: 'DAY', ...prices }, nobodyKnows)).toBe(
      'not-applicable',
    ),
  );
});

describe('missing data fails closed', () => {
  it('an index passes no order of any type', () => {
    const context = { ...onReliance, instrument: nifty50 };
    for (const orderType of ['MARKET', 'LIMIT', 'SL', 'SL_M'] as const) {
      const { price, trigger } = PRICE_FIELDS[orderType];
      const terms: OrderTerms = {
        orderType,
        quantity: 65,
        validity: 'DAY',
        ...(price && { priceE4: rupees(100) }),
        ...(trigger && { triggerPriceE4: rupees(100) }),
      };
      expect(passes(judge(terms, context))).toBe(false);
    }
  });
  it.each(['lotSize', 'tickSizeE4'] as const)('an instrument without %s passes no order', (field) => {
    const { [field]: _missing, ...instrument } = reliance;
    expect(passes(judge(limit, { ...onReliance, instrument }))).toBe(false);
    expect(passes(judge(market, { ...onReliance, instrument }))).toBe(false);
  });
});

describe('the contract value', () => {
  it.each(['NSE_EQ', 'BSE_EQ', 'NSE_FO', 'BSE_FO'] as const)('is price times quantity in %s', (segment) =>
    expect(outcomeOf('contract-value', limit, { ...onReliance, instrument: { ...niftyFuture, segment } })).toBe('pass'),
  );
  it.each(['NCD_FO', 'BCD_FO', 'MCX_FO', 'NSE_COM'] as const)('is not known in %s, and fails closed', (segment) =>
    expect(outcomeOf('contract-value', limit, { ...onReliance, instrument: { ...niftyFuture, segment } })).toBe('fail'),
  );
});
