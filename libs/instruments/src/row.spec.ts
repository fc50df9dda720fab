import fc from 'fast-check';

import { isRefusal, readRow, type Fields, type RawRow } from './row';

const read = <T>(row: RawRow, field: (fields: Fields) => T): T | string => {
  const result = readRow(row, (fields) => ({ value: field(fields) }));
  return isRefusal(result) ? result.reason : result.value;
};

describe('a price', () => {
  it.each([
    [0.05, 'rupees', 500],
    [0.0025, 'rupees', 25],
    [1412.3, 'rupees', 14_123_000],
    ['1412.3000', 'rupees', 14_123_000],
    [91.375, 'rupees', 913_750],
    [10, 'paise', 1000],
    [0.25, 'paise', 25],
    ['2300000.000000', 'paise', 230_000_000],
    ['0.01', 'paise', 1],
    [0, 'rupees', 0],
  ] as const)('of %p in %s is %i ten-thousandths of a rupee', (value, unit, e4) => {
    expect(read({ price: value }, (fields) => fields.optionalPriceE4('price', unit))).toBe(e4);
  });

  it.each(['0.00001', '-1', '1e3', '0x10', '1,000', ' 1 2', 'NaN', 1e21, Number.NaN, Infinity, -0.05, true, {}, [5]])(
    'is never guessed from %p',
    (value) => {
      expect(read({ price: value }, (fields) => fields.optionalPriceE4('price', 'rupees'))).toMatch(/^price is not/);
    },
  );

  it('keeps every paisa, whatever binary fractions do', () => {
    fc.assert(
      fc.property(fc.nat(99_999_999), (paise) => {
        const text = `${String(Math.floor(paise / 100))}.${String(paise % 100).padStart(2, '0')}`;
        expect(read({ price: Number(text) }, (fields) => fields.optionalPriceE4('price', 'rupees'))).toBe(paise * 100);
        expect(read({ price: paise }, (fields) => fields.optionalPriceE4('price', 'paise'))).toBe(paise * 100);
      }),
    );
  });

  it('finer than 1/10,000 rupee is refused, not rounded', () =>
    expect(read({ tick: 0.001 }, (fields) => fields.optionalPriceE4('tick', 'paise'))).toBe(
      'tick is not a price in paise',
    ));

  it('above Rs 1 crore is refused', () =>
    expect(read({ price: 10_000_000.05 }, (fields) => fields.priceE4('price', 'rupees'))).toMatch(/not a price/));

  it('of zero is refused where something can be ordered', () =>
    expect(read({ tick: '0.00' }, (fields) => fields.priceE4('tick', 'rupees'))).toBe('tick is not above zero'));
});

describe('a text', () => {
  it.each([undefined, null, '', '  ', 'None'])('is absent when the file says %p', (value) => {
    expect(read({ isin: value }, (fields) => fields.optionalText('isin'))).toBeUndefined();
    expect(read({ isin: value }, (fields) => fields.text('isin'))).toBe('isin is missing');
  });

  it('keeps spaces, ampersands and hyphens inside', () =>
    expect(read({ name: ' M&M  BAJAJ-AUTO ' }, (fields) => fields.text('name'))).toBe('M&M  BAJAJ-AUTO'));

  it.each([['a\u0000b'], ['line\nbreak'], ['\ufffd']])('with unreadable characters is refused: %j', (value) => {
    expect(read({ name: value }, (fields) => fields.text('name'))).toBe('name has unreadable characters');
  });

  it('beyond 200 characters is refused, and only its beginning is reported', () => {
    const result = readRow({ name: 'x'.repeat(100_000) }, (fields) => ({ name: fields.text('name') }));
    expect(result).toMatchObject({ reason: 'name is too long', detail: expect.stringMatching(/^"x{119}$/) });
  });
});

describe('a count', () => {
  it.each([
    [65, 65],
    ['65', 65],
    [1755.0, 1755],
    ['65.0', 65],
  ])('is read from %p', (value, count) => {
    expect(read({ lot: value }, (fields) => fields.count('lot'))).toBe(count);
  });

  it.each([0, -1, 1.5, '-1', '1.5', 1e21, 'many'])('is refused for %p', (value) => {
    expect(read({ lot: value }, (fields) => fields.count('lot'))).toBe('lot is not a whole number above zero');
  });
});

describe('a date', () => {
  it('is that of India: 23:59:59 there is 18:29:59 UTC', () => {
    const expiry = Date.UTC(2026, 0, 27, 18, 29, 59);
    expect(read({ expiry }, (fields) => fields.istDate('expiry'))).toBe('2026-01-27');
    expect(read({ expiry: expiry + 1000 }, (fields) => fields.istDate('expiry'))).toBe('2026-01-28');
  });

  it.each([1_769_538_599, -1, Number.NaN, '1769538599000', 1e300])(
    'is not read from %p, which is no time in milliseconds',
    (expiry) => {
      expect(read({ expiry }, (fields) => fields.istDate('expiry'))).toBe('expiry is not a time in epoch milliseconds');
    },
  );

  it.each([
    ['25JUN2026', '2026-06-25'],
    ['29FEB2025', 'expiry is not a date'],
    ['25JUNI2026', 'expiry is not a date'],
    ['25XXX2026', 'expiry is not a date'],
  ])('printed as %s is %s', (expiry, date) => {
    expect(read({ expiry }, (fields) => fields.compactDate('expiry'))).toBe(date);
  });

  it.each([
    ['2026-01-27', '2026-01-27'],
    ['2026-02-30', 'expiry is not a date'],
    ['27-01-2026', 'expiry is malformed'],
  ])('printed as %s is %s', (expiry, date) => {
    expect(read({ expiry }, (fields) => fields.date('expiry'))).toBe(date);
  });
});

it('an error that is no refusal is not swallowed', () =>
  expect(() =>
    readRow({}, () => {
      throw new TypeError('a bug');
    }),
  ).toThrow('a bug'));
