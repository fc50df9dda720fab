import { Refused } from '../decider';
import type { Segment } from '../instruments/instrument';
import { E4_PER_RUPEE, toRupees } from '../money';
import { type Charges, NO_CHARGES, plusCharges } from './charges';
import {
  addExercise,
  addTrade,
  type ContractNote,
  estimateOf,
  exerciseCharges,
  noteCharges,
  openNote,
} from './contract-note';
import { type ChargeCorrections, estimateCharges, NO_CORRECTIONS } from './estimate';
import { mtfInterestE4 } from './interest';
import { type ChargedTrade, vwapTaxBaseE4 } from './levies';
import { atRate } from './exact';
import {
  BSE_SHARE,
  EQUITY_ETF,
  filled,
  GOLD_ETF,
  GOLD_FUTURE,
  GOLD_OPTION,
  NIFTY_FUTURE,
  NIFTY_OPTION,
  NSE_SHARE,
  SENSEX_OPTION,
  USDINR_FUTURE,
} from './samples';
import type { ChargedSecurity } from './security';

const DATE = '2026-09-01';

const noted = (
  broker: string,
  trades: readonly ChargedTrade[],
  { date = DATE, corrections = NO_CORRECTIONS }: { date?: string; corrections?: ChargeCorrections } = {},
): ContractNote => {
  const exchangeSegment: Segment = trades[0]?.security.segment ?? 'NSE_EQ';
  return trades.reduce((note, trade) => {
    const booked = addTrade(note, trade, corrections);
    if (!booked) throw new Error(`no charges known for ${trade.orderId}`);
    return booked.note;
  }, openNote({ broker, date, exchangeSegment }));
};

/** Orders of a rupee amount each, as one unit at that price: what many examples give. */
const sums = (
  security: ChargedSecurity,
  product: ChargedTrade['product'],
  ...orders: readonly (readonly [side: 'BUY' | 'SELL', rupees: number])[]
): ChargedTrade[] =>
  orders.map(([side, rupees], n) => filled(side, 1, rupees, security, product, `order ${String(n)}`));

const pair = (
  security: ChargedSecurity,
  product: ChargedTrade['product'],
  quantity: number,
  buy: number,
  sell: number,
): ChargedTrade[] => [
  filled('BUY', quantity, buy, security, product, 'the buy'),
  filled('SELL', quantity, sell, security, product, 'the sell'),
];

/** Lines in rupees: brokerage, tax, exchange, SEBI, stamp, GST, and the total without the depository's charge. */
const lines = (charges: Charges): number[] =>
  [
    charges.brokerageE4,
    charges.sttE4,
    charges.exchangeE4,
    charges.sebiE4,
    charges.stampE4,
    charges.gstE4,
    charges.totalE4 - charges.dpE4,
  ].map(toRupees);

type Example = readonly [
  label: string,
  about: string,
  broker: string,
  trades: readonly ChargedTrade[],
  estimate: readonly number[],
  note: readonly number[],
];

/** What both columns of an example share is written once; tax and stamp are given in paise and as they are noted. */
const example = (
  label: string,
  about: string,
  broker: string,
  trades: readonly ChargedTrade[],
  [brokerage, [tax, noteTax], exchange, sebi, [stamp, noteStamp], gst, estimate, note]: readonly [
    number,
    readonly [number, number],
    number,
    number,
    readonly [number, number],
    number,
    number,
    number,
  ],
): Example => [
  label,
  about,
  broker,
  trades,
  [brokerage, tax, exchange, sebi, stamp, gst, estimate],
  [brokerage, noteTax, exchange, sebi, noteStamp, gst, note],
];

const ironFly = sums(
  NIFTY_OPTION,
  'NRML',
  ['BUY', 7_000],
  ['BUY', 8_000],
  ['BUY', 7_500],
  ['BUY', 8_245],
  ['SELL', 9_000],
  ['SELL', 8_000],
  ['SELL', 8_500],
  ['SELL', 8_105],
);

