import fc from 'fast-check';
import type { ContractRisk } from './contract-risk';
import { groupMargin, type Leg, worstCaseE4 } from './portfolio';
import { FAR, future, NEAR, option, riskOf, TODAY } from './samples';

/** Four months, the first of which ends today; futures and options around the money of each, priced by no fixed model. */
const MONTHS = [TODAY, NEAR, FAR, '2026-11-30'];

const CONTRACTS: readonly ContractRisk[] = MONTHS.flatMap((expiry, month) => [
  riskOf(future(expiry), 24_000 + 75 * month),
  riskOf(option('CE', 24_500, expiry), 60 + 90 * month),
  riskOf(option('CE', 25_000, expiry), 12 + 60 * month),
  riskOf(option('PE', 23_500, expiry), 55 + 80 * month),
  riskOf(option('PE', 22_000, expiry), 0.05 + 20 * month),
]);

const isOption = ({ risk }: Leg): boolean => risk.kind !== 'FUT';

const legs = (maxLength: number): fc.Arbitrary<readonly Leg[]> =>
  fc.array(
    fc.record({ risk: fc.constantFrom(...CONTRACTS), quantity: fc.integer({ min: -10, max: 10 }).map((n) => n * 65) }),
    { maxLength },
  );

/** With a minimum for short options too, which files carry as 0 today. */
const withMinimum = (all: readonly Leg[], shortOptionMinimumBp: number): readonly Leg[] =>
  all.map(({ risk, quantity }) => ({ risk: { ...risk, shortOptionMinimumBp }, quantity }));

const minimumBp = fc.constantFrom(0, 300, 2_000);

const check = <Values>(property: fc.IProperty<Values>): void => fc.assert(property, { numRuns: 500 });

const asHeld = (all: readonly Leg[]): readonly Leg[] =>
  all.map(({ risk, quantity }) => ({ risk, quantity: Math.abs(quantity) }));

describe('the margin of a group', () => {
  it('is never negative, in any of its parts, and a whole number', () =>
    check(
      fc.property(legs(12), minimumBp, (all, som) => {
        const margin = groupMargin(withMinimum(all, som));
        for (const key of ['scanE4', 'interMonthE4', 'somE4', 'spanE4', 'elmE4', 'totalE4', 'blockedE4'] as const) {
          expect(margin[key]).toBeGreaterThanOrEqual(0);
          expect(Number.isSafeInteger(margin[key])).toBe(true);
        }
      }),
    ));
  it('is never more than that of its contracts alone: in one month, in several, on the last day of one', () =>
    check(
      fc.property(legs(12), minimumBp, (all, som) => {
        const { totalE4, unhedgedE4, benefitE4 } = groupMargin(withMinimum(all, som));
        expect(benefitE4).toBeGreaterThanOrEqual(0);
        expect(benefitE4).toBe(unhedgedE4 - totalE4);
      }),
    ));
  it('alone is what the contract needs as a group of one', () =>
    check(
      fc.property(legs(1), minimumBp, (all, som) => {
        const { totalE4, unhedgedE4 } = groupMargin(withMinimum(all, som));
        expect(unhedgedE4).toBe(totalE4);
      }),
    ));
  it('of one month is never more than that of two parts of it; with several months the pairs change, and so does their charge', () =>
    check(
      fc.property(legs(8), legs(8), fc.constantFrom(...MONTHS), minimumBp, (one, other, expiry, som) => {
        const inMonth = (all: readonly Leg[]) => withMinimum(all, som).filter(({ risk }) => risk.expiry === expiry);
        const [first, second] = [inMonth(one), inMonth(other)];
        expect(groupMargin([...first, ...second]).totalE4).toBeLessThanOrEqual(
          groupMargin(first).totalE4 + groupMargin(second).totalE4,
        );
      }),
    ));
  it('of options that are only held is exactly 0', () =>
    check(
      fc.property(legs(12), (all) => {
        const margin = groupMargin(asHeld(all).filter(isOption));
        expect(margin).toMatchObject({ totalE4: 0, blockedE4: 0, unhedgedE4: 0 });
        expect(margin.toPlaceE4).toBe(margin.netOptionValueE4);
      }),
    ));
  it('does not depend on the order of its legs, nor on how a position was put together', () =>
    check(
      fc.property(legs(10), fc.integer({ min: 1, max: 9 }), (all, part) => {
        const { totalE4, scanE4, interMonthE4, elmE4, unhedgedE4 } = groupMargin(all);
        const split = all.flatMap(({ risk, quantity }) => [
          { risk, quantity: part },
          { risk, quantity: quantity - part },
        ]);
        expect(groupMargin(split.reverse())).toMatchObject({ totalE4, scanE4, interMonthE4, elmE4, unhedgedE4 });
      }),
    ));
  it('does not fall when the same book is held twice', () =>
    check(
      fc.property(legs(8), (all) => {
        expect(groupMargin([...all, ...all]).totalE4).toBeGreaterThanOrEqual(groupMargin(all).totalE4);
      }),
    ));
});

