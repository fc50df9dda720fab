import fc from 'fast-check';
import { Refused } from './decider';
import { addBasisPointsRoundedUp, formatE4, MAX_PRICE_E4, parseE4, shareOf, toRupees, valueOf } from './money';

const amount = fc.nat(Number.MAX_SAFE_INTEGER);
/** Up to Rs 10,000 crore: what a JSON number carries exactly to four places. */
const jsonAmount = fc.nat(1_000_000_000_000_000);

describe('reading rupees', () => {
  it.each<[number | string, number]>([
    ['0', 0],
    ['1', 10_000],
    ['1412.3', 14_123_000],
    ['1412.30', 14_123_000],
    ['0.0001', 1],
    ['0.0025', 25],
    ['00012.5', 125_000],
    ['1.00000', 10_000],
    ['0.12340000', 1_234],
    ['900719925474.0991', Number.MAX_SAFE_INTEGER],
    [0, 0],
    [-0, 0],
    [1412.3, 14_123_000],
    [0.1, 1_000],
    [0.0025, 25],
    [1e7, 100_000_000_000],
    [1e3, 10_000_000],
  ])('%p is %p', (rupees, amountE4) => expect(parseE4(rupees)).toBe(amountE4));

  it.each<[string, number | string]>([
    ['five places', '0.00001'],
    ['five places', '1.23456'],
    ['five places', 1.23456],
    ['five places after zeros', '1.000010'],
    ['the sum that is not 0.3', 0.1 + 0.2],
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['infinite', Number.NEGATIVE_INFINITY],
    ['infinite', 'Infinity'],
    ['negative', -1],
    ['negative', '-1'],
    ['negative', '-0.0001'],
    ['negative nothing', '-0'],
    ['an exponent', '1e3'],
    ['an exponent', '1E-4'],
    ['a number so small that its text is an exponent', 1e-7],
    ['a number so large that its text is an exponent', 1e21],
    ['signed', '+1'],
    ['blank', ''],
    ['blank', ' '],
    ['padded', ' 1'],
    ['padded', '1 '],
    ['a line', '1\n'],
    ['grouped', '1,00,000'],
    ['grouped', '1_000'],
    ['half written', '1.'],
    ['half written', '.5'],
    ['half written', '.'],
    ['two points', '1.2.3'],
    ['hexadecimal', '0x10'],
    ['other digits', '१२'],
    ['words', 'ten'],
    ['a currency', '₹10'],
    ['thirteen digits', '1000000000000'],
    ['one more than can be exact', '900719925474.0992'],
    ['far more than can be exact', '999999999999.9999'],
    ['huge', '9'.repeat(400)],
  ])('%s is refused: %p', (_, rupees) => expect(parseE4(rupees)).toBeUndefined());

  it('never gives anything but a safe whole number, whatever the text', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.stringMatching(/^[0-9.+\-eE ]{0,20}$/),
          fc.double().map(String),
          fc.bigInt().map(String),
        ),
        (text) => {
          const read = parseE4(text);
          expect(read === undefined || (Number.isSafeInteger(read) && read >= 0)).toBe(true);
        },
      ),
    ));
});

describe('writing rupees', () => {
  it.each([
    [0, '0.00'],
    [-0, '0.00'],
    [1, '0.0001'],
    [25, '0.0025'],
    [20, '0.002'],
    [100, '0.01'],
    [1_000, '0.10'],
    [9_999, '0.9999'],
    [10_000, '1.00'],
    [14_123_000, '1412.30'],
    [14_123_050, '1412.305'],
    [14_123_456, '1412.3456'],
    [-1, '-0.0001'],
    [-14_123_000, '-1412.30'],
    [Number.MAX_SAFE_INTEGER, '900719925474.0991'],
  ])('%p is %p', (amountE4, text) => expect(formatE4(amountE4)).toBe(text));

  it('reads back as it was', () =>
    fc.assert(fc.property(amount, (amountE4) => expect(parseE4(formatE4(amountE4))).toBe(amountE4))));
  it('is negative by its sign alone', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (amountE4) =>
        expect(formatE4(-amountE4)).toBe(`-${formatE4(amountE4)}`),
      ),
    ));
  it('travels through JSON as a number and comes back as it was', () =>
    fc.assert(
      fc.property(jsonAmount, (amountE4) => {
        const sent = JSON.parse(JSON.stringify({ price: toRupees(amountE4) })) as { price: number };
        expect(parseE4(sent.price)).toBe(amountE4);
      }),
    ));
  it('sends the number that the decimal text reads as, to the last bit', () => {
    fc.assert(
      fc.property(amount, fc.boolean(), (magnitudeE4, isDebt) => {
        const amountE4 = isDebt ? -magnitudeE4 : magnitudeE4;
        expect(toRupees(amountE4)).toBe(Number(formatE4(amountE4)) + 0);
      }),
      { numRuns: 1_000 },
    );
    expect(Object.is(toRupees(-0), 0)).toBe(true);
  });
  it('shows at least two places and at most four', () =>
    fc.assert(fc.property(amount, (amountE4) => expect(formatE4(amountE4)).toMatch(/^\d+\.\d{2,4}$/))));
});