const examples: readonly Example[] = [
  example('E1', 'an option of NSE, bought and sold', 'zerodha', pair(NIFTY_OPTION, 'NRML', 20, 589, 797), [
    40,
    [23.91, 24],
    9.85,
    0.03,
    [0.35, 0],
    8.98,
    83.12,
    82.86,
  ]),
  example('E2', 'a share within the day', 'zerodha', pair(NSE_SHARE, 'MIS', 400, 1_000, 1_100), [
    40,
    [110, 110],
    25.79,
    0.84,
    [12, 12],
    11.99,
    200.62,
    200.62,
  ]),
  example(
    'E4',
    'a delivery bought',
    'zerodha',
    [filled('BUY', 50, 1_412.3, NSE_SHARE, 'CNC', 'o')],
    [0, [70.62, 71], 2.17, 0.07, [10.59, 11], 0.4, 83.85, 84.64],
  ),
  example(
    'E5',
    'a delivery sold',
    'zerodha',
    [filled('SELL', 50, 1_455.8, NSE_SHARE, 'CNC', 'o')],
    [0, [72.79, 73], 2.23, 0.07, [0, 0], 0.42, 75.51, 75.72],
  ),
  example('E6', 'a small trade within the day', 'zerodha', pair(NSE_SHARE, 'MIS', 20, 103.3, 103.55), [
    1.24,
    [0.52, 1],
    0.13,
    0,
    [0.06, 0],
    0.25,
    2.2,
    2.62,
  ]),
  example(
    'E7',
    'three orders within the day',
    'zerodha',
    sums(NSE_SHARE, 'MIS', ['BUY', 36_250], ['BUY', 120_400], ['SELL', 158_100]),
    [50.88, [39.53, 40], 9.66, 0.31, [4.7, 5], 10.95, 116.03, 116.8],
  ),
  example('E8', 'a future', 'zerodha', pair(NIFTY_FUTURE, 'NRML', 65, 24_350, 24_410.5), [
    40,
    [793.34, 793],
    58,
    3.17,
    [31.66, 32],
    18.21,
    944.38,
    944.38,
  ]),
  example('E9', 'an iron fly of eight orders', 'zerodha', ironFly, [
    160,
    [50.41, 50],
    22.86,
    0.06,
    [0.92, 1],
    32.93,
    267.18,
    266.85,
  ]),
  example('E10', 'an option of BSE, rounded twice', 'zerodha', pair(SENSEX_OPTION, 'NRML', 20, 400, 416.5), [
    40,
    [12.5, 13],
    5.31,
    0.02,
    [0.24, 0],
    8.16,
    66.23,
    66.49,
  ]),
  example('E11', 'a currency', 'zerodha', sums(USDINR_FUTURE, 'NRML', ['BUY', 881_250], ['SELL', 882_000]), [
    40,
    [0, 0],
    6.17,
    1.76,
    [0.88, 1],
    8.63,
    57.44,
    57.56,
  ]),
  example('E12', 'a commodity', 'zerodha', sums(GOLD_FUTURE, 'NRML', ['BUY', 1_250_000], ['SELL', 1_256_000]), [
    40,
    [125.6, 126],
    52.63,
    2.51,
    [25, 25],
    17.12,
    262.86,
    263.26,
  ]),
  example('E13', 'an option on a commodity', 'zerodha', sums(GOLD_OPTION, 'NRML', ['BUY', 14_500], ['SELL', 16_250]), [
    40,
    [8.13, 8],
    12.85,
    0.03,
    [0.44, 0],
    9.52,
    70.97,
    70.4,
  ]),
  example('E14', 'a delivery whose brokerage is capped', 'upstox', sums(NSE_SHARE, 'CNC', ['BUY', 1_800]), [
    20,
    [1.8, 2],
    0.06,
    0,
    [0.27, 0],
    3.61,
    25.74,
    25.67,
  ]),
  example('E15', 'a delivery whose brokerage is a share', 'upstox', sums(NSE_SHARE, 'CNC', ['BUY', 500]), [
    12.5,
    [0.5, 1],
    0.02,
    0,
    [0.08, 0],
    2.25,
    15.35,
    15.77,
  ]),
  example('E16', 'a delivery at the floor', 'angelone', sums(NSE_SHARE, 'CNC', ['BUY', 3_000]), [
    5,
    [3, 3],
    0.09,
    0,
    [0.45, 0],
    0.92,
    9.46,
    9.01,
  ]),
  example('E17', 'a delivery at the cap', 'angelone', sums(NSE_SHARE, 'CNC', ['BUY', 50_000]), [
    20,
    [50, 50],
    1.54,
    0.05,
    [7.5, 8],
    3.89,
    82.98,
    83.48,
  ]),
  example('E18', 'a delivery between floor and cap', 'fyers', sums(NSE_SHARE, 'CNC', ['BUY', 5_000]), [
    15,
    [5, 5],
    0.15,
    0.01,
    [0.75, 1],
    2.73,
    23.64,
    23.89,
  ]),
  example('E19', 'a share within the day', 'upstox', sums(NSE_SHARE, 'MIS', ['BUY', 12_000], ['SELL', 12_150]), [
    24.15,
    [3.04, 3],
    0.74,
    0.02,
    [0.36, 0],
    4.48,
    32.79,
    32.39,
  ]),
  example('E20', 'a funded buy', 'zerodha', sums(NSE_SHARE, 'MTF', ['BUY', 100_000]), [
    20,
    [100, 100],
    3.07,
    0.1,
    [15, 15],
    4.17,
    142.34,
    142.34,
  ]),
];

