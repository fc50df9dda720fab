import type { Instrument, Segment } from '#domain/instruments/instrument';

import type { Contract } from '../symbols';
import { contractKey } from './rows';

/** The day's instruments, as `Catalogue` has them. */
export interface InstrumentSource {
  readonly instruments: readonly Instrument[];
}

/** Sources that do not print the series of a share. */
const UNKNOWN_SERIES = 'EQUITY';

/** Finds instruments by what reference files call them. Contracts that have expired are not found. */
export class InstrumentIndex {
  /** Instruments of which the master itself says more than its terms. */
  readonly withMasterFacts: readonly Instrument[];
  private readonly keys = new Map<string, Instrument>();
  private readonly shares = new Map<string, Instrument>();
  private readonly tokens = new Map<string, Instrument>();
  private readonly contracts = new Map<string, Instrument>();
  private readonly byUnderlying = new Map<string, Instrument[]>();
  private readonly byIsin = new Map<string, Instrument[]>();
  private readonly kinds = new Map<string, 'index' | 'stock'>();

  constructor(instruments: readonly Instrument[], date: string) {
    for (const instrument of instruments) this.add(instrument, date);
    this.withMasterFacts = instruments.filter(
      ({ funded, securityType }) => funded !== undefined || securityType === 'PCA' || securityType === 'IPO',
    );
  }

  byKey(instrumentKey: string): Instrument | undefined {
    return this.keys.get(instrumentKey);
  }

  byToken(segment: Segment, token: string): Instrument | undefined {
    return this.tokens.get(`${segment}|${token}`);
  }

  /** The share of this symbol, in the first of these series that it is listed in. */
  share(segment: Segment, symbol: string, series: readonly string[]): Instrument | undefined {
    for (const each of [...series, UNKNOWN_SERIES]) {
      const found = this.shares.get(`${segment}|${symbol}|${each}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  contract(segment: Segment, contract: Contract): Instrument | undefined {
    return this.contracts.get(`${segment}|${contractKey(contract)}`);
  }

  contractsOn(segment: Segment, underlyingSymbol: string): readonly Instrument[] {
    return this.byUnderlying.get(`${segment}|${underlyingSymbol}`) ?? [];
  }

  /** Whether any live contract is on it. */
  isUnderlying(symbol: string): boolean {
    return this.byUnderlying.has(symbol);
  }

  /** Whether it is an index or a share, as far as the master says. */
  kindOf(symbol: string): 'index' | 'stock' | undefined {
    return this.kinds.get(symbol) ?? (this.share('NSE_EQ', symbol, ['EQ']) === undefined ? undefined : 'stock');
  }

  /** Every listing of a share that contracts are on, at either exchange, with one of the contracts. */
  get sharesWithDerivatives(): readonly { readonly share: Instrument; readonly contract: Instrument }[] {
    return [...this.byUnderlying].flatMap(([key, [contract]]) => {
      if (contract?.underlyingSymbol !== key || this.kinds.get(key) === 'index') return [];
      const share = this.share('NSE_EQ', key, ['EQ', 'BE']) ?? this.share('BSE_EQ', key, ['A', 'B']);
      const isin = share?.isin;
      const listings = isin === undefined ? [] : (this.byIsin.get(isin) ?? []);
      return listings.map((share) => ({ share, contract }));
    });
  }

  private add(instrument: Instrument, date: string): void {
    const { instrumentKey, segment, exchangeToken, tradingSymbol, instrumentType, isin } = instrument;
    this.keys.set(instrumentKey, instrument);
    this.tokens.set(`${segment}|${exchangeToken}`, instrument);
    if (segment === 'NSE_EQ' || segment === 'BSE_EQ') {
      this.shares.set(`${segment}|${tradingSymbol}|${instrumentType}`, instrument);
      if (isin !== undefined) push(this.byIsin, isin, instrument);
    }
    this.addContract(instrument, date);
  }

  private addContract(instrument: Instrument, date: string): void {
    const { segment, instrumentType, underlyingSymbol, expiry, strikeE4, underlyingKind } = instrument;
    if (underlyingSymbol === undefined || expiry === undefined || expiry < date) return;
    if (underlyingKind !== undefined) this.kinds.set(underlyingSymbol, underlyingKind);
    this.contracts.set(
      `${segment}|${underlyingSymbol}|${instrumentType}|${expiry}|${String(strikeE4 ?? '')}`,
      instrument,
    );
    push(this.byUnderlying, `${segment}|${underlyingSymbol}`, instrument);
    push(this.byUnderlying, underlyingSymbol, instrument);
  }
}

const push = (map: Map<string, Instrument[]>, key: string, instrument: Instrument): void => {
  const list = map.get(key);
  if (list === undefined) map.set(key, [instrument]);
  else list.push(instrument);
};
