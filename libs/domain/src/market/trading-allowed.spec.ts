import type { InstrumentFacts } from '../instruments/facts';
import type { Instrument } from '../instruments/instrument';
import { calendarWith, SHIPPED_CALENDAR } from './calendar';
import type { TradingCode } from './phase-rules';
import {
  bseFuture,
  cardamom,
  crude,
  future,
  inSeries,
  ist,
  limit,
  market,
  nifty,
  option,
  reliance,
  share,
  stop,
  usdInr,
  withDerivatives,
} from './samples';
import { isTradingAllowed, type OrderInSession, type TradingAnswer, type TradingQuestion } from './trading-allowed';

const file = { effectiveFrom: '2026-11-20', source: 'a file of the day' };

interface Asked {
  readonly facts?: InstrumentFacts;
  readonly action?: TradingQuestion['action'];
  readonly calendar?: typeof SHIPPED_CALENDAR;
}

const ask = (
  instrument: Instrument,
  instant: string,
  order: OrderInSession | undefined = limit,
  { facts = {}, action = 'new', calendar = SHIPPED_CALENDAR }: Asked = {},
): TradingAnswer => isTradingAllowed({ instrument, facts, action, order, atMs: ist(instant) }, calendar);

/** `yes`, or the code. */
const said = (...asked: Parameters<typeof ask>): 'yes' | TradingCode => {
  const answer = ask(...asked);
  return answer.allowed ? 'yes' : answer.code;
};
const nextOf = (...asked: Parameters<typeof ask>): number | undefined => {
  const answer = ask(...asked);
  return answer.allowed ? undefined : answer.nextOpensAtMs;
};

const closingAuction = { facts: withDerivatives };