describe('the worked examples', () => {
  it.each(examples)('%s: %s, at %s', (_label, _about, broker, trades, estimate, note) => {
    expect(lines(estimateOf(noted(broker, trades)))).toEqual(estimate);
    expect(lines(noteCharges(noted(broker, trades)))).toEqual(note);
  });
  it('E3: shares of BSE bought, and others of the same price sold', () => {
    // Delivered on both sides: the sell is of shares that were held before.
    const held = { ...filled('SELL', 400, 1_100, BSE_SHARE, 'CNC', 'the sell'), instrumentKey: 'BSE_EQ|another' };
    const note = noted('zerodha', [filled('BUY', 400, 1_000, BSE_SHARE, 'CNC', 'the buy'), held]);
    expect(lines(noteCharges(note))).toEqual([0, 840, 31.5, 0.84, 60, 5.82, 938.16]);
    expect(lines(estimateOf(note))).toEqual([0, 840, 31.5, 0.84, 60, 5.82, 938.16]);
  });
  it('E5: the depository comes on top, with its GST', () => {
    const { dpE4, totalE4 } = noteCharges(noted('zerodha', [filled('SELL', 50, 1_455.8, NSE_SHARE, 'CNC', 'o')]));
    expect([toRupees(dpE4), toRupees(totalE4)]).toEqual([15.34, 91.06]);
  });
  it.each([
    ['2026-03-31', [40, 13, 8.08, 0.02, 0.29, 8.66, 70.05], [40, 13, 8.08, 0.02, 0, 8.66, 69.76]],
    ['2026-04-01', [40, 19.5, 8.08, 0.02, 0.29, 8.66, 76.55], [40, 20, 8.08, 0.02, 0, 8.66, 76.76]],
  ])('E21: the same option on %s', (date, estimate, total) => {
    const note = noted('zerodha', sums(NIFTY_OPTION, 'NRML', ['BUY', 9_750], ['SELL', 13_000]), { date });
    expect(lines(estimateOf(note))).toEqual(estimate);
    expect(lines(noteCharges(note))).toEqual(total);
  });
  it('E22: an option bought and exercised', () => {
    const bought = noted('zerodha', [filled('BUY', 65, 150, NIFTY_OPTION, 'NRML', 'o')]);
    expect(lines(estimateOf(bought))).toEqual([20, 0, 3.46, 0.01, 0.29, 4.23, 27.99]);
    expect(lines(noteCharges(bought))).toEqual([20, 0, 3.46, 0.01, 0, 4.23, 27.7]);

    const exercise = {
      instrumentKey: 'NSE_FO|1',
      quantity: 65,
      intrinsicE4: 180 * E4_PER_RUPEE,
      security: NIFTY_OPTION,
    };
    expect(exerciseCharges(exercise, { broker: 'zerodha', date: DATE })).toEqual({
      ...NO_CHARGES,
      brokerageE4: 200_000,
      sttE4: 180_000,
      gstE4: 36_000,
      totalE4: 416_000,
    });
    const alone = addExercise(openNote({ broker: 'zerodha', date: DATE, exchangeSegment: 'NSE_FO' }), exercise);
    expect(alone && toRupees(estimateOf(alone.note).sttE4)).toBe(17.55);
  });
  it('E22: without brokerage where the plan bills none, and nothing when the option is worthless', () => {
    const exercise = {
      instrumentKey: 'NSE_FO|1',
      quantity: 65,
      intrinsicE4: 180 * E4_PER_RUPEE,
      security: NIFTY_OPTION,
    };
    const free: ChargeCorrections = {
      terms: [
        {
          broker: 'zerodha',
          plan: 'default',
          from: '2026-09-01',
          certainty: 'confirmed',
          source: 'a contract note',
          rounding: 'RUPEE_VIA_PAISE',
          cttRounding: 'PAISE',
          dp: { amountE4: 0, withGst: true },
          exerciseBrokerage: false,
        },
      ],
    };
    const on = { broker: 'zerodha', date: DATE };
    expect(exerciseCharges(exercise, on, free)).toEqual({ ...NO_CHARGES, sttE4: 180_000, totalE4: 180_000 });
    expect(exerciseCharges({ ...exercise, intrinsicE4: 0 }, on)).toEqual(NO_CHARGES);
  });
  it('E23: interest by the day, and by the slab that is begun', () => {
    const loan = { fundedE4: 75_000 * E4_PER_RUPEE, days: 10 };
    const on = { date: DATE, broker: 'upstox' };
    expect(mtfInterestE4(loan, { ...on, broker: 'zerodha' })).toBe(300 * E4_PER_RUPEE);
    expect(mtfInterestE4(loan, on)).toBe(400 * E4_PER_RUPEE);
    expect(mtfInterestE4({ ...loan, fundedE4: 80_000 * E4_PER_RUPEE }, on)).toBe(400 * E4_PER_RUPEE);
    expect(mtfInterestE4({ ...loan, fundedE4: 80_000 * E4_PER_RUPEE + 1 }, on)).toBe(600 * E4_PER_RUPEE);
    expect(mtfInterestE4(loan, { ...on, plan: 'plus' })).toBe(400 * E4_PER_RUPEE);
    expect(mtfInterestE4({ ...loan, fundedE4: 0 }, on)).toBe(0);
    expect(mtfInterestE4(loan, { ...on, broker: 'fyers' })).toBeUndefined();
    expect(mtfInterestE4(loan, { ...on, date: '2020-01-01' })).toBeUndefined();
  });
  it('E24: tax within the day from what was sold, and from the average of the day', () => {
    const [buyValueE4, sellValueE4] = [400_000 * E4_PER_RUPEE, 440_000 * E4_PER_RUPEE];
    const base = vwapTaxBaseE4({ buyQuantity: 400, buyValueE4, sellQuantity: 400, sellValueE4 });
    expect(toRupees(atRate(base, 250_000).e4)).toBe(105);
    expect(toRupees(noteCharges(noted('zerodha', pair(NSE_SHARE, 'MIS', 400, 1_000, 1_100))).sttE4)).toBe(110);
    expect(vwapTaxBaseE4({ buyQuantity: 0, buyValueE4: 0, sellQuantity: 0, sellValueE4: 0 })).toBe(0);
    // 100.00 and twice 100.01 are 100.00666… on average: to the paisa, 100.01.
    const thirds = { buyQuantity: 1, buyValueE4: 1_000_000, sellQuantity: 2, sellValueE4: 2_000_200 };
    expect(vwapTaxBaseE4(thirds)).toBe(1_000_100);
  });
  it('E25: one order of three fills pays brokerage once, three slices pay it three times', () => {
    const fill = (quantity: number, orderId: string, tradeId: string): ChargedTrade => ({
      ...filled('BUY', quantity, 150, NIFTY_OPTION, 'NRML', orderId),
      tradeId,
    });
    const fills = [fill(25, 'o', '1'), fill(25, 'o', '2'), fill(15, 'o', '3')];
    const slices = [fill(25, 'a', '1'), fill(25, 'b', '2'), fill(15, 'c', '3')];
    expect(toRupees(noteCharges(noted('zerodha', fills)).brokerageE4)).toBe(20);
    expect(toRupees(noteCharges(noted('zerodha', slices)).brokerageE4)).toBe(60);
  });
  it('an order that trades at once and alone costs what was estimated for it', () => {
    for (const [, , broker, trades] of examples)
      for (const trade of trades)
        expect(estimateCharges(trade, { broker, date: DATE })).toEqual(estimateOf(noted(broker, [trade])));
  });
});

