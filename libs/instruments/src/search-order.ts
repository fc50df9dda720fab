import type { Instrument } from '#domain/instruments/instrument';

/**
 * The one order in which results are shown, whatever was asked: what people mean most often comes first. The order of
 * two instruments never depends on the query, so results do not change places while somebody types.
 */
enum Class {
  IndexWithContracts,
  /** Series EQ on NSE, with futures and options on it: the liquid names. */
  ShareWithContracts,
  IndexFuture,
  CommodityFuture,
  /** The same share on the other exchange, or in another series. */
  TwinOfShareWithContracts,
  Share,
  OtherShare,
  Index,
  Fund,
  Future,
  OtherSecurity,
  Option,
  Spot,
}

/** An Indian ISIN whose security type is 01: an ordinary share or a fund unit. */
const ORDINARY = /^IN[A-Z0-9]{5}01/;

export interface OrderOptions {
  /** What an underlying costs, 1/10,000 rupee: strikes near it come first. Where it is not known, small strikes do. */
  readonly priceE4Of?: ((underlyingSymbol: string) => number | undefined) | undefined;
}

/** An instrument with everything its place depends on. */
interface Placed {
  readonly instrument: Instrument;
  readonly class: Class;
  /** Of contracts, as a number that grows with time. */
  readonly expiry: number;
  /** Underlyings, and indices that are some, in the order of their own places: indices, then shares. */
  readonly underlying: number;
  readonly distance: number;
}

/** A contract is monthly when none of its underlying expires later in the same month. */
export type IsMonthly = (contract: Instrument) => boolean;

export const monthly = (instruments: readonly Instrument[]): IsMonthly => {
  const last = new Map<string, string>();
  const nameOf = ({ segment, underlyingSymbol = '' }: Instrument, expiry: string): string =>
    `${segment} ${underlyingSymbol} ${expiry.slice(0, 7)}`;
  for (const instrument of instruments) {
    const { expiry } = instrument;
    if (expiry === undefined) continue;
    const name = nameOf(instrument, expiry);
    if (expiry > (last.get(name) ?? '')) last.set(name, expiry);
  }
  return (contract) => contract.expiry !== undefined && last.get(nameOf(contract, contract.expiry)) === contract.expiry;
};

/** Puts instruments into the order of results, a part at a time: `rest` is awaited in between. */
export const inOrder = async (
  instruments: readonly Instrument[],
  { priceE4Of = () => undefined }: OrderOptions,
  rest: () => Promise<void>,
): Promise<Instrument[]> => {
  const underlyings = new Map<string, number>();
  for (const { underlyingSymbol } of instruments)
    if (underlyingSymbol !== undefined) underlyings.set(underlyingSymbol, (underlyings.get(underlyingSymbol) ?? 0) + 1);
  const indices = new Set<string>();
  for (const { instrumentType, tradingSymbol } of instruments)
    if (instrumentType === 'INDEX' && underlyings.has(tradingSymbol)) indices.add(tradingSymbol);
  // Of indices the one with most contracts is the one that is traded most; of shares it is only the one with the finest strikes.
  const contracts = (symbol: string): number => (indices.has(symbol) ? (underlyings.get(symbol) ?? 0) : 0);
  const ranks = new Map(
    [...underlyings.keys()]
      .sort((a, b) => contracts(b) - contracts(a) || a.length - b.length || compareText(a, b))
      .map((symbol, rank) => [symbol, rank]),
  );
  const classOf = (instrument: Instrument): Class => {
    const { instrumentType, tradingSymbol, underlyingSymbol = '', expiry, exchange, segment, isin = '' } = instrument;
    if (expiry !== undefined) {
      if (instrumentType !== 'FUT') return Class.Option;
      if (segment === 'MCX_FO') return Class.CommodityFuture;
      return indices.has(underlyingSymbol) ? Class.IndexFuture : Class.Future;
    }
    if (instrumentType === 'INDEX') return indices.has(tradingSymbol) ? Class.IndexWithContracts : Class.Index;
    if (instrumentType === 'COM') return Class.Spot;
    if (isin.startsWith('INF')) return Class.Fund;
    if (!ORDINARY.test(isin)) return Class.OtherSecurity;
    const isMain = exchange === 'NSE' && instrumentType === 'EQ';
    if (underlyings.has(tradingSymbol)) return isMain ? Class.ShareWithContracts : Class.TwinOfShareWithContracts;
    return isMain ? Class.Share : Class.OtherShare;
  };
  await rest();
  const byClass = new Map<Class, Placed[]>();
  for (const instrument of instruments) {
    const { underlyingSymbol = '', tradingSymbol, instrumentType, strikeE4 = 0, expiry = '' } = instrument;
    const priceE4 = strikeE4 === 0 ? undefined : priceE4Of(underlyingSymbol);
    const placed: Placed = {
      instrument,
      class: classOf(instrument),
      expiry: Number(expiry.replaceAll('-', '')),
      underlying: ranks.get(instrumentType === 'INDEX' ? tradingSymbol : underlyingSymbol) ?? 0,
      distance: priceE4 === undefined ? strikeE4 : Math.abs(strikeE4 - priceE4),
    };
    const others = byClass.get(placed.class);
    if (others === undefined) byClass.set(placed.class, [placed]);
    else others.push(placed);
  }
  const ordered: Instrument[] = [];
  for (const [, group] of [...byClass].sort(([a], [b]) => a - b)) {
    await rest();
    group.sort(compare);
    for (const { instrument } of group) ordered.push(instrument);
  }
  return ordered;
};

const compare = (a: Placed, b: Placed): number =>
  a.expiry - b.expiry || a.underlying - b.underlying || a.distance - b.distance || byName(a.instrument, b.instrument);

const byName = (a: Instrument, b: Instrument): number =>
  a.tradingSymbol.length - b.tradingSymbol.length || compareText(a.symbol, b.symbol);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