describe('the worked examples', () => {
  it('S1: nothing is taken while the closing auction sets its reference, and everything was before there was one', () => {
    expect(said(reliance, '2026-08-03 15:17:00', limit, closingAuction)).toBe('CAS_TRANSITION');
    expect(said(reliance, '2026-08-03 15:21:00', limit, closingAuction)).toBe('yes');
    expect(ask(reliance, '2026-07-31 15:17:00', limit, closingAuction)).toMatchObject({
      allowed: true,
      phase: 'continuous',
    });
  });
  it('S2: market orders are frozen from 15:25, and from 15:28 a limit order may come too late', () => {
    expect(said(reliance, '2026-08-03 15:25:01', market, closingAuction)).toBe('MARKET_ORDERS_FROZEN');
    expect(ask(reliance, '2026-08-03 15:27:59', limit, closingAuction)).not.toHaveProperty('caution');
    expect(ask(reliance, '2026-08-03 15:28:00', limit, closingAuction)).toMatchObject({
      allowed: true,
      caution: expect.stringContaining('may be refused'),
    });
    expect(said(reliance, '2026-08-03 15:30:00', limit, closingAuction)).toBe('CAS_MATCHING');
  });
  it('S4: a share without the auction trades on until 15:30', () => {
    expect(ask(share, '2026-11-20 15:20:00')).toMatchObject({ allowed: true, phase: 'continuous' });
    expect(said(share, '2026-11-20 15:30:00')).toBe('CLOSE_TRANSITION');
  });
  it('S5: contracts trade until just before 15:40, until 15:30 before the change', () => {
    expect(said(option('2026-11-23'), '2026-11-20 15:35:00')).toBe('yes');
    expect(said(option('2026-11-23'), '2026-11-20 15:39:59')).toBe('yes');
    expect(said(option('2026-11-23'), '2026-11-20 15:40:00')).toBe('AFTER_CLOSE');
    expect(said(option('2026-11-23'), '2026-07-31 15:35:00')).toBe('AFTER_CLOSE');
    expect(said(bseFuture('2026-11-26'), '2026-11-20 15:35:00')).toBe('yes');
  });
  it('S6: market orders are frozen in the second half of the new pre-open, and were not in the old one', () => {
    expect(said(share, '2026-09-07 09:06:00', market)).toBe('MARKET_ORDERS_FROZEN');
    expect(said(share, '2026-09-07 09:04:59', market)).toBe('yes');
    expect(said(share, '2026-09-07 09:06:00', limit)).toBe('yes');
    expect(said(share, '2026-09-04 09:06:00', market)).toBe('yes');
  });
  it('S8: a session whose times nobody announced takes nothing, until the circular is loaded', () => {
    expect(said(share, '2026-11-08 14:00:00')).toBe('SPECIAL_SESSION_TIMINGS_UNKNOWN');
    expect(nextOf(share, '2026-11-08 14:00:00')).toBeUndefined();
    const calendar = calendarWith({
      sessions: [
        {
          date: '2026-11-08',
          classes: ['equity'],
          name: 'Muhurat',
          hours: [{ phase: 'continuous', start: '13:45', end: '14:45' }],
          expires: false,
          certainty: 'confirmed',
          source: 'circular',
        },
      ],
    });
    expect(ask(share, '2026-11-08 14:00:00', limit, { calendar })).toMatchObject({
      allowed: true,
      rule: 'Muhurat session',
      effectiveFrom: '2026-11-08',
    });
    expect(nextOf(share, '2026-11-07 10:00:00', limit, { calendar })).toBe(ist('2026-11-08 13:45:00'));
    expect(said(share, '2026-11-08 14:45:00', limit, { calendar })).toBe('AFTER_CLOSE');
    expect(said(option('2026-11-09'), '2026-11-08 14:00:00', limit, { calendar })).toBe(
      'SPECIAL_SESSION_TIMINGS_UNKNOWN',
    );
  });
  it('S10: intraday is refused on a trade-for-trade share, delivery is not', () => {
    const intraday: OrderInSession = { ...limit, product: 'MIS' };
    expect(ask(inSeries('BE'), '2026-11-20 10:00:00', intraday)).toEqual({
      allowed: false,
      code: 'T2T',
      reason: 'NSE:SERIES is trade-for-trade: delivery only, MIS is not taken',
      rule: 'series BE',
      effectiveFrom: '2025-01-01',
    });
    expect(said(inSeries('BE'), '2026-11-20 10:00:00', limit)).toBe('yes');
    expect(said(inSeries('EQ'), '2026-11-20 10:00:00', intraday)).toBe('yes');
  });
});

describe('the day of a share', () => {
  it.each([
    ['08:59:59', 'BEFORE_OPEN'],
    ['09:00:00', 'yes'],
    ['09:09:59', 'yes'],
    ['09:10:00', 'PRE_OPEN_MATCHING'],
    ['09:14:59', 'PRE_OPEN_MATCHING'],
    ['09:15:00', 'yes'],
    ['15:14:59', 'yes'],
    ['15:15:00', 'CAS_TRANSITION'],
    ['15:19:59', 'CAS_TRANSITION'],
    ['15:20:00', 'yes'],
    ['15:29:59', 'yes'],
    ['15:30:00', 'CAS_MATCHING'],
    ['15:35:00', 'CLOSE_TRANSITION'],
    ['15:49:59', 'CLOSE_TRANSITION'],
    ['15:50:00', 'yes'],
    ['15:59:59', 'yes'],
    ['16:00:00', 'AFTER_CLOSE'],
  ] as const)('with the closing auction, at %s: %s', (clock, expected) =>
    expect(said(reliance, `2026-11-20 ${clock}`, limit, closingAuction)).toBe(expected),
  );
  it('has derivatives from the day on that the file names', () => {
    const facts: InstrumentFacts = { hasDerivatives: file };
    expect(said(reliance, '2026-11-20 15:16:00', limit, { facts })).toBe('CAS_TRANSITION');
    expect(said(reliance, '2026-11-19 15:16:00', limit, { facts })).toBe('yes');
  });
  it('debt has no pre-open and no trading at the close', () => {
    expect(said(inSeries('GS'), '2026-11-20 09:05:00')).toBe('BEFORE_OPEN');
    expect(said(inSeries('GS'), '2026-11-20 09:15:00')).toBe('yes');
    expect(said(inSeries('GS'), '2026-11-20 15:55:00')).toBe('AFTER_CLOSE');
  });
});