describe('errors that others make', () => {
  const estimate = (order: ChargedTrade, on: { broker?: string; date?: string } = {}): Charges => {
    const found = estimateCharges(order, { broker: 'zerodha', date: DATE, ...on });
    if (!found) throw new Error('no charges known');
    return found;
  };
  const croreOf = (security: ChargedSecurity, product: ChargedTrade['product'], side: 'BUY' | 'SELL' = 'SELL') =>
    filled(side, 1, 10_000_000, security, product, 'o');

  it('the exchange takes Rs 307 a crore of NSE shares: not 297, and no fund on top', () => {
    expect(toRupees(estimate(croreOf(NSE_SHARE, 'CNC')).exchangeE4)).toBe(307);
    expect(toRupees(estimate(croreOf(NSE_SHARE, 'CNC'), { date: '2026-02-28' }).exchangeE4)).toBe(307);
    expect(toRupees(estimate(croreOf(NIFTY_FUTURE, 'NRML')).exchangeE4)).toBe(183);
    expect(toRupees(estimate(croreOf(NIFTY_OPTION, 'NRML')).exchangeE4)).toBe(3_553);
  });
  it('since April 2026 futures are taxed at 0.05 %, options at 0.15 %', () => {
    expect(toRupees(estimate(croreOf(NIFTY_FUTURE, 'NRML')).sttE4)).toBe(5_000);
    expect(toRupees(estimate(croreOf(NIFTY_OPTION, 'NRML')).sttE4)).toBe(15_000);
    expect(toRupees(estimate(croreOf(NIFTY_FUTURE, 'NRML'), { date: '2026-03-31' }).sttE4)).toBe(2_000);
    expect(toRupees(estimate(croreOf(NIFTY_OPTION, 'NRML'), { date: '2026-03-31' }).sttE4)).toBe(10_000);
  });
  it('there is no GST on tax or stamp duty', () => {
    const { gstE4, sttE4, stampE4 } = estimate(croreOf(NSE_SHARE, 'CNC', 'BUY'));
    expect([toRupees(sttE4), toRupees(stampE4)]).toEqual([10_000, 1_500]);
    expect(toRupees(gstE4)).toBe(57.06); // 18 % of 307 + 10
  });
  it('GST is taken from what is not rounded yet', () => {
    const { brokerageE4, exchangeE4, sebiE4, gstE4 } = estimate(filled('BUY', 1, 250, NSE_SHARE, 'MIS', 'o'));
    // 18 % of 0.075 + 0.007675 + 0.00025 are 0.0149; of the rounded lines they would be 0.0162.
    expect([brokerageE4, exchangeE4, sebiE4, gstE4].map(toRupees)).toEqual([0.08, 0.01, 0, 0.01]);
  });
  it('who sells pays no stamp duty, and who trades options pays it on the premium', () => {
    expect(estimate(croreOf(NSE_SHARE, 'CNC')).stampE4).toBe(0);
    expect(estimate(croreOf(NIFTY_OPTION, 'NRML')).stampE4).toBe(0);
    expect(toRupees(estimate(filled('BUY', 65, 100, NIFTY_OPTION, 'NRML', 'o')).stampE4)).toBe(0.2);
  });
  it('BSE charges by the group of a share, and its own price for its options', () => {
    const inGroup = (group: string): number => toRupees(estimate(croreOf({ ...BSE_SHARE, group }, 'CNC')).exchangeE4);
    expect(['A', 'B', 'E', 'T', 'MT', 'X', 'XT', 'Z', 'ZP', 'P', 'R'].map(inGroup)).toEqual([
      375, 375, 275, 275, 275, 10_000, 10_000, 10_000, 10_000, 100_000, 100_000,
    ]);
    const on = (underlyingSymbol: string, kind: ChargedSecurity['kind'] = 'index-option'): number =>
      toRupees(estimate(croreOf({ ...SENSEX_OPTION, underlyingSymbol, kind }, 'NRML')).exchangeE4);
    expect([on('SENSEX'), on('BANKEX'), on('SENSEX50'), on('RELIANCE', 'stock-option')]).toEqual([
      3_250, 3_250, 500, 500,
    ]);
    expect(estimate(croreOf({ ...SENSEX_OPTION, kind: 'index-future' }, 'NRML')).exchangeE4).toBe(0);
  });
  it('the depository charges for a scrip and a day, whatever the orders and shares, and never for MIS', () => {
    const sells = (product: ChargedTrade['product']) => [
      filled('SELL', 10, 100, NSE_SHARE, product, 'one'),
      filled('SELL', 500, 100, NSE_SHARE, product, 'two'),
    ];
    const another = { ...filled('SELL', 1, 100, NSE_SHARE, 'CNC', 'three'), instrumentKey: 'NSE_EQ|another' };
    expect(toRupees(noteCharges(noted('zerodha', sells('CNC'))).dpE4)).toBe(15.34);
    expect(toRupees(noteCharges(noted('zerodha', [...sells('CNC'), another])).dpE4)).toBe(30.68);
    expect(toRupees(noteCharges(noted('zerodha', sells('MTF'))).dpE4)).toBe(15.34);
    expect(noteCharges(noted('zerodha', sells('MIS'))).dpE4).toBe(0);
    expect(noteCharges(noted('zerodha', pair(NSE_SHARE, 'CNC', 10, 100, 100))).dpE4).toBe(0);
  });
  it.each([
    ['zerodha', 15.34],
    ['paper', 15.34],
    ['upstox', 23.6],
    ['fyers', 4.13],
    ['angelone', 23.6],
  ])('the depository charge of %s is Rs %p, its GST in it', (broker, rupees) =>
    expect(toRupees(estimate(croreOf(NSE_SHARE, 'CNC'), { broker }).dpE4)).toBe(rupees),
  );
});

