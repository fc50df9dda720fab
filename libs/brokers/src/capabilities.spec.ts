import { type Capabilities, capabilitiesAt, unsupported, type Wanted } from './capabilities';
import { BROKER_NAMES } from './client';

const TODAY = '2026-11-21';
const at = (broker: Capabilities['broker'], day = TODAY): Capabilities => capabilitiesAt(broker, day);
const cash: Wanted = { segment: 'NSE_EQ', product: 'CNC', orderType: 'LIMIT', validity: 'DAY' };
const perSecond = (max: number) => ({ max, windowMs: 1_000 });

describe('what a broker can take', () => {
  it.each([
    ['upstox', 10, 'search', false],
    ['zerodha', 0, 'book', true],
    ['fyers', 10, 'book', false],
    ['angelone', 0, 'book', false],
    ['paper', 0, 'book', false],
  ] as const)('%s: %d orders in one call, finds a tag by %s, signs postbacks: %s', (broker, max, findByTag, signed) => {
    expect(at(broker)).toMatchObject({ broker, multiPlaceMax: max, findByTag, signedPostbacks: signed });
    expect(at(broker).multiPlaceProducts.length > 0).toBe(max > 0);
  });

  it('counts modifications at Zerodha alone', () => {
    expect(at('zerodha').modificationsMax).toBe(25);
    for (const broker of ['upstox', 'fyers', 'angelone', 'paper'] as const)
      expect(at(broker)).not.toHaveProperty('modificationsMax');
  });

  it('leaves brokers ten seconds to show an order, and paper none', () => {
    for (const broker of BROKER_NAMES) expect(at(broker).settleMs).toBe(10_000);
    expect(at('paper').settleMs).toBe(0);
  });

  it('keeps the windows that brokers publish', () => {
    expect(at('upstox').limits.orders).toEqual([
      perSecond(10),
      { max: 500, windowMs: 60_000 },
      { max: 2_000, windowMs: 1_800_000 },
    ]);
    expect(at('zerodha').limits.orders).toEqual([
      perSecond(10),
      { max: 400, windowMs: 60_000 },
      { max: 5_000, windowMs: 86_400_000 },
    ]);
    expect(at('fyers').limits.all).toEqual([
      perSecond(10),
      { max: 200, windowMs: 60_000 },
      { max: 100_000, windowMs: 86_400_000 },
    ]);
    expect(at('angelone').limits.orders).toEqual([
      perSecond(9),
      { max: 500, windowMs: 60_000 },
      { max: 1_000, windowMs: 3_600_000 },
    ]);
    expect(at('angelone').limits.book).toEqual([perSecond(1)]);
    expect(Object.values(at('paper').limits).flat()).toEqual([]);
  });

  it('says of what is not certain that it is not', () => {
    for (const broker of BROKER_NAMES) {
      const { facts } = at(broker);
      expect(facts.some(({ certainty }) => certainty === 'unconfirmed')).toBe(true);
      expect(facts.some(({ certainty }) => certainty === 'official')).toBe(true);
    }
  });
});

describe('a rule that changed on a date', () => {
  it('holds orders to one exchange since the first of April 2026', () => {
    for (const broker of ['upstox', 'zerodha', 'fyers'] as const) {
      expect(at(broker, '2026-03-31').limits.ordersPerExchange).toEqual([]);
      expect(at(broker, '2026-04-01').limits.ordersPerExchange).toEqual([perSecond(9)]);
    }
    expect(at('angelone').limits.ordersPerExchange).toEqual([perSecond(9)]);
  });

  it('closes MCX at Upstox in September 2026', () => {
    expect(at('upstox', '2026-08-31')).toMatchObject({ exchanges: ['NSE', 'BSE', 'MCX'] });
    expect(at('upstox', '2026-09-01')).toMatchObject({ exchanges: ['NSE', 'BSE'] });
    expect(at('upstox', '2026-09-01').segments).not.toContain('MCX_FO');
    for (const broker of ['zerodha', 'angelone'] as const) expect(at(broker).exchanges).toContain('MCX');
    expect(at('fyers').exchanges).not.toContain('MCX'); // its lots are not proven
  });

  it.each(['', '2026-1-1', '21-11-2026', '2026-11-21T00:00'])('is not asked for %j', (day) => {
    expect(() => at('upstox', day)).toThrow(RangeError);
  });
});

describe('an order that a broker cannot take', () => {
  it.each<[Capabilities['broker'], Partial<Wanted>, keyof Wanted | undefined]>([
    ['upstox', {}, undefined],
    ['angelone', { product: 'MTF', orderType: 'SL_M', validity: 'IOC' }, undefined],
    ['upstox', { segment: 'MCX_FO', product: 'NRML' }, 'segment'],
    ['zerodha', { segment: 'NSE_COM', product: 'NRML' }, 'segment'],
    ['fyers', { segment: 'BCD_FO', product: 'NRML' }, 'segment'],
    ['zerodha', { segment: 'NSE_INDEX' }, 'segment'],
    ['zerodha', { segment: 'MCX_FO', product: 'NRML' }, undefined],
    ['zerodha', { segment: 'MCX_FO', product: 'NRML', validity: 'IOC' }, 'validity'],
    ['fyers', { segment: 'NSE_COM', product: 'NRML', validity: 'IOC' }, 'segment'],
    ['fyers', { segment: 'NSE_FO', product: 'NRML', validity: 'IOC' }, undefined],
    ['paper', { segment: 'MCX_FO', product: 'NRML', validity: 'IOC' }, undefined],
  ])('%s, %j: %s', (broker, wanted, field) => {
    expect(unsupported(at(broker), { ...cash, ...wanted })).toBe(field);
  });

  it('names the first field of several', () => {
    const narrow: Capabilities = { ...at('zerodha'), products: ['CNC'], orderTypes: ['LIMIT'] };
    const wanted: Wanted = { segment: 'MCX_FO', product: 'NRML', orderType: 'SL', validity: 'IOC' };
    expect(unsupported(narrow, { ...wanted, segment: 'NSE_COM' })).toBe('segment');
    expect(unsupported(narrow, wanted)).toBe('product');
    expect(unsupported(narrow, { ...wanted, product: 'CNC' })).toBe('orderType');
    expect(unsupported(narrow, { ...wanted, product: 'CNC', orderType: 'LIMIT' })).toBe('validity');
  });
});
