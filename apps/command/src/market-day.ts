import type { AccountRules, Units } from '#domain/accounts/account';
import { dayCharges } from '#domain/accounts/day-charges';
import { type ChargeCorrections, estimateCharges } from '#domain/charges/estimate';
import type { Charges } from '#domain/charges/charges';
import { type ChargedSecurity, chargedSecurityOf } from '#domain/charges/security';
import type { FactList, InstrumentFacts, MarketFacts, Sourced, UnderlyingFacts } from '#domain/instruments/facts';
import { freshFacts, freshSince } from '#domain/instruments/freshness';
import type { Instrument } from '#domain/instruments/instrument';
import { type ContractRisk, contractRiskOf } from '#domain/margin/contract-risk';
import type { MarginCorrections } from '#domain/margin/parameters';
import { type Leg, worstCaseE4 } from '#domain/margin/portfolio';
import type { MarketCalendar } from '#domain/market/calendar';
import type { Product, Side } from '#domain/orders/order';

/** What the files of a day say: replaced as a whole, never changed. */
export interface MarketFiles {
  /** Finds an instrument by symbol or instrument key. */
  readonly resolve: (name: string) => Instrument | undefined;
  /** Every contract on an underlying that is a future, by its symbol. */
  readonly futuresOn: (underlyingSymbol: string) => readonly Instrument[];
  readonly facts: MarketFacts;
}

/** The files of a day in the shape that decisions need: made once for a catalogue and its facts. */
export const marketFilesOf = (
  catalogue: {
    readonly instruments: readonly Instrument[];
    readonly resolve: (name: string) => Instrument | undefined;
  },
  facts: MarketFacts,
): MarketFiles => {
  const byKey = new Map<string, Instrument>();
  const futures = new Map<string, Instrument[]>();
  for (const instrument of catalogue.instruments) {
    const { instrumentKey, underlyingSymbol, instrumentType } = instrument;
    byKey.set(instrumentKey, instrument);
    if (instrumentType !== 'FUT' || underlyingSymbol === undefined) continue;
    const others = futures.get(underlyingSymbol);
    if (others) others.push(instrument);
    else futures.set(underlyingSymbol, [instrument]);
  }
  return {
    // By its key many times an order, by its symbol once: keys are taken as they stand.
    resolve: (name) => byKey.get(name) ?? catalogue.resolve(name),
    futuresOn: (underlyingSymbol) => futures.get(underlyingSymbol) ?? [],
    facts,
  };
};

/** What an admin has set right in the tables. The same object until something changes. */
export interface Corrections {
  readonly calendar: MarketCalendar;
  readonly charges: ChargeCorrections;
  readonly margin: MarginCorrections;
}

/** Where contracts are margined together, by underlying: elsewhere a unit is not a unit, and nothing nets. */
const POOLED = new Set<Instrument['segment']>(['NSE_FO', 'BSE_FO']);

/** Something that is bought and sold, at a price, on a day. */
export interface Priced {
  readonly broker: string;
  readonly side: Side;
  readonly product: Product;
  readonly quantity: number;
  readonly priceE4: number;
}

/**
 * One trading day as far as files and tables tell of it: margins and charges of every instrument, worked out when they are
 * first asked for. A new file or a correction makes a new one.
 */
export class MarketDay {
  private readonly risks = new Map<string, ContractRisk | { readonly missing: string }>();
  private readonly freshSince: string;
  private readonly securities = new Map<string, ChargedSecurity | undefined>();

  constructor(
    readonly files: MarketFiles,
    readonly corrections: Corrections,
    /** `YYYY-MM-DD`, IST. */
    readonly date: string,
  ) {
    this.freshSince = freshSince(date);
  }

  /** Closes and bands that are too old to count are not known. */
  factsOf(instrumentKey: string): InstrumentFacts {
    return freshFacts(this.files.facts.of(instrumentKey), this.freshSince);
  }

