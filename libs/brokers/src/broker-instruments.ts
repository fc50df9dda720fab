import type { Instrument } from '#domain/instruments/instrument';
import type { Catalogue } from '#instruments/catalogue';
import type { BrokerInstrument, BrokerInstruments, BrokerName } from './client';

/**
 * Today's instruments as one broker names them: Upstox by instrument key, as we do; the others as their master files
 * say, as far as these were loaded. Shares that a master file leaves out are named by the exchange's own symbol and
 * token, as these brokers name shares; a name that is wrong names nothing, and the broker says so. Contracts are never
 * named by rule.
 */
export const instrumentsOf = (broker: BrokerName, catalogue: Catalogue): BrokerInstruments => {
  const byRule = broker === 'upstox' ? new Map<string, Instrument>() : namedByRule(broker, catalogue.instruments);
  const ownerOf = (symbol: string): Instrument | undefined =>
    catalogue.resolveBroker(broker, symbol) ?? byRule.get(symbol);
  const nameOf = (instrument: Instrument): Name | undefined => {
    if (broker === 'upstox') return { symbol: instrument.instrumentKey, token: instrument.instrumentKey };
    const listed = catalogue.listingOf(broker, instrument.instrumentKey);
    if (listed) return listed;
    const name = shareName(broker, instrument);
    return name && ownerOf(name.symbol)?.instrumentKey === instrument.instrumentKey ? name : undefined;
  };
  const named = (instrument: Instrument): BrokerInstrument | undefined => {
    const { instrumentKey, exchange, segment, lotSize } = instrument;
    const name = nameOf(instrument);
    if (!name) return undefined;
    const { symbol, token } = name;
    return { instrumentKey, exchange, segment, symbol, token, ...(lotSize !== undefined && { lotSize }) };
  };
  return {
    of: (instrumentKey) => {
      const instrument = catalogue.resolve(instrumentKey);
      return instrument?.instrumentKey === instrumentKey ? named(instrument) : undefined;
    },
    bySymbol: (symbol) => {
      const instrument = ownerOf(symbol);
      const found = instrument && named(instrument);
      return found?.symbol === symbol ? found : undefined;
    },
  };
};

/** A name that the rule would give to two instruments is given to neither: an order must not go to the other one. */
const namedByRule = (
  broker: Exclude<BrokerName, 'upstox'>,
  instruments: readonly Instrument[],
): ReadonlyMap<string, Instrument> => {
  const byRule = new Map<string, Instrument>();
  const ambiguous = new Set<string>();
  for (const instrument of instruments) {
    const name = shareName(broker, instrument);
    if (!name) continue;
    if (byRule.has(name.symbol)) ambiguous.add(name.symbol);
    byRule.set(name.symbol, instrument);
  }
  for (const symbol of ambiguous) byRule.delete(symbol);
  return byRule;
};

interface Name {
  readonly symbol: string;
  readonly token: string;
}

/** Kite's numbers of the cash segments, the low byte of its tokens. */
const KITE_SEGMENT: Readonly<Partial<Record<Instrument['segment'], number>>> = { NSE_EQ: 1, BSE_EQ: 4 };

/** What Fyers puts before the exchange's token: exchange, segment, and the expiry that a share does not have. */
const FYERS_NSE_SHARES = '1010000000';

/** How a broker names a share: the exchange's symbol, with its series where that says something. */
const shareName = (
  broker: Exclude<BrokerName, 'upstox'>,
  { exchange, segment, tradingSymbol, instrumentType, exchangeToken }: Instrument,
): Name | undefined => {
  const kiteSegment = KITE_SEGMENT[segment];
  if (kiteSegment === undefined) return undefined;
  if (broker === 'zerodha')
    return {
      symbol: `${exchange}:${tradingSymbol}${instrumentType === 'EQ' || exchange === 'BSE' ? '' : `-${instrumentType}`}`,
      token: String(BigInt(exchangeToken) * 256n + BigInt(kiteSegment)),
    };
  // Fyers and Angel One add the series at NSE; what they do at BSE differs by group, so their files must say.
  if (exchange !== 'NSE') return undefined;
  const token = broker === 'fyers' ? `${FYERS_NSE_SHARES}${exchangeToken}` : exchangeToken;
  return { symbol: `NSE:${tradingSymbol}-${instrumentType}`, token };
};