describe('order types by phase', () => {
  const [PRE_OPEN, FROZEN, CONTINUOUS] = ['09:02:00', '09:06:00', '10:00:00'];
  const [COLLECTS, LIMIT_ONLY, POST_CLOSE] = ['15:22:00', '15:26:00', '15:55:00'];
  const stopMarket: OrderInSession = { ...limit, orderType: 'SL_M' };
  const immediate: OrderInSession = { ...limit, validity: 'IOC' };
  const disclosed: OrderInSession = { ...limit, disclosedQuantity: 10 };

  it.each<[string, string, OrderInSession, 'yes' | TradingCode]>([
    ['pre-open', PRE_OPEN, limit, 'yes'],
    ['pre-open', PRE_OPEN, market, 'yes'],
    ['pre-open', PRE_OPEN, stop, 'STOP_NOT_ALLOWED'],
    ['pre-open', PRE_OPEN, stopMarket, 'STOP_NOT_ALLOWED'],
    ['pre-open', PRE_OPEN, immediate, 'IOC_NOT_ALLOWED'],
    ['pre-open', PRE_OPEN, disclosed, 'DISCLOSED_NOT_ALLOWED'],
    ['frozen pre-open', FROZEN, limit, 'yes'],
    ['frozen pre-open', FROZEN, market, 'MARKET_ORDERS_FROZEN'],
    ['frozen pre-open', FROZEN, stop, 'STOP_NOT_ALLOWED'],
    ['continuous trading', CONTINUOUS, market, 'yes'],
    ['continuous trading', CONTINUOUS, stop, 'yes'],
    ['continuous trading', CONTINUOUS, stopMarket, 'yes'],
    ['continuous trading', CONTINUOUS, immediate, 'yes'],
    ['continuous trading', CONTINUOUS, disclosed, 'yes'],
    ['closing auction', COLLECTS, limit, 'yes'],
    ['closing auction', COLLECTS, market, 'yes'],
    ['closing auction', COLLECTS, stop, 'STOP_NOT_ALLOWED'],
    ['closing auction', COLLECTS, immediate, 'IOC_NOT_ALLOWED'],
    ['closing auction', COLLECTS, disclosed, 'DISCLOSED_NOT_ALLOWED'],
    ['end of the closing auction', LIMIT_ONLY, limit, 'yes'],
    ['end of the closing auction', LIMIT_ONLY, market, 'MARKET_ORDERS_FROZEN'],
    ['post-close', POST_CLOSE, limit, 'yes'],
    ['post-close', POST_CLOSE, market, 'yes'],
    ['post-close', POST_CLOSE, stop, 'STOP_NOT_ALLOWED'],
    ['post-close', POST_CLOSE, { ...limit, product: 'MIS' }, 'DELIVERY_ONLY'],
    ['post-close', POST_CLOSE, { ...limit, product: 'MTF' }, 'DELIVERY_ONLY'],
  ])('%s at %s: %j is %s', (_, clock, order, expected) =>
    expect(said(reliance, `2026-11-20 ${clock}`, order, closingAuction)).toBe(expected),
  );

  const changing = (action: 'modify' | 'cancel', clock: string, order?: OrderInSession) =>
    said(reliance, `2026-11-20 ${clock}`, order, { ...closingAuction, action });

  it('a market order that is frozen can be neither changed nor cancelled', () => {
    for (const action of ['modify', 'cancel'] as const)
      for (const clock of [FROZEN, LIMIT_ONLY]) {
        expect(changing(action, clock, market)).toBe('MARKET_ORDERS_FROZEN');
        expect(changing(action, clock, limit)).toBe('yes');
      }
    expect(changing('modify', LIMIT_ONLY, { ...limit, presentType: 'MARKET' })).toBe('MARKET_ORDERS_FROZEN');
    expect(changing('modify', COLLECTS, { ...limit, presentType: 'MARKET' })).toBe('yes');
  });
  it('nothing is changed or cancelled while the exchange matches', () => {
    for (const action of ['modify', 'cancel'] as const) {
      expect(changing(action, '09:11:00', limit)).toBe('PRE_OPEN_MATCHING');
      expect(changing(action, '15:17:00', limit)).toBe('CAS_TRANSITION');
      expect(changing(action, '15:31:00', limit)).toBe('CAS_MATCHING');
    }
  });
  it('a stop that was triggered stands in the auction as a limit order, and can be cancelled', () => {
    expect(changing('cancel', COLLECTS, stop)).toBe('yes');
    expect(changing('cancel', LIMIT_ONLY, stop)).toBe('yes');
    expect(changing('modify', COLLECTS, stop)).toBe('STOP_NOT_ALLOWED');
  });
  it('an order carried into the auction loses its place when it is changed', () => {
    const carried = { ...limit, isCarried: true };
    expect(ask(reliance, `2026-11-20 ${COLLECTS}`, carried, { ...closingAuction, action: 'modify' })).toMatchObject({
      allowed: true,
      caution: expect.stringContaining('loses its place'),
    });
    expect(ask(reliance, '2026-11-20 10:00:00', carried, { ...closingAuction, action: 'modify' })).not.toHaveProperty(
      'caution',
    );
  });
  it('at the closing price a quantity can be changed, a price cannot', () => {
    expect(changing('modify', POST_CLOSE, limit)).toBe('POST_CLOSE_PRICE_FIXED');
    expect(changing('modify', POST_CLOSE, { ...limit, changesPrice: true })).toBe('POST_CLOSE_PRICE_FIXED');
    expect(changing('modify', POST_CLOSE, { ...limit, changesPrice: false })).toBe('yes');
    expect(changing('cancel', POST_CLOSE, limit)).toBe('yes');
  });
  it('without an order, the phase alone is asked', () => {
    const asked = (clock: string) =>
      isTradingAllowed(
        { instrument: share, facts: {}, action: 'new', atMs: ist(`2026-11-20 ${clock}`) },
        SHIPPED_CALENDAR,
      ).allowed;
    expect([asked('09:06:00'), asked('09:11:00'), asked('10:00:00')]).toEqual([true, false, true]);
  });
});

