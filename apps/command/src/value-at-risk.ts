import type { Account } from '#domain/accounts/account';
import type { Sourced, UnderlyingFacts } from '#domain/instruments/facts';
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
  const factors = factorsOf(units, day, market);
  if ('missing' in factors) return factors;
  const { instrument, side, terms } = asked;
  const session = sessionOf(instrument, day, market.marketNowMs());
  const before = riskOf(rule, factors, session);
  if ('missing' in before) return before;
  const leaves = terms.quantity - (account.postedQuantities.get(asked.orderId) ?? 0);
  const held = units.get(instrument.instrumentKey) ?? 0;
  const moved = move(
    factors,
    instrument.instrumentKey,
    [held, held + (side === 'BUY' ? leaves : -leaves)],
    day,
    market,
  );
  if (moved) return moved;
  const after = riskOf(rule, factors, session);
  if ('missing' in after) return after;
  const { method, confidenceBp, source } = after;
  return { beforeE4: before.valueAtRiskE4, afterE4: after.valueAtRiskE4, method, confidenceBp, source };
};

/** By symbol: what moves, and by how many rupees of it the account does. */
type Factors = Map<string, Factor>;

const factorsOf = (units: ReadonlyMap<string, number>, day: MarketDay, market: Broker): Factors | Missing => {
  const factors: Factors = new Map();
  for (const [instrumentKey, quantity] of units) {
    const missing = move(factors, instrumentKey, [0, quantity], day, market);
    if (missing) return missing;
  }
  return factors;
};

/** So much is held of an instrument instead of so much. What nothing is held of needs no price. */
const move = (
  factors: Factors,
  instrumentKey: string,
  [from, to]: readonly [number, number],
  day: MarketDay,
  market: Broker,
): Missing | undefined => {
  for (const [quantity, sign] of [
    [from, -1],
    [to, 1],
  ] as const) {
    if (quantity === 0) continue;
    const found = exposureOf(instrumentKey, quantity, day, market);
    if ('missing' in found) return found;
    const { underlying } = found;
    const exposureE4 = (factors.get(underlying.symbol)?.exposureE4 ?? 0) + sign * found.exposureE4;
    if (exposureE4 === 0) factors.delete(underlying.symbol);
    else factors.set(underlying.symbol, { exposureE4, underlying });
  }
  return undefined;
};

const riskOf = ({ method, confidenceBp }: Rule, factors: Factors, session: Session) =>
  method === 'parametric'
    ? parametric([...factors.values()], confidenceBp, session)
    : historical([...factors.values()], confidenceBp);

interface Factor {
  readonly exposureE4: number;
  readonly underlying: UnderlyingFacts;
}

const parametric = (factors: readonly Factor[], confidenceBp: number, session: Session) => {
  const known: RiskFactor[] = [];
  for (const { exposureE4, underlying } of factors) {
    if (!underlying.dailySigma) return { missing: `the volatility of ${underlying.symbol}` };
    known.push({ name: underlying.symbol, exposureE4, dailySigmaMillionths: underlying.dailySigma.millionths });
  }
  const source = sourceOf(factors.flatMap(({ underlying }) => underlying.dailySigma ?? []));
  // Nobody tells us correlations: what is not known moves so that it hurts most.
  return parametricVar({ factors: known, correlationBp: () => undefined, confidenceBp, session, source });
};

/** Of one what its file says, of several how many and since when: an order that is judged must not carry a page of text. */
const sourceOf = (sigmas: readonly Sourced[]): string => {
  const [only] = sigmas;
  if (only && sigmas.length === 1) return `${only.source} of ${only.effectiveFrom}`;
  const oldest = sigmas.reduce(
    (day, { effectiveFrom }) => (day === '' || effectiveFrom < day ? effectiveFrom : day),
    '',
  );
  return sigmas.length === 0 ? '' : `${String(sigmas.length)} volatilities, the oldest of ${oldest}`;
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