describe('the worst case', () => {
  const subset = (all: readonly Leg[], bits: number): readonly Leg[] =>
    all.filter((_, index) => ((bits >> index) & 1) === 1);

  it('is the margin of the positions when nothing is on order', () =>
    check(
      fc.property(legs(12), minimumBp, (all, som) => {
        const positions = withMinimum(all, som);
        expect(worstCaseE4(positions, [])).toBe(groupMargin(positions).totalE4);
      }),
    ));
  it('is never less than the margin of the positions with any of the orders filled', () =>
    check(
      fc.property(legs(6), legs(5), minimumBp, (held, ordered, som) => {
        const [positions, orders] = [withMinimum(held, som), withMinimum(ordered, som)];
        const worstE4 = worstCaseE4(positions, orders);
        for (let bits = 0; bits < 1 << orders.length; bits++)
          expect(worstE4).toBeGreaterThanOrEqual(groupMargin([...positions, ...subset(orders, bits)]).totalE4);
      }),
    ));
  it('is never less with one order more', () =>
    check(
      fc.property(legs(6), legs(6), minimumBp, (held, ordered, som) => {
        const [positions, orders] = [withMinimum(held, som), withMinimum(ordered, som)];
        expect(worstCaseE4(positions, orders)).toBeGreaterThanOrEqual(worstCaseE4(positions, orders.slice(1)));
      }),
    ));
  it('is never less than before when half of an order has filled and the rest is taken back', () =>
    check(
      fc.property(legs(6), legs(5), (positions, orders) => {
        const halves = orders.map(({ risk, quantity }) => ({ risk, quantity: Math.trunc(quantity / 2) }));
        expect(worstCaseE4(positions, orders)).toBeGreaterThanOrEqual(groupMargin([...positions, ...halves]).totalE4);
      }),
    ));
  it('does not rise when one of the orders fills', () =>
    check(
      fc.property(legs(6), legs(6), (positions, orders) => {
        const [filled, ...rest] = orders;
        if (filled === undefined) return;
        expect(worstCaseE4([...positions, filled], rest)).toBeLessThanOrEqual(worstCaseE4(positions, orders));
      }),
    ));
  it('of options held and options bought is 0', () =>
    check(
      fc.property(legs(6), legs(6), (held, ordered) => {
        expect(worstCaseE4(asHeld(held).filter(isOption), asHeld(ordered).filter(isOption))).toBe(0);
      }),
    ));
  it('is the true worst of all subsets in one month', () =>
    check(
      fc.property(legs(5), legs(5), (held, ordered) => {
        const month = ({ risk }: Leg) => risk.expiry === NEAR;
        const [positions, orders] = [held.filter(month), ordered.filter(month)];
        let spanE4 = 0;
        for (let bits = 0; bits < 1 << orders.length; bits++)
          spanE4 = Math.max(spanE4, groupMargin([...positions, ...subset(orders, bits)]).spanE4);
        const noElm = (all: readonly Leg[]) =>
          all.map(({ risk, quantity }) => ({ risk: { ...risk, elmBp: 0 }, quantity }));
        expect(worstCaseE4(noElm(positions), noElm(orders))).toBe(spanE4);
      }),
    ));
});