describe('what is delivered', () => {
  it('is what was not both bought and sold: the rest is taxed as within the day, whatever it was ordered as', () => {
    const trades = [
      filled('BUY', 100, 100, NSE_SHARE, 'CNC', 'the buy'),
      filled('SELL', 40, 110, NSE_SHARE, 'MTF', 'the sell'),
    ];
    const { sttE4, stampE4, dpE4 } = estimateOf(noted('zerodha', trades));
    // 60 shares at 100 delivered; 40 at 100 and 110 squared off.
    expect([sttE4, stampE4, dpE4].map(toRupees)).toEqual([6 + 1.1, 0.9 + 0.12, 0]);
  });
  it('gives back what a delivery paid too much when it is squared off', () => {
    const bought = noted('zerodha', [filled('BUY', 100, 1_000, NSE_SHARE, 'CNC', 'the buy')]);
    const sold = addTrade(bought, filled('SELL', 100, 1_000, NSE_SHARE, 'CNC', 'the sell'));
    expect(sold && [sold.charges.sttE4, sold.charges.stampE4].map(toRupees)).toEqual([25 - 100, 3 - 15]);
    expect(sold?.charges.totalE4).toBe(sold && noteCharges(sold.note).totalE4 - noteCharges(bought).totalE4);
  });
  it('does not mix with what was ordered within the day', () => {
    const trades = [
      filled('BUY', 100, 100, NSE_SHARE, 'MIS', 'the buy'),
      filled('SELL', 100, 100, NSE_SHARE, 'CNC', 'the sell'),
    ];
    const { sttE4, dpE4 } = noteCharges(noted('zerodha', trades));
    expect([sttE4, dpE4].map(toRupees)).toEqual([10, 15.34]);
  });
  it('of funds: equity pays 0.001 % when sold, gold and debt pay no tax', () => {
    const [etf, gold] = [EQUITY_ETF, GOLD_ETF].map((security) =>
      lines(estimateOf(noted('zerodha', sums(security, 'CNC', ['SELL', 1_000_000])))),
    );
    expect([etf?.[1], gold?.[1]]).toEqual([10, 0]);
    expect(lines(estimateOf(noted('zerodha', sums(EQUITY_ETF, 'CNC', ['BUY', 1_000_000]))))[1]).toBe(0);
  });
});