describe('days', () => {
  it.each([
    ['a Saturday', share, '2026-11-21 10:00:00', 'WEEKEND', '2026-11-23 09:00:00'],
    ['a holiday', share, '2026-11-24 10:00:00', 'HOLIDAY', '2026-11-25 09:00:00'],
    ['the evening before a holiday', share, '2026-11-23 18:00:00', 'AFTER_CLOSE', '2026-11-25 09:00:00'],
    ['before the opening', share, '2026-11-20 08:00:00', 'BEFORE_OPEN', '2026-11-20 09:00:00'],
    ['after an option has closed', option('2026-11-23'), '2026-11-20 18:00:00', 'AFTER_CLOSE', '2026-11-23 09:15:00'],
  ] as const)('%s: refused, with the next opening', (_, instrument, instant, code, next) => {
    expect(said(instrument, instant)).toBe(code);
    expect(nextOf(instrument, instant)).toBe(ist(next));
  });
  it('tells a stop the opening at which a stop is taken, not the pre-open', () =>
    expect(nextOf(share, '2026-11-20 08:00:00', stop)).toBe(ist('2026-11-20 09:15:00')));
  it('tells no opening where the next session is not known', () => {
    expect(nextOf(share, '2026-12-31 18:00:00')).toBeUndefined();
    expect(nextOf(share, '2026-11-06 18:00:00')).toBeUndefined(); // the Muhurat session comes first
  });
  it.each([
    ['2024-12-31 10:00:00', 'CALENDAR_UNKNOWN'],
    ['2025-01-01 10:00:00', 'yes'],
    ['2026-12-31 10:00:00', 'yes'],
    ['2027-01-01 10:00:00', 'CALENDAR_UNKNOWN'],
  ] as const)('a day nobody has a calendar of is not open: %s %s', (instant, expected) =>
    expect(said(share, instant)).toBe(expected),
  );
  it('special sessions trade: a Budget Sunday as usual, Muhurat for an hour', () => {
    expect(said(share, '2026-02-01 10:00:00')).toBe('yes');
    expect(said(usdInr, '2026-02-01 10:00:00')).toBe('WEEKEND');
    expect(said(share, '2025-10-21 10:00:00')).toBe('BEFORE_OPEN');
    expect(said(share, '2025-10-21 13:45:00')).toBe('yes');
    expect(said(share, '2025-10-21 14:45:00')).toBe('AFTER_CLOSE');
    expect(said(inSeries('BL'), '2025-10-21 14:00:00')).toBe('PHASES_UNKNOWN');
  });
  it('a day on which only banks are closed is a trading day, except for currency', () => {
    expect(said(share, '2026-08-26 10:00:00')).toBe('yes');
    expect(said(usdInr, '2026-08-26 10:00:00')).toBe('HOLIDAY');
    expect(said(inSeries('T0'), '2026-08-26 10:00:00')).toBe('NO_SESSION');
    expect(said(inSeries('T0'), '2026-08-25 10:00:00')).toBe('yes');
  });
});