  /** The lists of what is forbidden that were loaded. */
  get lists(): Readonly<Partial<Record<FactList, Sourced>>> {
    const { facts } = this.files;
    const [suspended, ban] = [facts.sourceOf?.('suspended'), facts.sourceOf?.('ban')];
    return { ...(suspended && { suspended }), ...(ban && { ban }) };
  }

  underlyingOf({ underlyingSymbol }: Instrument): UnderlyingFacts | undefined {
    return underlyingSymbol === undefined ? undefined : this.files.facts.underlying(underlyingSymbol);
  }

  /** What a contract would lose in each scenario of the margin model, or what is missing to know it. */
  riskOf(instrument: Instrument): ContractRisk | { readonly missing: string } {
    const known = this.risks.get(instrument.instrumentKey);
    if (known) return known;
    const risk = this.workedOut(instrument);
    this.risks.set(instrument.instrumentKey, risk);
    return risk;
  }

  /** What an order or a trade costs, alone and to the paisa; `undefined` where nobody knows the rates. */
  chargesOf(instrument: Instrument, { broker, ...order }: Priced): Charges | undefined {
    const security = this.securityOf(instrument.instrumentKey);
    return security && estimateCharges({ ...order, security }, { broker, date: this.date }, this.corrections.charges);
  }

  readonly rules: AccountRules = {
    contractOf: (instrumentKey) => {
      const instrument = this.files.resolve(instrumentKey);
      if (!instrument || !isPooled(instrument)) return undefined;
      const { underlyingSymbol = instrumentKey, instrumentType, expiry = this.date } = instrument;
      return { group: underlyingSymbol, isOption: instrumentType !== 'FUT', expiry };
    },
    worstCaseE4: (positions, orders) => {
      const held = this.legsOf(positions);
      const asked = this.legsOf(orders);
      return held && asked && worstCaseE4(held, asked);
    },
    chargesOf: (day, trade) => this.dayCharges(day, trade),
  };

  /** `undefined` when what one of them needs is not known. */
  legsOf(units: readonly Units[]): readonly Leg[] | undefined {
    const legs: Leg[] = [];
    for (const { instrumentKey, quantity, contract } of units) {
      // What has expired is settled: it needs nothing, and hedges nothing.
      if (contract !== undefined && contract.expiry < this.date) continue;
      const instrument = this.files.resolve(instrumentKey);
      const risk = instrument && this.riskOf(instrument);
      if (!risk || 'missing' in risk) return undefined;
      legs.push({ risk, quantity });
    }
    return legs;
  }

  private readonly dayCharges = dayCharges((instrumentKey) => this.securityOf(instrumentKey), this.corrections.charges);

  private securityOf(instrumentKey: string): ChargedSecurity | undefined {
    if (this.securities.has(instrumentKey)) return this.securities.get(instrumentKey);
    const instrument = this.files.resolve(instrumentKey);
    const security = instrument && chargedSecurityOf(instrument, this.underlyingOf(instrument)?.kind);
    this.securities.set(instrumentKey, security);
    return security;
  }

  private workedOut(instrument: Instrument): ContractRisk | { readonly missing: string } {
    const underlying = this.underlyingOf(instrument);
    if (!underlying)
      return { missing: `the risk parameters of ${instrument.underlyingSymbol ?? instrument.instrumentKey}` };
    const future = this.files.futuresOn(underlying.symbol).find(({ expiry }) => expiry === instrument.expiry);
    const futurePriceE4 = future && this.factsOf(future.instrumentKey).previousClose?.priceE4;
    return contractRiskOf(
      {
        instrument,
        facts: this.factsOf(instrument.instrumentKey),
        underlying,
        ...(futurePriceE4 !== undefined && { futurePriceE4 }),
        date: this.date,
      },
      this.corrections.margin,
    );
  }
}

/** Whether a contract is margined with the others on its underlying. */
export const isPooled = ({ segment, expiry }: Instrument): boolean => POOLED.has(segment) && expiry !== undefined;
