import { type Account, accountBy, availableE4 } from '#domain/accounts/account';
import { type Charges, NO_CHARGES, plusCharges } from '#domain/charges/charges';
import { fold } from '#domain/decider';
import type { Instrument } from '#domain/instruments/instrument';
import type { IntentLine } from '#domain/intents/intent';
import { cashMarginBp } from '#domain/margin/cash';
import { groupMargin, type GroupMargin, type Leg } from '#domain/margin/portfolio';
import { basisPointsOfRoundedUp, E4_PER_RUPEE, valueOf } from '#domain/money';
import { marginPriceE4 } from '#domain/risk/margin-price';
import type { Broker } from '#brokers/broker';
import { istDay } from '#brokers/fields';
import { isPooled, type MarketDay } from './market-day';
import { marginShareOf } from './risk-desk';

/** One order of a basket, at the price it would be judged at. */
export interface PricedLine {
  readonly line: IntentLine;
  readonly instrument: Instrument;
  readonly broker: Broker;
  readonly priceE4: number;
}

/** What is not known of a line, for a client to be told which. */
export interface Unpriced {
  readonly line: IntentLine;
  readonly missing: string;
}

/** The line at its own price, or at the market's with the collar: as it would be margined. */
export const priced = (line: IntentLine, broker: Broker, instrument: Instrument): PricedLine | Unpriced => {
  const lastPriceE4 = broker.lastPriceE4(line.instrumentKey);
  const priceE4 = marginPriceE4(line, {
    side: line.side,
    tradingDate: istDay(broker.marketNowMs()),
    ...(lastPriceE4 !== undefined && { lastPriceE4 }),
  });
  return priceE4 === undefined ? { line, missing: 'a price' } : { line, instrument, broker, priceE4 };
};

/** What each order costs by itself, and all of them. */
export const chargesOf = (
  orders: readonly PricedLine[],
  day: MarketDay,
): { readonly lines: readonly Charges[]; readonly total: Charges } | Unpriced => {
  const lines: Charges[] = [];
  for (const { line, instrument, broker, priceE4 } of orders) {
    const { side, product, quantity } = line;
    const charges = day.chargesOf(instrument, { broker: broker.name, side, product, quantity, priceE4 });
    if (!charges) return { line, missing: `what ${instrument.symbol} costs as ${product} at ${broker.name}` };
    lines.push(charges);
  }
  return { lines, total: lines.reduce(plusCharges, NO_CHARGES) };
};

export interface BasketMargin {
  readonly availableE4: number;
  /** What each order would need were it alone. */
  readonly aloneE4: readonly number[];
  /** What would be held for all of them while they are open: enough whichever of them fill. */
  readonly toReserveE4: number;
  /** What would be posted more than now once all of them have filled. */
  readonly onceFilledE4: number;
  /** `aloneE4` together, less what they need once filled: what they save each other. */
  readonly benefitE4: number;
  /** By underlying: positions and basket together. */
  readonly groups: ReadonlyMap<string, GroupMargin>;
}

/** More than anybody has: a basket is priced whether or not it can be afforded. */
const PLENTY_E4 = 10_000_000_000 * E4_PER_RUPEE;

/** What an account would need for a basket, on top of what it holds and has asked for. */
export const basketMargin = (
  account: Account,
  orders: readonly PricedLine[],
  day: MarketDay,
): BasketMargin | Unpriced => {
  const decider = accountBy(day.rules);
  const rich: Account = { ...account, cashE4: account.cashE4 + PLENTY_E4 };
  const needed = (before: Account, { line, instrument, priceE4 }: PricedLine): Account | Unpriced => {
    const share = marginShareOf(line, instrument, day);
    if ('missing' in share) return { line, missing: share.missing };
    const { orderId, instrumentKey, product, side, quantity } = line;
    const events = decider.decide(
      {
        type: 'ReserveMargin',
        data: {
          orderId,
          instrumentKey,
          product,
          side,
          quantity,
          marginPriceE4: priceE4,
          ...(share.marginBp !== undefined && { marginBp: share.marginBp }),
        },
      },
      before,
    );
    return fold(decider, before, events);
  };
  const aloneE4: number[] = [];
  let together = rich;
  for (const one of orders) {
    const alone = needed(rich, one);
    if ('missing' in alone) return alone;
    aloneE4.push(heldE4(alone) - heldE4(rich));
    const next = needed(together, one);
    if ('missing' in next) return next;
    together = next;
  }
  const filled = filledE4(account, orders, day);
  if ('missing' in filled) return filled;
  return {
    availableE4: availableE4(account),
    aloneE4,
    toReserveE4: heldE4(together) - heldE4(rich),
    onceFilledE4: filled.onceFilledE4,
    benefitE4: aloneE4.reduce((sum, one) => sum + one, 0) - filled.onceFilledE4,
    groups: filled.groups,
  };
};

const heldE4 = ({ reservedE4, postedE4 }: Account): number => reservedE4 + postedE4;

/** What is posted more once everything has filled: shares by their part of the value, contracts by their groups. */
const filledE4 = (
  account: Account,
  orders: readonly PricedLine[],
  day: MarketDay,
): { onceFilledE4: number; groups: ReadonlyMap<string, GroupMargin> } | Unpriced => {
  const basket = new Map<string, Leg[]>();
  let onceFilledE4 = 0;
  for (const { line, instrument, priceE4 } of orders) {
    const signed = line.side === 'BUY' ? line.quantity : -line.quantity;
    if (isPooled(instrument)) {
      const risk = day.riskOf(instrument);
      if ('missing' in risk) return { line, missing: risk.missing };
      basket.set(risk.underlying, [...(basket.get(risk.underlying) ?? []), { risk, quantity: signed }]);
      // The price of an option that is bought is paid.
      if (line.side === 'BUY' && instrument.instrumentType !== 'FUT') onceFilledE4 += valueOf(priceE4, line.quantity);
      continue;
    }
    const held = account.positions.get(`${line.instrumentKey}/${line.product}`)?.quantity ?? 0;
    const opens = Math.max(0, Math.abs(held + signed) - Math.abs(held));
    const { product, side } = line;
    const facts = day.factsOf(instrument.instrumentKey);
    const { calendar, margin } = day.corrections;
    const { surveillance } = calendar;
    const cash = cashMarginBp({ instrument, product, side, facts, date: day.date, surveillance }, margin);
    if ('missing' in cash) return { line, missing: cash.missing };
    onceFilledE4 += basisPointsOfRoundedUp(valueOf(priceE4, opens), cash.marginBp);
  }
  const groups = new Map<string, GroupMargin>();
  for (const [underlying, legs] of basket) {
    const units = [...account.positions.values()].filter(
      ({ instrumentKey, quantity }) => quantity !== 0 && day.rules.contractOf(instrumentKey)?.group === underlying,
    );
    const positions = day.legsOf(units);
    const [first] = orders.filter(({ instrument }) => instrument.underlyingSymbol === underlying);
    if (!positions) {
      if (!first) continue;
      return { line: first.line, missing: `the risk parameters of a position on ${underlying}` };
    }
    const after = groupMargin([...positions, ...legs]);
    onceFilledE4 += after.totalE4 - groupMargin(positions).totalE4;
    groups.set(underlying, after);
  }
  return { onceFilledE4, groups };
};