describe('contracts', () => {
  it('near futures take part in the pre-open since December 2025, the next month in the last five days', () => {
    const [november, december] = [future('2026-11-23'), future('2026-12-29')];
    expect(said(november, '2026-11-13 09:05:00')).toBe('yes');
    expect(said(november, '2026-11-13 09:05:00', stop)).toBe('STOP_NOT_ALLOWED');
    expect(said(december, '2026-11-13 09:05:00')).toBe('BEFORE_OPEN');
    expect(said(december, '2026-11-16 09:05:00')).toBe('BEFORE_OPEN');
    expect(said(december, '2026-11-17 09:05:00')).toBe('yes');
    expect(said(december, '2026-11-23 09:05:00')).toBe('yes');
    expect(said(december, '2026-11-25 09:05:00')).toBe('yes'); // it is the current month now
    expect(said(future('2027-01-26'), '2026-11-20 09:05:00')).toBe('BEFORE_OPEN');
    expect(said(future('2025-12-30'), '2025-12-05 09:05:00')).toBe('BEFORE_OPEN');
    expect(said(future('2025-12-30'), '2025-12-08 09:05:00')).toBe('yes');
    expect(said(option('2026-11-23'), '2026-11-13 09:05:00')).toBe('BEFORE_OPEN');
    expect(said(bseFuture('2026-11-26'), '2026-11-13 09:05:00')).toBe('BEFORE_OPEN');
  });
  it('trade on the day they expire, and not after it', () => {
    expect(said(option('2026-11-23'), '2026-11-23 15:39:59')).toBe('yes');
    expect(said(option('2026-11-23'), '2026-11-25 10:00:00')).toBe('EXPIRED');
    expect(nextOf(option('2026-11-23'), '2026-11-23 15:40:00')).toBeUndefined();
  });
  it('an index is quoted, not traded', () => expect(said(nifty, '2026-11-20 10:00:00')).toBe('NOT_TRADED'));
  it('currency trades from 09:00 to 17:00', () => {
    expect(said(usdInr, '2026-11-20 08:59:59')).toBe('BEFORE_OPEN');
    expect(said(usdInr, '2026-11-20 16:59:59')).toBe('yes');
    expect(said(usdInr, '2026-11-20 17:00:00')).toBe('AFTER_CLOSE');
  });
});

