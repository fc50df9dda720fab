import type { Exchange, Instrument, Segment } from '../instruments/instrument';

export type CashKind = 'equity' | 'equity-etf' | 'other-etf';

export type ContractKind =
  | 'index-future'
  | 'stock-future'
  | 'index-option'
  | 'stock-option'
  | 'currency-future'
  | 'currency-option'
  | 'commodity-future'
  | 'commodity-option';

/** What charges depend on of a thing that is traded. */
export interface ChargedSecurity {
  readonly exchange: Exchange;
  readonly segment: Segment;
  readonly kind: CashKind | ContractKind;
  /** Series of NSE (`EQ`), group of BSE (`A`). */
  readonly group?: string;
  readonly underlyingSymbol?: string;
}

export const isCash = (kind: ChargedSecurity['kind']): kind is CashKind =>
  kind === 'equity' || kind === 'equity-etf' || kind === 'other-etf';

/**
 * Words by which masters name funds that are not equity oriented: metals, debt, cash. A fund that none of them names
 * counts as equity oriented, which is the dearer of the two.
 */
const NOT_EQUITY =
  /GOLD|SILV|SLVR|LIQ|GILT|BOND|BBETF|DEBT|G-?SEC|SDL|OVERNIGHT|MONEY MARKET|1DRATE|FIXED (?:TERM|HORIZON|MATURITY)/;

/** Digits 8 and 9 of an Indian company's ISIN that name debt: debentures, bonds, commercial paper, securitised loans. */
const DEBT = new Set(['07', '08', '09', '11', '14', '15', '24', 'A7']);

/** Indices with contracts on them, for masters that do not say what an underlying is. */
const INDICES = new Set(['NIFTY', 'BANKNIFTY', 'FINNIFTY', 'MIDCPNIFTY', 'NIFTYNXT50', 'SENSEX', 'BANKEX', 'SENSEX50']);

const CURRENCY_PAIR = /^[A-Z]{6}$/;

/**
 * How an instrument is charged, or `undefined` where no schedule is known: bonds and government paper, contracts on
 * interest rates, indices. `underlyingKind` is what a derivative is on, where the caller knows.
 */
export const chargedSecurityOf = (
  instrument: Instrument,
  underlyingKind?: 'index' | 'stock',
): ChargedSecurity | undefined => {
  const { exchange, segment, underlyingSymbol } = instrument;
  const kind = kindOf(instrument, underlyingKind);
  if (kind === undefined) return undefined;
  if (isCash(kind)) return { exchange, segment, kind, group: instrument.instrumentType };
  return { exchange, segment, kind, ...(underlyingSymbol !== undefined && { underlyingSymbol }) };
};

const kindOf = (
  instrument: Instrument,
  underlyingKind: 'index' | 'stock' | undefined,
): ChargedSecurity['kind'] | undefined => {
  const { segment, underlyingSymbol = '' } = instrument;
  switch (segment) {
    case 'NSE_EQ':
    case 'BSE_EQ':
      return cashKindOf(instrument);
    case 'NSE_FO':
    case 'BSE_FO': {
      const contract = contractOf(instrument);
      return contract && `${underlyingKind ?? (INDICES.has(underlyingSymbol) ? 'index' : 'stock')}-${contract}`;
    }
    case 'NCD_FO':
    case 'BCD_FO': {
      const contract = contractOf(instrument);
      return contract && CURRENCY_PAIR.test(underlyingSymbol) ? `currency-${contract}` : undefined;
    }
    case 'MCX_FO':
    case 'NSE_COM': {
      const contract = contractOf(instrument);
      return contract && `commodity-${contract}`;
    }
    case 'NSE_INDEX':
    case 'BSE_INDEX':
      return undefined;
  }
};

const contractOf = ({ instrumentType }: Instrument): 'future' | 'option' | undefined => {
  if (instrumentType === 'FUT') return 'future';
  return instrumentType === 'CE' || instrumentType === 'PE' ? 'option' : undefined;
};

/** An ISIN that names no debt is charged like a share, the dearest: rights, trusts and whatever is not known. */
const cashKindOf = ({ isin, instrumentKey, tradingSymbol, name }: Instrument): CashKind | undefined => {
  const code = isin ?? instrumentKey.slice(instrumentKey.indexOf('|') + 1);
  if (code.startsWith('INF'))
    return NOT_EQUITY.test(`${tradingSymbol} ${name}`.toUpperCase()) ? 'other-etf' : 'equity-etf';
  if (/^IN[0-4Y]/.test(code)) return undefined;
  return code.startsWith('INE') && DEBT.has(code.slice(7, 9)) ? undefined : 'equity';
};
