import type { Exchange, Instrument } from '#domain/instruments/instrument';

import { MONTHS } from './row';
import type { DerivativeType } from './segments';

/** What makes two derivative contracts the same one, whatever number an exchange or a broker gave them. */
export interface Contract {
  readonly underlyingSymbol: string;
  readonly instrumentType: DerivativeType;
  /** `YYYY-MM-DD` in IST. */
  readonly expiry: string;
  /** Absent for futures. */
  readonly strikeE4?: number;
}

/** `2026-01-27` as the day is printed in a contract's name: `27 JAN 26`. */
const printedExpiry = (expiry: string): string =>
  `${expiry.slice(8)} ${MONTHS[Number(expiry.slice(5, 7)) - 1] ?? '???'} ${expiry.slice(2, 4)}`;

/** A strike as exchanges print it, without needless zeros: 26000, 91.375. */
export const printedStrike = (strikeE4: number): string => {
  const fraction = String(strikeE4 % 10_000)
    .padStart(4, '0')
    .replace(/0+$/, '');
  return `${String(Math.floor(strikeE4 / 10_000))}${fraction && `.${fraction}`}`;
};

/** Canonical name of a derivative: `NSE:NIFTY FUT 27 JAN 26`, `NSE:NIFTY 26000 CE 27 JAN 26`. */
export const contractSymbol = (
  exchange: Exchange,
  { underlyingSymbol, instrumentType, expiry, strikeE4 }: Contract,
): string => {
  const strike = strikeE4 === undefined ? '' : ` ${printedStrike(strikeE4)}`;
  return `${exchange}:${underlyingSymbol}${strike} ${instrumentType} ${printedExpiry(expiry)}`;
};

/** An Indian ISIN whose security type is 01: an ordinary share or a fund unit, not a right, a bond or a warrant. */
const ORDINARY_ISIN = /^IN[A-Z0-9]{5}01/;

const claim = ({ instrumentType, isin }: Instrument): number =>
  instrumentType === 'EQ' ? 0 : isin !== undefined && ORDINARY_ISIN.test(isin) ? 1 : 2;

/**
 * Gives every instrument of one day a symbol of its own, ignoring case. Where several share a trading symbol (a share
 * and its partly paid twin, an index and a fund named after it) the bare name belongs to the EQ series, else to the
 * one ordinary share among them; the others append their series, `NSE:RADIOCITY-P1`, and where even that is shared,
 * their exchange token. Instrument keys must be unique.
 */
export const withUniqueSymbols = (instruments: readonly Instrument[]): Instrument[] => {
  const sharing = new Map<string, Instrument[]>();
  for (const instrument of instruments) {
    const symbol = instrument.symbol.toUpperCase();
    const others = sharing.get(symbol);
    if (others === undefined) sharing.set(symbol, [instrument]);
    else others.push(instrument);
  }
  const renamed = new Map<string, string>();
  const taken = new Set(sharing.keys());
  for (const group of sharing.values()) {
    if (group.length === 1) continue;
    const winner = holderOfBareName(group);
    for (const instrument of group) {
      if (instrument === winner) continue;
      const symbol = suffixes(instrument, group)
        .map((suffix) => `${instrument.symbol}-${suffix}`)
        .find((name) => !taken.has(name.toUpperCase()));
      if (symbol === undefined)
        throw new Error(`no symbol left for ${instrument.instrumentKey}: instrument keys repeat`);
      taken.add(symbol.toUpperCase());
      renamed.set(instrument.instrumentKey, symbol);
    }
  }
  return instruments.map((instrument) => {
    const symbol = renamed.get(instrument.instrumentKey);
    return symbol === undefined ? instrument : { ...instrument, symbol };
  });
};

const holderOfBareName = (group: readonly Instrument[]): Instrument | undefined => {
  const best = Math.min(...group.map(claim));
  const claimants = group.filter((instrument) => claim(instrument) === best);
  return best < 2 && claimants.length === 1 ? claimants[0] : undefined;
};

const suffixes = (
  { instrumentType, exchangeToken, instrumentKey }: Instrument,
  group: readonly Instrument[],
): string[] => {
  const alone = group.filter((other) => other.instrumentType === instrumentType).length === 1;
  return [...(alone ? [instrumentType] : []), exchangeToken, instrumentKey];
};
