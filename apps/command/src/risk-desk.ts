import { type Account, accountBy, type AccountCommand, type AccountRules, availableE4 } from '#domain/accounts/account';
import type { Charges } from '#domain/charges/charges';
import { fold, Refused } from '#domain/decider';
import type { Instrument } from '#domain/instruments/instrument';
import { cashMarginBp } from '#domain/margin/cash';
import { amoWindow } from '#domain/market/amo';
import { isTradingAllowed, type TradingAnswer } from '#domain/market/trading-allowed';
import { SEGMENT_CLASS } from '#domain/market/venues';
import { toRupees } from '#domain/money';
import type { OrderDetails, OrderTerms } from '#domain/orders/order';
import { judge, passes } from '#domain/risk/checks';
import type { Exposure } from '#domain/risk/context';
import { exposureOf } from '#domain/risk/exposure';
import type { Halt } from '#domain/risk/limits';
import { marginPriceE4 } from '#domain/risk/margin-price';
import type { Verdict } from '#domain/risk/verdict';
import { haltOf } from '#domain/settings/effective';
import type { Broker } from '#brokers/broker';
import { istDay } from '#brokers/fields';
import { type Corrections, isPooled, MarketDay, type MarketFiles } from './market-day';
import type { Settings } from './settings';
import { valueAtRiskOf } from './value-at-risk';

export interface RiskDeskOptions {
  /** Today's files: the same object until they are replaced. */
  readonly files: () => MarketFiles;
  /** What an admin has set right: the same object until it changes. */
  readonly corrections: () => Corrections;
  readonly settings: Pick<Settings, 'known'>;
  /** Our own clock, epoch milliseconds: a repetition by mistake comes at the pace of people, not of a replayed market. */
  readonly now: () => number;
}

/** An order that is to be judged: new, or as it would be after a change. */
export interface Question {
  readonly details: OrderDetails;
  readonly terms: OrderTerms;
  readonly market: Broker;
  readonly account: Account;
  readonly action: 'new' | 'modify';
  /** Of an order that is to be changed: its terms as they are, and how often they were changed so far. */
  readonly present?: OrderTerms;
  readonly modifications?: number;
  /** The reservation that the order would need: of a new order, or of a changed one. */
  readonly reserve: (need: Need) => AccountCommand;
}

/** What an order is to hold. */
export interface Need {
  readonly marginPriceE4: number;
  /** Share of its value, basis points; absent: all of it, or what its portfolio needs. */
  readonly marginBp?: number;
  readonly tradingDate: string;
  readonly placedAtMs: number;
}

export interface Judgement {
  readonly verdicts: readonly Verdict[];
  /** To be recorded; present when every check passed. */
  readonly reservation?: AccountCommand;
  readonly charges?: Charges;
  /** Held until then, epoch milliseconds of its market's clock. */
  readonly releaseAtMs?: number;
}

/** How many days with their margins and charges are kept: one a market, and the one before. */
const DAYS_KEPT = 4;

/**
 * Where every order is judged: by the list of checks, on what the account's own stream says at that moment, and then by
 * what it needs in margin. Waits for nothing: it runs in the account's turn.
 */
export class RiskDesk {
  private readonly days = new Map<string, MarketDay>();

  constructor(private readonly options: RiskDeskOptions) {}

  /** A trading day by what is known now. */
  on(date: string): MarketDay {
    const files = this.options.files();
    const corrections = this.options.corrections();
    const known = this.days.get(date);
    if (known?.files === files && known.corrections === corrections) return known;
    const day = new MarketDay(files, corrections, date);
    this.days.delete(date);
    this.days.set(date, day);
    for (const oldest of this.days.keys()) if (this.days.size > DAYS_KEPT) this.days.delete(oldest);
    return day;
  }

  rulesOn(date: string): AccountRules {
    return this.on(date).rules;
  }