describe('price times quantity', () => {
  it('is exact where binary fractions are not', () => {
    expect(valueOf(1_000, 3)).toBe(3_000); // 0.1 three times: 0.30000000000000004 in binary
    expect(valueOf(11_000, 11)).toBe(121_000);
  });
  it('is exact or refused, never rounded', () =>
    fc.assert(
      fc.property(fc.nat(MAX_PRICE_E4), fc.nat(10_000_000), (priceE4, quantity) => {
        const exact = BigInt(priceE4) * BigInt(quantity);
        if (exact <= BigInt(Number.MAX_SAFE_INTEGER)) expect(valueOf(priceE4, quantity)).toBe(Number(exact));
        else expect(() => valueOf(priceE4, quantity)).toThrow(Refused);
      }),
    ));
  it('is refused as soon as it could be inexact', () => {
    expect(valueOf(Number.MAX_SAFE_INTEGER, 1)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => valueOf(2 ** 52, 2)).toThrow('money.too-large');
    expect(() => valueOf(Number.MAX_SAFE_INTEGER, 10_000_000)).toThrow('money.too-large');
    expect(() => valueOf(Number.NaN, 1)).toThrow('money.too-large');
    expect(() => valueOf(Number.POSITIVE_INFINITY, 1)).toThrow('money.too-large');
    expect(() => valueOf(1, 0.5)).toThrow('money.too-large');
  });
});

describe('a share of an amount', () => {
  it.each([
    [10_000, 1, 3, 3_333],
    [10_000, 2, 3, 6_666],
    [10_000, 3, 3, 10_000],
    [10_000, 0, 3, 0],
    [1, 1, 2, 0],
    [0, 1, 2, 0],
    [Number.MAX_SAFE_INTEGER, 1, 1, Number.MAX_SAFE_INTEGER],
    [Number.MAX_SAFE_INTEGER, 10_000_000 - 1, 10_000_000, 9_007_198_354_021_065],
  ])('of %p, %p of %p, is %p', (amountE4, part, whole, share) => expect(shareOf(amountE4, part, whole)).toBe(share));

  it('is rounded down, by less than 1/10,000 rupee', () =>
    fc.assert(
      fc.property(amount, fc.integer({ min: 1, max: 10_000_000 }), fc.nat(), (amountE4, whole, some) => {
        const part = some % (whole + 1);
        const exact = BigInt(amountE4) * BigInt(part);
        const share = BigInt(shareOf(amountE4, part, whole)) * BigInt(whole);
        expect(share <= exact && exact - share < BigInt(whole)).toBe(true);
      }),
    ));
  it('leaves nothing over when all of it is taken bit by bit', () =>
    fc.assert(
      fc.property(amount, fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1 }), (amountE4, parts) => {
        let [leftE4, left] = [amountE4, parts.reduce((a, b) => a + b, 0)];
        for (const part of parts) {
          leftE4 -= shareOf(leftE4, part, left);
          left -= part;
          expect(leftE4).toBeGreaterThanOrEqual(0);
        }
        expect(leftE4).toBe(0);
      }),
    ));
});

describe('adding basis points', () => {
  it.each([
    [10_000, 300, 10_300],
    [1, 300, 2],
    [1, 0, 1],
    [0, 300, 0],
    [33, 1, 34],
    [14_123_000, 300, 14_546_690],
    [MAX_PRICE_E4, 300, 103_000_000_000],
    [MAX_PRICE_E4 - 1, 1, 100_009_999_999],
  ])('%p and %p of them is %p', (priceE4, basisPoints, sum) =>
    expect(addBasisPointsRoundedUp(priceE4, basisPoints)).toBe(sum),
  );

  it('is rounded up, by less than 1/10,000 rupee', () =>
    fc.assert(
      fc.property(fc.nat(MAX_PRICE_E4), fc.nat(10_000), (priceE4, basisPoints) => {
        const exact = BigInt(priceE4) * BigInt(10_000 + basisPoints);
        const sum = BigInt(addBasisPointsRoundedUp(priceE4, basisPoints)) * 10_000n;
        expect(sum >= exact && sum - exact < 10_000n).toBe(true);
      }),
    ));
});