describe('commodities', () => {
  it.each([
    ['before New York changes its clock', '2026-03-06 23:40:00', 'yes'],
    ['after it', '2026-03-09 23:40:00', 'AFTER_CLOSE'],
    ['before it changes back', '2026-10-30 23:40:00', 'AFTER_CLOSE'],
    ['after that', '2026-11-02 23:40:00', 'yes'],
    ['the last second', '2026-11-02 23:54:59', 'yes'],
    ['after the last second', '2026-11-02 23:55:00', 'AFTER_CLOSE'],
  ] as const)('%s, %s: %s', (_, instant, expected) => expect(said(crude, instant)).toBe(expected));
  it('trade in the evening of a holiday of shares', () => {
    expect(ask(crude, '2026-11-24 10:00:00')).toMatchObject({
      code: 'PARTIAL_HOLIDAY',
      reason: 'only the evening session trades on 2026-11-24: Guru Nanak Jayanti',
      nextOpensAtMs: ist('2026-11-24 17:00:00'),
    });
    expect(said(crude, '2026-11-24 17:00:00')).toBe('yes');
    expect(said(cardamom, '2026-11-24 17:00:00')).toBe('NO_SESSION');
  });
  it('trade in the morning of New Year, and not at all on Christmas', () => {
    expect(said(crude, '2026-01-01 16:59:59')).toBe('yes');
    expect(said(crude, '2026-01-01 17:00:00')).toBe('PARTIAL_HOLIDAY');
    expect(said(crude, '2026-12-25 18:00:00')).toBe('HOLIDAY');
  });
  it('agricultural ones end at 17:00, unless an admin knows better', () => {
    expect(said(cardamom, '2026-11-20 16:59:59')).toBe('yes');
    expect(said(cardamom, '2026-11-20 17:00:00')).toBe('AFTER_CLOSE');
    const calendar = calendarWith({ agri: { CARDAMOM: 'agri-evening' } });
    expect(said(cardamom, '2026-11-20 20:59:59', limit, { calendar })).toBe('yes');
    expect(said(cardamom, '2026-11-20 21:00:00', limit, { calendar })).toBe('AFTER_CLOSE');
  });
  it('take no immediate-or-cancel from an API', () => {
    const immediate: OrderInSession = { ...limit, validity: 'IOC', product: 'NRML' };
    expect(ask(crude, '2026-11-20 10:00:00', immediate)).toMatchObject({
      code: 'IOC_NOT_ALLOWED',
      effectiveFrom: '2025-10-01',
    });
    expect(said(crude, '2025-09-30 10:00:00', immediate)).toBe('yes');
    expect(said(usdInr, '2026-11-20 10:00:00', immediate)).toBe('yes');
  });
});