describe('brokers', () => {
  it('FYERS bills clearing of contracts, with GST on it', () => {
    const on = { broker: 'fyers', date: DATE };
    const found = estimateCharges(filled('BUY', 1, 10_000_000, NIFTY_FUTURE, 'NRML', 'o'), on);
    // 18 % of 20 + 183 + 10 + 50
    expect(found && [found.clearingE4, found.gstE4].map(toRupees)).toEqual([50, 47.34]);
  });
  it.each([
    ['NIFTY_OPTION', NIFTY_OPTION, 900],
    ['GOLD_FUTURE', GOLD_FUTURE, 180],
    ['GOLD_OPTION', GOLD_OPTION, 5_000],
    ['NSE_SHARE', NSE_SHARE, 0],
  ])('FYERS clearing of a crore of %s', (_, security, rupees) => {
    const product = security === NSE_SHARE ? 'CNC' : 'NRML';
    const found = estimateCharges(filled('BUY', 1, 10_000_000, security, product, 'o'), {
      broker: 'fyers',
      date: DATE,
    });
    expect(found && toRupees(found.clearingE4)).toBe(rupees);
  });
  it('none charges more than 2.5 %, whatever its floor or flat price', () => {
    const at = (broker: string, security: ChargedSecurity, product: ChargedTrade['product']) => {
      const found = estimateCharges(filled('BUY', 1, 100, security, product, 'o'), { broker, date: DATE });
      return found && toRupees(found.brokerageE4);
    };
    expect(at('angelone', NSE_SHARE, 'CNC')).toBe(2.5);
    expect(at('zerodha', NIFTY_OPTION, 'NRML')).toBe(2.5);
    expect(at('angelone', NIFTY_FUTURE, 'NRML')).toBe(2.5);
  });
  it('paper costs what Zerodha costs', () => {
    for (const [, , , trades] of examples)
      expect(noteCharges(noted('paper', trades))).toEqual(noteCharges(noted('zerodha', trades)));
  });
});

