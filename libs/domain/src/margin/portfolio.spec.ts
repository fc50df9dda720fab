import type { ContractRisk } from './contract-risk';
import { groupMargin, type Leg, portfolioMargin, worstCaseE4 } from './portfolio';
import { A, NEAR, rupees, TODAY } from './samples';

const LOT = 65;
const leg = (risk: ContractRisk, lots: number): Leg => ({ risk, quantity: lots * LOT });

describe('worked example A, from its arrays, to the paisa', () => {
  it.each<[string, readonly Leg[], readonly [number, number, number, number, number, number, number, number]]>([
    //                                                 scenario, scan, NOV, SPAN, ELM, total, blocked, to place
    ['M1 long FUT', [leg(A.future, 1)], [13, 145_080, 0, 145_080, 31_200, 176_280, 176_280, 176_280]],
    ['M2 short FUT', [leg(A.future, -1)], [11, 145_080, 0, 145_080, 31_200, 176_280, 176_280, 176_280]],
    [
      'M3 short 24500 CE',
      [leg(A.call24500, -1)],
      [11, 106_614.95, -7_116.85, 113_731.8, 31_200, 144_931.8, 137_814.95, 144_931.8],
    ],
    [
      'M4 short 24500 CE + long 25000 CE',
      [leg(A.call24500, -1), leg(A.call25000, 1)],
      [12, 27_272.7, -5_098.6, 32_371.3, 31_200, 63_571.3, 58_472.7, 65_589.55],
    ],
    [
      'M5 long FUT + short 24500 CE',
      [leg(A.future, 1), leg(A.call24500, -1)],
      [13, 137_988.5, -7_116.85, 145_105.35, 62_400, 207_505.35, 200_388.5, 207_505.35],
    ],
    [
      'M6 short FUT + long 24500 CE',
      [leg(A.future, -1), leg(A.call24500, 1)],
      [12, 39_611, 7_116.85, 32_494.15, 31_200, 63_694.15, 70_811, 70_811],
    ],
    [
      'M7 short strangle',
      [leg(A.call24500, -1), leg(A.put23500, -1)],
      [11, 99_866, -13_921.05, 113_787.05, 62_400, 176_187.05, 162_266, 176_187.05],
    ],
    ['M8 long 24500 CE only', [leg(A.call24500, 1)], [14, 7_116.85, 7_116.85, 0, 0, 0, 0, 7_116.85]],
  ])('%s', (_, legs, [worstScenario, scan, nov, span, elm, total, blocked, toPlace]) =>
    expect(groupMargin(legs)).toMatchObject({
      worstScenario,
      scanE4: rupees(scan),
      netOptionValueE4: rupees(nov),
      spanE4: rupees(span),
      elmE4: rupees(elm),
      totalE4: rupees(total),
      blockedE4: rupees(blocked),
      toPlaceE4: rupees(toPlace),
    }),
  );
  it('M4 owes no more than the distance of its strikes', () =>
    expect(groupMargin([leg(A.call24500, -1), leg(A.call25000, 1)]).spanE4).toBeLessThanOrEqual(rupees(500 * LOT)));
  it('M3 and M4: the wing saves 81,360.50', () =>
    expect(
      groupMargin([leg(A.call24500, -1)]).totalE4 - groupMargin([leg(A.call24500, -1), leg(A.call25000, 1)]).totalE4,
    ).toBe(rupees(81_360.5)));
  it('M5 alone, leg by leg, would be 3,21,211.80', () =>
    expect(groupMargin([leg(A.future, 1), leg(A.call24500, -1)])).toMatchObject({
      unhedgedE4: rupees(321_211.8),
      benefitE4: rupees(321_211.8 - 207_505.35),
    }));
  it('flags M6: an option held against a future; and no other of them', () => {
    expect(groupMargin([leg(A.future, -1), leg(A.call24500, 1)]).reliable).toBe(false);
    expect(groupMargin([leg(A.future, 1), leg(A.put23500, 1)]).reliable).toBe(false);
    expect(groupMargin([leg(A.future, 1), leg(A.call24500, 1)]).reliable).toBe(true);
    expect(groupMargin([leg(A.future, 1), leg(A.call24500, -1)]).reliable).toBe(true);
    expect(groupMargin([leg(A.call24500, -1), leg(A.call25000, 1)]).reliable).toBe(true);
  });
});