  judge(question: Question): Judgement {
    const { details, terms, market, account } = question;
    const atMs = market.marketNowMs();
    const day = this.on(istDay(atMs));
    const instrument = day.files.resolve(details.instrumentKey);
    if (!instrument) {
      const reason = 'not in today’s catalogue';
      return { verdicts: [{ check: 'known-instrument', outcome: 'fail', actual: details.instrumentKey, reason }] };
    }
    const releaseAtMs = this.releaseAt(question, instrument, day, atMs);
    const lastPriceE4 = market.lastPriceE4(details.instrumentKey);
    const known = { tradingDate: day.date, ...(lastPriceE4 !== undefined && { lastPriceE4 }) };
    const exposure = exposureFor(question, day, this.options.now());
    const verdicts: Verdict[] = [
      { check: 'known-instrument', outcome: 'pass', actual: instrument.symbol },
      ...this.check(question, instrument, exposure, day, { atMs, releaseAtMs, ...known }),
    ];
    const priceE4 = marginPriceE4(terms, { side: details.side, ...known });
    if (!passes(verdicts))
      return {
        verdicts: [...verdicts, { check: 'balance', outcome: 'not-applicable', reason: 'another check failed' }],
      };
    if (priceE4 === undefined)
      return {
        verdicts: [...verdicts, { check: 'balance', outcome: 'fail', reason: 'no price to margin the order at' }],
      };

    const knownShare = marginShareOf(details, instrument, day);
    const share = 'missing' in knownShare && onlyCloses(terms, exposure) ? closingShare(instrument, day) : knownShare;
    if ('missing' in share)
      return {
        verdicts: [...verdicts, { check: 'balance', outcome: 'fail', reason: `${share.missing} is not known` }],
      };
    const reservation = question.reserve({
      marginPriceE4: priceE4,
      ...(share.marginBp !== undefined && { marginBp: share.marginBp }),
      tradingDate: day.date,
      placedAtMs: this.options.now(),
    });
    verdicts.push(...this.afford(account, reservation, day, share));
    if (!passes(verdicts)) return { verdicts };
    const { side, product } = details;
    const charges = day.chargesOf(instrument, {
      broker: market.name,
      side,
      product,
      quantity: terms.quantity,
      priceE4,
    });
    return {
      verdicts,
      reservation,
      ...(charges && { charges }),
      ...(releaseAtMs !== undefined && { releaseAtMs }),
    };
  }

  /** The switches that an order passes on its way to a broker, as they stand now. Settings must have been prepared. */
  haltOf(account: Account, details: Pick<OrderDetails, 'strategyId'> | undefined, broker: string): Halt {
    const { user, house } = this.options.settings.known(account.userId);
    return haltOf({ house, user, accountId: account.accountId, broker, strategyId: details?.strategyId });
  }

  private check(
    { details, terms, market, account, action, present }: Question,
    instrument: Instrument,
    exposure: Exposure,
    day: MarketDay,
    now: { atMs: number; releaseAtMs: number | undefined; tradingDate: string; lastPriceE4?: number },
  ): readonly Verdict[] {
    const { side, product, strategyId, instrumentKey, orderId } = details;
    const { effective } = this.options.settings.known(account.userId);
    const underlying = day.underlyingOf(instrument);
    const { releaseAtMs, ...times } = now;
    const { intradayVar } = effective.limits;
    return judge(terms, {
      instrument,
      // Of a slice: what the others of its line ask for counts as well.
      ...(details.lineQuantity !== undefined && {
        lineQuantity: details.lineQuantity - details.quantity + terms.quantity,
      }),
      facts: day.factsOf(instrumentKey),
      ...(underlying && { underlying }),
      lists: day.lists,
      side,
      product,
      broker: market.name,
      ...(strategyId !== undefined && { strategyId }),
      action,
      ...(present && { present }),
      ...times,
      ...(releaseAtMs !== undefined && { releaseAtMs }),
      calendar: day.corrections.calendar,
      marginCorrections: day.corrections.margin,
      limits: effective.limits,
      limitSources: effective.sources,
      halt: this.haltOf(account, details, market.name),
      exposure,
      ...(intradayVar && {
        valueAtRisk: valueAtRiskOf(intradayVar, account, { instrument, side, terms, orderId }, day, market),
      }),
    });
  }