describe('what is not known', () => {
  const buy = filled('BUY', 1, 1_000, NSE_SHARE, 'CNC', 'o');
  const on = { broker: 'zerodha', date: DATE };

  it.each<[string, ChargedTrade, typeof on & { plan?: string }]>([
    ['a date before the first rate', buy, { ...on, date: '2019-12-31' }],
    ['a date before the first plan', buy, { ...on, date: '2024-09-30' }],
    ['a broker without a plan', buy, { ...on, broker: 'groww' }],
    ['a plan of no broker', buy, { ...on, plan: 'promotional' }],
    ['a group of BSE without a rate', { ...buy, security: { ...BSE_SHARE, group: 'IF' } }, on],
    [
      'an index of BSE without a rate',
      { ...buy, product: 'NRML', security: { ...SENSEX_OPTION, underlyingSymbol: 'X' } },
      on,
    ],
    ['a commodity of NSE', { ...buy, product: 'NRML', security: { ...GOLD_FUTURE, exchange: 'NSE' } }, on],
    ['a share that is carried forward', { ...buy, product: 'NRML' }, on],
    ['a contract that is delivered', { ...buy, security: NIFTY_OPTION }, on],
    ['a contract that is funded', { ...buy, product: 'MTF', security: NIFTY_OPTION }, on],
  ])('%s has no charges, rather than wrong ones', (_, trade, key) => {
    expect(estimateCharges(trade, key)).toBeUndefined();
    expect(addTrade(openNote({ ...key, exchangeSegment: trade.security.segment }), trade)).toBeUndefined();
  });
  it('a trade at no value costs nothing and leaves the note as it was', () => {
    const free = { ...buy, side: 'SELL' as const, priceE4: 0 };
    const note = noted('zerodha', [buy]);
    expect(estimateCharges(free, on)).toEqual(NO_CHARGES);
    expect(addTrade(note, free)).toEqual({ note, charges: NO_CHARGES });
  });
  it('an empty note costs nothing', () => {
    const note = openNote({ ...on, exchangeSegment: 'NSE_EQ' });
    expect([noteCharges(note), estimateOf(note)]).toEqual([NO_CHARGES, NO_CHARGES]);
  });
  it('a trade of another segment is refused', () =>
    expect(() => addTrade(openNote({ ...on, exchangeSegment: 'BSE_EQ' }), buy)).toThrow(
      new Refused('charges.other-segment'),
    ));
  it('an amount that cannot be counted is refused', () => {
    const huge = { ...buy, quantity: 10_000_000, priceE4: 10 ** 11 };
    expect(() => estimateCharges(huge, on)).toThrow(new Refused('money.too-large'));
    const large = { ...buy, quantity: 5, priceE4: 10 ** 15 };
    expect(() => addTrade(noted('zerodha', [large]), large)).toThrow(new Refused('money.too-large'));
  });
  it('charges add up line by line', () => {
    const found = estimateCharges(buy, on) ?? NO_CHARGES;
    expect(plusCharges(found, NO_CHARGES)).toEqual(found);
    expect(plusCharges(found, found).totalE4).toBe(2 * found.totalE4);
  });
});
