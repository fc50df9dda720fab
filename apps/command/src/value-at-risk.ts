import type { Account } from '#domain/accounts/account';
import type { UnderlyingFacts } from '#domain/instruments/facts';
import type { Instrument } from '#domain/instruments/instrument';
import type { Missing } from '#domain/margin/contract-risk';
import { historicalVar, parametricVar, replayedE4, type RiskFactor, type Session } from '#domain/margin/value-at-risk';
import { dayOfMs, secondOfMs } from '#domain/market/ist';
import type { PhaseClass } from '#domain/market/phases';
import { valueOf } from '#domain/money';
import type { OrderTerms, Side } from '#domain/orders/order';
import type { ValueAtRisk } from '#domain/risk/context';
import type { Limits } from '#domain/risk/limits';
import type { Broker } from '#brokers/broker';
import type { MarketDay } from './market-day';

type Rule = NonNullable<Limits['intradayVar']>;

/** An order on top of what an account holds and has asked for. */
interface Asked {
  readonly orderId: string;
  readonly instrument: Instrument;
  readonly side: Side;
  readonly terms: OrderTerms;
}

/**
 * What an account may lose until its market closes, with everything that it has asked for filled: without an order, and with
 * it. Options count with their delta. Says what is missing where a price, a volatility or a past return is not known.
 */
export const valueAtRiskOf = (
  rule: Rule,
  account: Account,
  asked: Asked,
  day: MarketDay,
  market: Broker,
): ValueAtRisk | Missing => {
  const units = new Map<string, number>();
  const add = (instrumentKey: string, quantity: number): void => {
    units.set(instrumentKey, (units.get(instrumentKey) ?? 0) + quantity);
  };
  for (const { instrumentKey, quantity } of account.positions.values()) add(instrumentKey, quantity);
  for (const { orderId, instrumentKey, side, remainingQuantity } of account.reservations.values())
    if (orderId !== asked.orderId) add(instrumentKey, side === 'BUY' ? remainingQuantity : -remainingQuantity);
  const before = riskOf(rule, units, asked.instrument, day, market);
  if ('missing' in before) return before;
  const leaves = asked.terms.quantity - (account.postedQuantities.get(asked.orderId) ?? 0);
  add(asked.instrument.instrumentKey, asked.side === 'BUY' ? leaves : -leaves);
  const after = riskOf(rule, units, asked.instrument, day, market);
  if ('missing' in after) return after;
  const { method, confidenceBp, source } = after;
  return { beforeE4: before.valueAtRiskE4, afterE4: after.valueAtRiskE4, method, confidenceBp, source };
};

const riskOf = (
  { method, confidenceBp }: Rule,
  units: ReadonlyMap<string, number>,
  instrument: Instrument,
  day: MarketDay,
  market: Broker,
) => {
  const exposures = new Map<string, { exposureE4: number; underlying: UnderlyingFacts }>();
  for (const [instrumentKey, quantity] of units) {
    if (quantity === 0) continue;
    const found = exposureOf(instrumentKey, quantity, day, market);
    if ('missing' in found) return found;
    const { symbol } = found.underlying;
    const exposureE4 = (exposures.get(symbol)?.exposureE4 ?? 0) + found.exposureE4;
    exposures.set(symbol, { exposureE4, underlying: found.underlying });
  }
  const factors = [...exposures.values()];
  return method === 'parametric'
    ? parametric(factors, confidenceBp, sessionOf(instrument, day, market.marketNowMs()))
    : historical(factors, confidenceBp);
};

interface Factor {
  readonly exposureE4: number;
  readonly underlying: UnderlyingFacts;
}

const parametric = (factors: readonly Factor[], confidenceBp: number, session: Session) => {
  const known: RiskFactor[] = [];
  const days: string[] = [];
  for (const { exposureE4, underlying } of factors) {
    if (!underlying.dailySigma) return { missing: `the volatility of ${underlying.symbol}` };
    days.push(`${underlying.dailySigma.source} of ${underlying.dailySigma.effectiveFrom}`);
    known.push({ name: underlying.symbol, exposureE4, dailySigmaMillionths: underlying.dailySigma.millionths });
  }
  const source = [...new Set(days)].sort().join(', ');
  // Nobody tells us correlations: what is not known moves so that it hurts most.
  return parametricVar({ factors: known, correlationBp: () => undefined, confidenceBp, session, source });
};

const historical = (factors: readonly Factor[], confidenceBp: number) => {
  const columns: (readonly number[])[] = [];
  for (const { underlying } of factors) {
    if (!underlying.returns) return { missing: `past returns of ${underlying.symbol}` };
    columns.push(underlying.returns.millionths);
  }
  const length = Math.min(...columns.map((column) => column.length));
  const rows =
    columns.length === 0 ? [[]] : Array.from({ length }, (_, n) => columns.map((of) => of.at(n - length) ?? 0));
  const profitsE4 = replayedE4(
    factors.map(({ exposureE4 }) => exposureE4),
    rows,
  );
  if ('missing' in profitsE4) return profitsE4;
  const source = `${String(length)} past returns`;
  return historicalVar({ profitsE4, confidenceBp, horizon: '1 day', source });
};

/** What a position moves with, and by how many rupees of it. */
const exposureOf = (instrumentKey: string, quantity: number, day: MarketDay, market: Broker): Factor | Missing => {
  const instrument = day.files.resolve(instrumentKey);
  if (!instrument) return { missing: `the instrument ${instrumentKey}` };
  const symbol = instrument.underlyingSymbol ?? instrument.tradingSymbol;
  const underlying = day.files.facts.underlying(symbol);
  if (!underlying) return { missing: `the volatility of ${symbol}` };
  if (instrument.expiry === undefined) {
    const priceE4 = market.lastPriceE4(instrumentKey) ?? day.factsOf(instrumentKey).previousClose?.priceE4;
    return priceE4 === undefined
      ? { missing: `a price of ${instrument.symbol}` }
      : { exposureE4: valueOf(priceE4, quantity), underlying };
  }
  const risk = day.riskOf(instrument);
  if ('missing' in risk) return risk;
  const whole = valueOf(risk.underlyingPriceE4, quantity);
  return { exposureE4: Math.round((whole / 1_000_000) * risk.deltaMillionths), underlying };
};

const PHASE_CLASS = (instrument: Instrument, hasDerivatives: boolean): PhaseClass => {
  if (instrument.expiry === undefined) return hasDerivatives ? 'cash-closing-auction' : 'cash';
  return instrument.instrumentType === 'FUT' ? 'future' : 'option';
};

/** What is left of continuous trading in an instrument's market today. */
const sessionOf = (instrument: Instrument, day: MarketDay, atMs: number): Session => {
  const phaseClass = PHASE_CLASS(instrument, day.factsOf(instrument.instrumentKey).hasDerivatives !== undefined);
  const { windows } = day.corrections.calendar.planOf(instrument.exchange, phaseClass, dayOfMs(atMs));
  const second = secondOfMs(atMs);
  let [sessionMinutes, minutesLeft] = [0, 0];
  for (const { phase, start, end } of windows) {
    if (phase !== 'continuous') continue;
    sessionMinutes += (end - start) / 60;
    minutesLeft += Math.max(0, end - Math.max(start, second)) / 60;
  }
  return { sessionMinutes, minutesLeft };
};