  /** When an after-market order is to be sent; `undefined` for every other, and while its market is open. */
  private releaseAt(
    { details, terms, market, action }: Question,
    instrument: Instrument,
    day: MarketDay,
    atMs: number,
  ): number | undefined {
    const segmentClass = SEGMENT_CLASS[instrument.segment];
    if (details.afterMarket !== true || action !== 'new' || segmentClass === undefined) return undefined;
    const { calendar } = day.corrections;
    const answerAt = this.askingFor({ details, terms, action }, instrument, day);
    if (answerAt(atMs).allowed) return undefined;
    const window = amoWindow(market.name, segmentClass, atMs, calendar);
    if (!window.open || (window.limitOnly && terms.priceE4 === undefined)) return undefined;
    // The opening auction does not take every order: such a one waits for the session itself.
    const answer = answerAt(window.releasesAtMs);
    return answer.allowed ? window.releasesAtMs : (answer.nextOpensAtMs ?? window.releasesAtMs);
  }

  /** Whether the market of an order takes it not now, but at another time of the same day: between auction and session. */
  opensLaterToday(details: OrderDetails, market: Broker): boolean {
    const atMs = market.marketNowMs();
    const day = this.on(istDay(atMs));
    const instrument = day.files.resolve(details.instrumentKey);
    if (!instrument) return false;
    const answer = this.askingFor({ details, terms: details, action: 'new' }, instrument, day)(atMs);
    return !answer.allowed && answer.nextOpensAtMs !== undefined && istDay(answer.nextOpensAtMs) === day.date;
  }

  /** Whether the market of an order would take it now. */
  isOpenFor(details: OrderDetails, market: Broker): boolean {
    const atMs = market.marketNowMs();
    const day = this.on(istDay(atMs));
    const instrument = day.files.resolve(details.instrumentKey);
    return (
      instrument !== undefined &&
      this.askingFor({ details, terms: details, action: 'new' }, instrument, day)(atMs).allowed
    );
  }

  /** What the exchange says to an order, by the time at which it gets there. */
  private askingFor(
    { details: { product, side }, terms, action }: Pick<Question, 'details' | 'terms' | 'action'>,
    instrument: Instrument,
    day: MarketDay,
  ): (atMs: number) => TradingAnswer {
    const { orderType, validity, disclosedQuantity } = terms;
    const order = { orderType, validity, product, side, ...(disclosedQuantity !== undefined && { disclosedQuantity }) };
    const facts = day.factsOf(instrument.instrumentKey);
    return (atMs) => isTradingAllowed({ instrument, facts, atMs, action, order }, day.corrections.calendar);
  }

  /** The account's own word: whether it has the money, and how much of it may be bound. */
  private afford(
    account: Account,
    reservation: AccountCommand,
    { rules }: MarketDay,
    { rule, effectiveFrom }: Share,
  ): readonly Verdict[] {
    const told = { rule, effectiveFrom };
    const compared = (requiredE4: number) => ({ limit: toRupees(availableE4(account)), actual: toRupees(requiredE4) });
    const decider = accountBy(rules);
    let after: Account;
    try {
      after = fold(decider, account, decider.decide(reservation, account));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { requiredE4 } = error.detail;
      const numbers = typeof requiredE4 === 'number' ? compared(requiredE4) : {};
      return [{ check: 'balance', outcome: 'fail', ...told, reason: error.code, ...numbers }];
    }
    const heldE4 = after.reservedE4 + after.postedE4;
    const requiredE4 = heldE4 - account.reservedE4 - account.postedE4;
    const balance: Verdict = { check: 'balance', outcome: 'pass', ...told, ...compared(requiredE4) };
    return [
      utilisation(this.options.settings.known(account.userId), { requiredE4, heldE4, cashE4: after.cashE4 }),
      balance,
    ];
  }
}