describe('worked example B: two months', () => {
  const withCall = [leg(A.future, 1), leg(A.call24500, -1), leg(A.farFuture, -1)];
  const calendar = [leg(A.future, 1), leg(A.farFuture, -1)];
  /** The same on the day the near month ends. */
  const onTheLastDay = calendar.map(({ risk, quantity }) => ({
    risk: { ...risk, hasCalendarBenefit: risk.expiry !== NEAR },
    quantity,
  }));

  it('futures cancel in the scan: the short call is left, 1,06,614.95 in scenario 11', () =>
    expect(groupMargin(withCall)).toMatchObject({ scanE4: rupees(106_614.95), worstScenario: 11 }));
  it('0.7461 of a spread is charged 20,495.84', () =>
    expect(Math.abs(groupMargin(withCall).interMonthE4 - rupees(20_495.84))).toBeLessThanOrEqual(rupees(0.01)));
  it('the calendar alone: charge 27,470.63, extreme loss 10,465.00, in all 37,935.63', () => {
    const { scanE4, worstScenario, interMonthE4, elmE4, totalE4 } = groupMargin(calendar);
    expect({ scanE4, worstScenario, elmE4 }).toEqual({ scanE4: 0, worstScenario: 0, elmE4: rupees(10_465) });
    expect(interMonthE4).toBe(rupees(27_470.625));
    expect(totalE4).toBe(rupees(37_935.625));
  });
  it('on the last day of the near month there is no spread: 3,52,755.00', () =>
    expect(groupMargin(onTheLastDay)).toMatchObject({
      scanE4: rupees(2 * 145_080),
      interMonthE4: 0,
      elmE4: rupees(31_200 + 31_395),
      totalE4: rupees(352_755),
      benefitE4: 0,
    }));
});

describe('a group', () => {
  it('nets identical contracts', () =>
    expect(groupMargin([leg(A.future, 3), leg(A.future, -2)])).toEqual(groupMargin([leg(A.future, 1)])));
  it('of nothing needs nothing', () => {
    const nothing = groupMargin([leg(A.future, 1), leg(A.future, -1)]);
    expect(nothing).toEqual(groupMargin([]));
    expect(nothing).toMatchObject({ totalE4: 0, unhedgedE4: 0, benefitE4: 0, toPlaceE4: 0, reliable: true, asOf: '' });
  });
  it('asks for the minimum of short options where it is more than the scan', () => {
    const risk = { ...A.call24500, shortOptionMinimumBp: 1_000 };
    expect(groupMargin([leg(risk, -1)])).toMatchObject({
      somE4: rupees(156_000),
      spanRequirementE4: rupees(156_000),
      spanE4: rupees(156_000 + 7_116.85),
    });
    expect(groupMargin([leg(risk, 1)])).toMatchObject({ somE4: 0, totalE4: 0 });
  });
  it('two options held in two months need nothing, although their deltas oppose', () => {
    const farPut = { ...A.put23500, instrumentKey: 'FAR PE', expiry: A.farFuture.expiry };
    expect(groupMargin([leg(A.call24500, 1), leg(farPut, 1)])).toMatchObject({ totalE4: 0, interMonthE4: 0 });
  });
  it('pairs the nearest months first', () => {
    const [near, middle, far] = [
      A.future,
      { ...A.farFuture, instrumentKey: 'MID FUT', expiry: '2026-10-01', futurePriceE4: rupees(24_100) },
      A.farFuture,
    ];
    const margin = groupMargin([leg(near, 2), leg(middle, -1), leg(far, -1)]);
    expect(margin.interMonthE4).toBe(rupees((24_100 + 24_150) * LOT * 0.0175));
  });
  it('is as old as its oldest part, and as reliable as its least reliable', () => {
    const stale = { ...A.call24500, asOf: '2026-08-28', reliable: false };
    expect(groupMargin([leg(A.future, 1), leg(stale, -1)])).toMatchObject({ asOf: '2026-08-28', reliable: false });
    expect(groupMargin([leg(A.future, 1)])).toMatchObject({ asOf: TODAY, reliable: true });
  });
  it('counts the units in a unit of quantity', () =>
    expect(groupMargin([{ risk: { ...A.future, multiplier: LOT }, quantity: 1 }])).toEqual(
      groupMargin([leg(A.future, 1)]),
    ));
  it('refuses what no exact number holds', () =>
    expect(() => groupMargin([{ risk: A.future, quantity: Number.MAX_SAFE_INTEGER }])).toThrow('money.too-large'));
});

