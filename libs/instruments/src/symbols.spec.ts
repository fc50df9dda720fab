import fc from 'fast-check';

import type { Instrument } from '#domain/instruments/instrument';

import { contractSymbol, printedStrike, withUniqueSymbols } from './symbols';

const instrument = (symbol: string, instrumentType: string, exchangeToken: string, isin?: string): Instrument => ({
  instrumentKey: `NSE_EQ|${exchangeToken}`,
  validFrom: '2026-01-02',
  symbol,
  tradingSymbol: symbol.slice(4),
  name: symbol,
  exchange: 'NSE',
  segment: 'NSE_EQ',
  instrumentType,
  exchangeToken,
  ...(isin !== undefined && { isin }),
});
const symbols = (...instruments: Instrument[]) => withUniqueSymbols(instruments).map(({ symbol }) => symbol);

it.each([
  [260_000_000, '26000'],
  [913_750, '91.375'],
  [1_007_500, '100.75'],
  [25, '0.0025'],
])('a strike of %i is printed as %s', (strikeE4, printed) => {
  expect(printedStrike(strikeE4)).toBe(printed);
});

it('a contract is named like the exchange names it', () => {
  const nifty = { underlyingSymbol: 'NIFTY', expiry: '2026-01-27' } as const;
  expect(contractSymbol('NSE', { ...nifty, instrumentType: 'FUT' })).toBe('NSE:NIFTY FUT 27 JAN 26');
  expect(contractSymbol('NSE', { ...nifty, instrumentType: 'PE', strikeE4: 260_000_000 })).toBe(
    'NSE:NIFTY 26000 PE 27 JAN 26',
  );
});

describe('instruments that share a trading symbol', () => {
  it('leave the bare name to the EQ series', () =>
    expect(
      symbols(
        instrument('NSE:RADIOCITY', 'P1', '15082', 'INE919I04010'),
        instrument('NSE:RADIOCITY', 'EQ', '19877', 'INE919I01024'),
      ),
    ).toEqual(['NSE:RADIOCITY-P1', 'NSE:RADIOCITY']));

  it('leave it to the one ordinary share where there is no EQ series', () =>
    expect(
      symbols(instrument('NSE:X', 'BE', '1', 'INE919I01024'), instrument('NSE:X', 'W1', '2', 'INE919I13010')),
    ).toEqual(['NSE:X', 'NSE:X-W1']));

  it('all append their series where none comes first', () =>
    expect(symbols(instrument('NSE:IMC1', 'N0', '1'), instrument('NSE:IMC1', 'N1', '2'))).toEqual([
      'NSE:IMC1-N0',
      'NSE:IMC1-N1',
    ]));

  it('append their exchange token where even the series is the same', () =>
    expect(symbols(instrument('NSE:875PFL26', 'F', '974653'), instrument('NSE:875PFL26', 'F', '974785'))).toEqual([
      'NSE:875PFL26-974653',
      'NSE:875PFL26-974785',
    ]));

  it('do not take a name that another instrument has by itself', () =>
    expect(
      symbols(instrument('NSE:X', 'EQ', '1'), instrument('NSE:X', 'P1', '2'), instrument('NSE:X-P1', 'EQ', '3')),
    ).toEqual(['NSE:X', 'NSE:X-2', 'NSE:X-P1']));

  it('are told apart ignoring case', () =>
    expect(symbols(instrument('NSE:Abc', 'EQ', '1'), instrument('NSE:ABC', 'INDEX', '2'))).toEqual([
      'NSE:Abc',
      'NSE:ABC-INDEX',
    ]));

  it('always end up with symbols of their own', () => {
    const any = fc.record({
      name: fc.constantFrom('A', 'a', 'B', 'A-P1', 'A-1', 'A-EQ', 'B-2'),
      series: fc.constantFrom('EQ', 'P1', 'N0'),
      isin: fc.constantFrom('INE919I01024', 'INE919I04010', undefined),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (rows) => {
        const named = symbols(
          ...rows.map(({ name, series, isin }, i) => instrument(`NSE:${name}`, series, String(i), isin)),
        );
        expect(new Set(named.map((symbol) => symbol.toUpperCase())).size).toBe(rows.length);
      }),
    );
  });
});