/** What the account's stream says of an order's surroundings. */
const exposureFor = (
  { details, terms, market, account, modifications = 0 }: Question,
  day: MarketDay,
  atMs: number,
): Exposure => {
  const { orderId, instrumentKey, product, side } = details;
  return exposureOf(
    account,
    {
      orderId,
      ...(details.slice !== undefined && { lineId: lineIdOf(details) }),
      instrumentKey,
      product,
      side,
      quantity: terms.quantity,
      ...(terms.priceE4 !== undefined && { priceE4: terms.priceE4 }),
      modifications,
    },
    {
      tradingDate: day.date,
      atMs,
      instrumentOf: day.files.resolve,
      lastPriceE4: (key) => market.lastPriceE4(key),
      previousCloseE4: (key) => day.factsOf(key).previousClose?.priceE4,
    },
  );
};

/** All that is still to be executed closes what is held and is promised to no other order. */
const onlyCloses = ({ quantity }: OrderTerms, { closableQuantity, filledQuantity }: Exposure): boolean =>
  quantity - filledQuantity <= closableQuantity;

/**
 * A file that does not speak of an instrument any more must not keep anybody in it: what closes needs no margin. Should it
 * open something after all, because the position is gone by then, that is held in full, or as its portfolio says.
 */
const closingShare = (instrument: Instrument, { date }: MarketDay): Share => ({
  ...(isPooled(instrument) && { marginBp: 0 }),
  rule: 'closes what is held: its rate is not known, and not needed',
  effectiveFrom: date,
});

/** What part of its value an order has to hold by itself; its portfolio says the rest. */
export const marginShareOf = (
  { product, side }: Pick<OrderDetails, 'product' | 'side'>,
  instrument: Instrument,
  day: MarketDay,
): Share | { readonly missing: string } => {
  if (isPooled(instrument)) {
    const risk = day.riskOf(instrument);
    if ('missing' in risk) return risk;
    const isPremium = side === 'BUY' && instrument.instrumentType !== 'FUT';
    const rule = 'scenario margin of all contracts on the underlying, and extreme loss margin (computed by us)';
    return { ...(!isPremium && { marginBp: 0 }), rule, effectiveFrom: risk.asOf };
  }
  if (SEGMENT_CLASS[instrument.segment] !== 'equity') return { missing: `a margin in ${instrument.segment}` };
  const facts = day.factsOf(instrument.instrumentKey);
  const { calendar, margin } = day.corrections;
  const { surveillance } = calendar;
  const cash = cashMarginBp({ instrument, product, side, facts, date: day.date, surveillance }, margin);
  if ('missing' in cash) return cash;
  return {
    ...(cash.marginBp !== WHOLE_BP && { marginBp: cash.marginBp }),
    rule: cash.rule,
    effectiveFrom: cash.effectiveFrom,
  };
};

/** All of a value. */
export const WHOLE_BP = 10_000;

export interface Share {
  /** Basis points; absent: all of it. */
  readonly marginBp?: number;
  readonly rule: string;
  readonly effectiveFrom: string;
}

/** Slices of one line are no repetition of each other. */
export const lineIdOf = ({ intentId, line }: Pick<OrderDetails, 'intentId' | 'line'>): string =>
  `${intentId}/${String(line)}`;

/** How much of an account's money would be bound, and whether that is too much. */
export const utilisation = (
  { effective }: ReturnType<Settings['known']>,
  { requiredE4, heldE4, cashE4 }: { requiredE4: number; heldE4: number; cashE4: number },
): Verdict => {
  const check = 'margin-utilisation';
  const { marginUtilisationMaxBp } = effective.limits;
  if (marginUtilisationMaxBp === undefined) return { check, outcome: 'not-applicable', reason: 'no limit is set' };
  if (requiredE4 <= 0) return { check, outcome: 'not-applicable', reason: 'the order needs no margin' };
  const usedBp = cashE4 > 0 ? Number((BigInt(heldE4) * 10_000n + BigInt(cashE4) - 1n) / BigInt(cashE4)) : Infinity;
  return {
    check,
    outcome: usedBp <= marginUtilisationMaxBp ? 'pass' : 'fail',
    rule: `limit: ${effective.sources['marginUtilisationMaxBp'] ?? 'default'}`,
    limit: `${String(marginUtilisationMaxBp / 100)} %`,
    actual: Number.isFinite(usedBp) ? `${String(usedBp / 100)} %` : 'no cash',
  };
};