describe('the worst case', () => {
  it.each<[string, readonly Leg[], readonly Leg[], readonly Leg[]]>([
    ['of nothing and a sale is the sale', [], [leg(A.call24500, -1)], [leg(A.call24500, -1)]],
    [
      'of a hedge that may not fill is the sale alone',
      [],
      [leg(A.call24500, -1), leg(A.call25000, 1)],
      [leg(A.call24500, -1)],
    ],
    [
      'of a hedge that is held is the spread',
      [leg(A.call25000, 1)],
      [leg(A.call24500, -1)],
      [leg(A.call25000, 1), leg(A.call24500, -1)],
    ],
    ['of an order that closes is the position', [leg(A.future, 1)], [leg(A.future, -1)], [leg(A.future, 1)]],
    [
      'of a hedge that is sold is what it hedged',
      [leg(A.call25000, 1), leg(A.call24500, -1)],
      [leg(A.call25000, -1)],
      [leg(A.call24500, -1)],
    ],
    ['of both sides of a future is one of them', [], [leg(A.future, -1), leg(A.future, 1)], [leg(A.future, 1)]],
    [
      'of a strangle on order is both',
      [],
      [leg(A.call24500, -1), leg(A.put23500, -1)],
      [leg(A.call24500, -1), leg(A.put23500, -1)],
    ],
  ])('%s', (_, positions, orders, asIf) => expect(worstCaseE4(positions, orders)).toBe(groupMargin(asIf).totalE4));
  it('of options that are bought is nothing', () => {
    expect(worstCaseE4([], [leg(A.call24500, 2), leg(A.put23500, 1)])).toBe(0);
    expect(worstCaseE4([leg(A.call25000, 1)], [leg(A.call24500, 2)])).toBe(0);
  });
  it('of a rollover is both legs, should the far one fill first', () =>
    expect(worstCaseE4([leg(A.future, 1)], [leg(A.future, -1), leg(A.farFuture, 1)])).toBe(
      groupMargin([leg(A.future, 1), leg(A.farFuture, 1)]).totalE4,
    ));
  it('asks for the short option minimum of all that may be sold', () => {
    const risk = { ...A.call24500, shortOptionMinimumBp: 1_000 };
    expect(worstCaseE4([], [leg(risk, -1)])).toBe(groupMargin([leg(risk, -1)]).totalE4);
  });
});

describe('a portfolio', () => {
  it('is the sum of its underlyings, which do not hedge each other', () => {
    const bank = { ...A.future, instrumentKey: 'BANK FUT', underlying: 'BANKNIFTY' };
    const { groups, totalE4, unhedgedE4, benefitE4 } = portfolioMargin([
      leg(A.future, 1),
      leg(bank, -1),
      leg(A.call24500, -1),
    ]);
    expect([...groups.keys()]).toEqual(['NIFTY', 'BANKNIFTY']);
    expect(totalE4).toBe(rupees(207_505.35 + 176_280));
    expect(unhedgedE4).toBe(rupees(321_211.8 + 176_280));
    expect(benefitE4).toBe(unhedgedE4 - totalE4);
  });
});
