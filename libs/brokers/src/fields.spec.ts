import fc from 'fast-check';
import { exactE4, istDay, istInstant, nextIst, roundedE4 } from './fields';

describe('an exact amount', () => {
  it.each([
    [194.5, 1_945_000],
    ['194.50', 1_945_000],
    [' 0.0025 ', 25],
    [-12.3, -123_000],
    ['-0.05', -500],
    [0, 0],
  ])('reads %j', (printed, amountE4) => expect(exactE4(printed)).toBe(amountE4));

  it.each([0.00001, '1,000.00', '', 'NaN', 'Infinity', 1e21, '--1', '1e3'])('is none in %j', (printed) =>
    expect(exactE4(printed)).toBeUndefined(),
  );
});

describe('a rounded amount', () => {
  it.each([
    [99725.05000000002, 997_250_500],
    ['3.21665', 32_167],
    [-3.21665, -32_167],
    [0.00004999, 0],
    [1e-7, 0],
    [-1e-7, 0],
    ['12', 120_000],
  ])('rounds %j half away from zero', (printed, amountE4) => expect(roundedE4(printed)).toBe(amountE4));

  it.each(['', 'x', '1.', '.5', '1e5', NaN, Infinity, '9999999999999'])('is none in %j', (printed) =>
    expect(roundedE4(printed)).toBeUndefined(),
  );

  it('is the exact one where there is an exact one', () =>
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (amountE4) => {
        const printed = `${amountE4 < 0 ? '-' : ''}${String(Math.floor(Math.abs(amountE4) / 10_000))}.${String(Math.abs(amountE4) % 10_000).padStart(4, '0')}`;
        expect(roundedE4(printed)).toBe(amountE4 === 0 ? 0 : amountE4);
        expect(roundedE4(Number(printed))).toBe(amountE4 === 0 ? 0 : amountE4);
      }),
    ));
});

describe('a time in India', () => {
  it.each([
    ['2021-05-31 09:16:39', '2021-05-31T09:16:39+05:30'],
    ['2021-05-31T09:16:39', '2021-05-31T09:16:39+05:30'],
    ['03-Aug-2017 15:03:42', '2017-08-03T15:03:42+05:30'],
    ['03-AUG-2017 00:00:00', '2017-08-03T00:00:00+05:30'],
  ])('reads %s', (printed, iso) => expect(istInstant(printed)).toBe(Date.parse(iso)));

  it('reads a time alone on a day that is known', () => {
    expect(istInstant('16:00:36', '2021-05-31')).toBe(Date.parse('2021-05-31T16:00:36+05:30'));
    expect(istInstant('16:00:36')).toBeUndefined();
  });

  it.each(['2021-02-30 09:00:00', '2021-05-31 24:00:00', '31-Foo-2021 09:00:00', '2021-05-31', '', '16:60:00'])(
    'is none in %j',
    (printed) => expect(istInstant(printed, '2021-05-31')).toBeUndefined(),
  );
});

describe('the next hour in India', () => {
  const at = (iso: string): number => Date.parse(iso);

  it.each([
    ['before it', '2026-11-21T02:00:00+05:30', '2026-11-21T03:30:00+05:30'],
    ['at it', '2026-11-21T03:30:00+05:30', '2026-11-22T03:30:00+05:30'],
    ['after it', '2026-11-21T23:59:59+05:30', '2026-11-22T03:30:00+05:30'],
    ['while it is yesterday in London', '2026-11-20T20:00:00Z', '2026-11-21T03:30:00+05:30'],
  ])('is found %s', (_, now, next) => expect(nextIst(at(now), 3, 30)).toBe(at(next)));

  it('belongs to the day there', () => expect(istDay(at('2026-11-20T20:00:00Z'))).toBe('2026-11-21'));
});