describe('shares under restrictions', () => {
  const staged = (measure: 'GSM' | 'ESM', stage: number): Asked => ({
    facts: { surveillance: [{ measure, stage, effectiveFrom: '2026-11-01', source: 'list' }] },
  });
  it('trade once a week from stage III of GSM on: on its first trading day', () => {
    expect(said(share, '2026-11-16 10:00:00', limit, staged('GSM', 3))).toBe('yes');
    expect(ask(share, '2026-11-17 10:00:00', limit, staged('GSM', 3))).toMatchObject({
      code: 'WEEKLY_TRADING_ONLY',
      nextOpensAtMs: ist('2026-11-23 09:00:00'),
    });
    expect(
      said(share, '2026-09-15 10:00:00', limit, {
        facts: { surveillance: [{ measure: 'GSM', stage: 3, effectiveFrom: '2026-09-01', source: 'list' }] },
      }),
    ).toBe('yes'); // Monday was a holiday
    expect(said(share, '2026-11-17 10:00:00', limit, staged('GSM', 2))).toBe('yes');
    expect(said(share, '2026-10-27 10:00:00', limit, staged('GSM', 3))).toBe('yes'); // not in force yet
    expect(said(share, '2026-11-17 10:00:00', limit, { ...staged('GSM', 3), action: 'cancel' })).toBe('yes');
  });
  it('trade in call auctions in stage II of ESM, and on the list of illiquid shares', () => {
    for (const asked of [staged('ESM', 2), { facts: { callAuction: file } }]) {
      const at = (clock: string, order = limit) => said(share, `2026-11-20 ${clock}`, order, asked);
      expect(at('09:29:59')).toBe('BEFORE_OPEN');
      expect(at('09:30:00')).toBe('yes');
      expect(at('10:14:59')).toBe('yes');
      expect(at('10:15:00')).toBe('CALL_AUCTION_MATCHING');
      expect(at('10:29:59')).toBe('CALL_AUCTION_MATCHING');
      expect(at('10:30:00')).toBe('yes');
      expect(at('10:00:00', market)).toBe('LIMIT_ONLY');
      expect(at('15:30:00')).toBe('AFTER_CLOSE');
    }
  });
  it('on the day of a listing open at 10:00, after an auction of limit orders, for delivery', () => {
    const listed: Asked = { facts: { listingDay: file } };
    const at = (clock: string, order = limit) => said(share, `2026-11-20 ${clock}`, order, listed);
    expect(at('09:00:00')).toBe('yes');
    expect(at('09:44:59', market)).toBe('LIMIT_ONLY');
    expect(at('09:45:00')).toBe('PRE_OPEN_MATCHING');
    expect(at('09:59:59')).toBe('PRE_OPEN_MATCHING');
    expect(at('10:00:00', market)).toBe('yes');
    expect(at('10:00:00', { ...limit, product: 'MIS' })).toBe('LISTING_DAY');
    expect(said(share, '2026-11-23 09:20:00', { ...limit, product: 'MIS' }, listed)).toBe('yes');
    expect(nextOf(share, '2026-11-20 10:00:00', { ...limit, product: 'MIS' }, listed)).toBe(ist('2026-11-23 09:00:00'));
  });
  it('block deals have their windows, for delivery', () => {
    const at = (clock: string, order = limit) => said(inSeries('BL'), `2026-11-20 ${clock}`, order);
    expect([at('08:44:59'), at('08:45:00'), at('09:00:00'), at('14:05:00'), at('14:20:00')]).toEqual([
      'BEFORE_OPEN',
      'yes',
      'BETWEEN_SESSIONS',
      'yes',
      'AFTER_CLOSE',
    ]);
    expect(at('08:50:00', { ...limit, product: 'MIS' })).toBe('DELIVERY_ONLY');
    expect(said(inSeries('BL'), '2025-12-05 08:50:00')).toBe('PHASES_UNKNOWN');
  });
  it('of series T0 end at 13:30', () => {
    expect(said(inSeries('T0'), '2026-11-20 13:29:59')).toBe('yes');
    expect(said(inSeries('T0'), '2026-11-20 13:30:00')).toBe('AFTER_CLOSE');
    expect(said(inSeries('T0'), '2026-11-20 10:00:00', { ...limit, product: 'MIS' })).toBe('DELIVERY_ONLY');
  });
  it('suspended or discontinued take nothing, and can still be cancelled', () => {
    const suspended: Asked = { facts: { suspended: file } };
    expect(ask(share, '2026-11-20 10:00:00', limit, suspended)).toMatchObject({ code: 'SUSPENDED', rule: file.source });
    expect(said(share, '2026-11-19 10:00:00', limit, suspended)).toBe('yes');
    expect(said(share, '2026-11-20 10:00:00', limit, { ...suspended, action: 'cancel' })).toBe('yes');
    expect(said(inSeries('IL'), '2026-11-20 10:00:00')).toBe('SERIES_DISCONTINUED');
  });
});
