import type { FactList, InstrumentFacts, MarketFacts, Sourced, UnderlyingFacts } from '#domain/instruments/facts';
import type { Instrument } from '#domain/instruments/instrument';

import type { TableSummary } from '../table';
import { daysBetween } from './dates';
import { impliedSigmas } from './implied-sigma';
import { InstrumentIndex, type InstrumentSource } from './instrument-index';
import type { ReferencePart } from './read-file';
import type { ContractPrice, ReferenceKind, ReferenceRow } from './rows';
import type { SpanFile } from './span';

/** What became of one file. `unmatched`: rows that make sense and name nothing in the catalogue. */
export interface ReferenceSummary extends TableSummary {
  readonly file: string;
  readonly kind: string;
  readonly effectiveFrom: string;
  readonly dateFrom: ReferencePart['dateFrom'];
  readonly unmatched: number;
  readonly unmatchedExamples: readonly string[];
}

type Row<K extends ReferenceRow['kind']> = Extract<ReferenceRow, { kind: K }>;

/**
 * What all files together say for one day, found by instrument and by underlying. Never changed once built: a new file is a new
 * day. Rows that are about no instrument (lots by month, holidays, a broker's margins, SPAN arrays) are kept as they are.
 */
export class ReferenceDay implements MarketFacts {
  static readonly empty = new ReferenceDay('', new Map(), new Map(), [], []);

  constructor(
    readonly effectiveFrom: string,
    readonly facts: ReadonlyMap<string, InstrumentFacts>,
    readonly underlyings: ReadonlyMap<string, UnderlyingFacts>,
    readonly summary: readonly ReferenceSummary[],
    private readonly parts: readonly ReferencePart[],
  ) {}

  of(instrumentKey: string): InstrumentFacts {
    return this.facts.get(instrumentKey) ?? NOTHING;
  }

  underlying(symbol: string): UnderlyingFacts | undefined {
    return this.underlyings.get(symbol);
  }

  /** Every row of a kind, as the files name things, and who said so. */
  rowsOf<K extends ReferenceRow['kind']>(kind: K): readonly (Row<K> & Sourced)[] {
    return this.parts
      .filter((part) => part.kind === kind)
      .flatMap((part) =>
        [...part.rows.values()]
          .filter((row): row is Row<K> => row.kind === kind)
          .map((row) => ({ ...row, effectiveFrom: part.effectiveFrom, source: part.file })),
      );
  }

  /**
   * The newest file of a kind, if one was given at all: an instrument that it does not name is one it says nothing of (no
   * intraday margin: not eligible), and not one that nobody was asked about.
   */
  sourceOf(kind: ReferenceKind | FactList): Sourced | undefined {
    const [newest] = this.parts
      .filter((part) => part.kind === kind)
      .sort((a, b) => compareText(b.effectiveFrom, a.effectiveFrom));
    return newest === undefined ? undefined : { effectiveFrom: newest.effectiveFrom, source: newest.file };
  }

  /** The risk arrays as the clearing house published them, where a SPAN file was given. */
  get spans(): readonly SpanFile[] {
    return this.parts.flatMap(({ span }) => span ?? []);
  }
}

const NOTHING: InstrumentFacts = {};

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** Puts the facts of a day together: the later file of two that say the same thing counts. */
export const buildReferenceDay = (
  parts: readonly ReferencePart[],
  { catalogue, effectiveFrom }: { catalogue: InstrumentSource; effectiveFrom: string },
): ReferenceDay => {
  const builder = new DayBuilder(new InstrumentIndex(catalogue.instruments, effectiveFrom), effectiveFrom);
  // Our price days repeat what the exchange's own files say better: of one day, they count last.
  const inOrder = [...parts].sort(
    (a, b) =>
      compareText(a.effectiveFrom, b.effectiveFrom) ||
      Number(b.kind === 'keyed-close') - Number(a.kind === 'keyed-close') ||
      compareText(a.slot, b.slot),
  );
  builder.addMaster();
  const summaries = new Map(inOrder.map((part) => [part, builder.add(part)]));
  builder.addSharePrices();
  builder.addReturns();
  return new ReferenceDay(
    effectiveFrom,
    builder.instrumentFacts(),
    builder.underlyingFacts(),
    parts.flatMap((part) => summaries.get(part) ?? []),
    parts,
  );
};

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const MAX_EXAMPLES = 5;
/** A long weekend. Ours: weekly contracts expire, and free their tokens, every seven days. */
const MAX_TOKEN_DAYS = 4;
const MAIN_SERIES = ['EQ', 'BE', 'BZ', 'SM', 'ST', 'SZ'];

class DayBuilder {
  private readonly facts = new Map<string, Draft<InstrumentFacts>>();
  private readonly underlyings = new Map<string, Partial<Draft<UnderlyingFacts>>>();
  /** By underlying and day. */
  private readonly returns = new Map<string, { said: Sourced; days: Map<string, number> }>();

  constructor(
    private readonly index: InstrumentIndex,
    private readonly effectiveFrom: string,
  ) {}

  /** What the broker's master itself says, and what follows from it. */
  addMaster(): void {
    for (const instrument of this.index.withMasterFacts) {
      const { instrumentKey, funded, securityType } = instrument;
      const said = (what: string): Sourced => ({
        effectiveFrom: instrument.validFrom,
        source: `instrument master: ${what}`,
      });
      const draft = this.draft(instrumentKey);
      if (funded !== undefined) draft.funded = { ...said('margin funded'), marginBp: funded.marginBp };
      if (securityType === 'PCA') draft.callAuction = said('security type PCA');
      if (securityType === 'IPO') draft.listingDay = said('security type IPO');
    }
    for (const { share, contract } of this.index.sharesWithDerivatives)
      this.draft(share.instrumentKey).hasDerivatives = {
        effectiveFrom: contract.validFrom,
        source: `instrument master: ${contract.symbol}`,
      };
  }

  add(part: ReferencePart): ReferenceSummary {
    const unmatched: string[] = [];
    for (const [key, row] of part.rows) if (!this.addRow(row, part)) unmatched.push(key);
    const prices = [...part.rows.values()].filter((row): row is ContractPrice => row.kind === 'contract-price');
    for (const [symbol, sigma] of impliedSigmas(prices, part.effectiveFrom)) {
      const underlying = this.underlyings.get(symbol);
      // A figure that a person chose stands above one that was computed.
      if (underlying === undefined || underlying.dailySigma?.source.startsWith(CHOSEN) === true) continue;
      underlying.dailySigma = {
        effectiveFrom: part.effectiveFrom,
        source: `${part.file}: implied by options of ${sigma.expiry} at the money, ${String(sigma.annualBp / 100)} % a year`,
        millionths: sigma.millionths,
      };
    }
    const spanContracts = part.span?.contracts.filter(({ pfCode }) => !this.index.isUnderlying(pfCode)) ?? [];
    const strangers = [...unmatched, ...spanContracts.map(({ pfCode, kind, expiry }) => `${pfCode} ${kind} ${expiry}`)];
    return {
      ...part.table,
      file: part.file,
      kind: part.slot,
      effectiveFrom: part.effectiveFrom,
      dateFrom: part.dateFrom,
      unmatched: strangers.length,
      unmatchedExamples: strangers.slice(0, MAX_EXAMPLES),
    };
  }

  /** A share's own close is the price of the underlying where the file of contracts did not print one. */
  addSharePrices(): void {
    for (const [symbol, draft] of this.underlyings) {
      if (draft.kind !== 'stock' || draft.price !== undefined) continue;
      const share = this.index.share('NSE_EQ', symbol, MAIN_SERIES);
      const close = share === undefined ? undefined : this.facts.get(share.instrumentKey)?.previousClose;
      if (close !== undefined) draft.price = close;
    }
  }

  /** The latest day comes last: whoever replays several underlyings takes as many days of each from the end. */
  addReturns(): void {
    for (const [symbol, { said, days }] of this.returns) {
      const inOrder = [...days].sort(([one], [other]) => compareText(one, other));
      this.addToUnderlying(symbol, (draft) => {
        draft.returns = { ...said, millionths: inOrder.map(([, millionths]) => millionths) };
      });
    }
  }

  instrumentFacts(): ReadonlyMap<string, InstrumentFacts> {
    return new Map([...this.facts].map(([key, draft]) => [key, inFixedOrder(draft)]));
  }

  /** Only what is known to be an index or a share: nothing can be computed from the rest. */
  underlyingFacts(): ReadonlyMap<string, UnderlyingFacts> {
    return new Map(
      [...this.underlyings].flatMap(([symbol, { kind, ...draft }]) =>
        kind === undefined ? [] : [[symbol, inFixedOrder({ ...draft, symbol, kind })] as const],
      ),
    );
  }

  /** Adds what a row says to the instruments it speaks of; false when it speaks of none. */
  private addRow(row: ReferenceRow, part: ReferencePart): boolean {
    const said = (what?: string): Sourced => ({
      effectiveFrom: part.effectiveFrom,
      source: what === undefined ? part.file : `${part.file}: ${what}`,
    });
    switch (row.kind) {
      case 'intraday':
        return this.addTo(this.index.byKey(row.instrumentKey), (draft) => {
          draft.intraday = { ...said(), marginBp: row.marginBp };
        });
      case 'band':
        return this.addTo(this.index.share('NSE_EQ', row.symbol, [row.series]), (draft) => {
          draft.band =
            row.basisPoints === undefined
              ? { ...said('no fixed band'), kind: 'dynamic' }
              : { ...said(), kind: 'percent', basisPoints: row.basisPoints };
        });
      case 'price-band':
        return this.addTo(this.contractOfToken(row.token, part.effectiveFrom), (draft) => {
          draft.band = { ...said(), kind: 'prices', lowerE4: Math.max(0, row.lowerE4), upperE4: row.upperE4 };
        });
      case 'surveillance':
        // A share under a measure changes its series: the measure stays with the share.
        return this.addTo(this.index.share('NSE_EQ', row.symbol, [row.series, ...MAIN_SERIES]), (draft) => {
          if (row.measures.length > 0)
            draft.surveillance = row.measures.map(({ measure, stage }) => ({
              ...said(measure === 'GSM' && stage === 0 ? 'GSM stage 0 has no effect' : undefined),
              measure,
              stage,
            }));
        });
      case 'cash-elm':
        return this.index.share('NSE_EQ', row.symbol, [row.series]) !== undefined;
      case 'cash-close':
        return this.addTo(this.index.share('NSE_EQ', row.symbol, [row.series]), (draft) => {
          draft.previousClose = { ...said(), priceE4: row.priceE4 };
        });
      case 'keyed-close':
        return this.addTo(this.index.byKey(row.instrumentKey), (draft) => {
          draft.previousClose = { ...said(), priceE4: row.priceE4 };
        });
      case 'contract-price':
        this.addUnderlyingPrice(row, said());
        return this.addTo(this.index.contract(row.segment, row.contract), (draft) => {
          draft.previousClose = { ...said(), priceE4: row.priceE4 };
        });
      case 'freeze': {
        const contracts = this.index.contractsOn('NSE_FO', row.symbol);
        for (const contract of contracts)
          this.draft(contract.instrumentKey).freezeQuantity = { ...said(), quantity: row.quantity };
        return contracts.length > 0;
      }
      case 'contract-elm':
        return this.addToUnderlying(row.symbol, (draft) => {
          const { othersBp, farOutBp } = draft.elm ?? { othersBp: row.basisPoints, farOutBp: row.basisPoints };
          draft.elm = {
            ...said(),
            othersBp: row.reach === 'others' ? row.basisPoints : othersBp,
            farOutBp: row.reach === 'far-out' ? row.basisPoints : Math.max(farOutBp, row.basisPoints),
          };
        });
      case 'client-limit':
        return this.addToUnderlying(row.symbol, (draft) => {
          const former = draft.clientLimit;
          const isOfThisFile = former?.effectiveFrom === part.effectiveFrom;
          // Exchanges print their own limit: the smallest binds wherever the order goes.
          if (!isOfThisFile || former.quantity > row.quantity)
            draft.clientLimit = { ...said(row.exchange), quantity: row.quantity };
        });
      case 'daily-sigma':
        return this.addToUnderlying(row.symbol, (draft) => {
          draft.dailySigma = { ...said(), source: `${CHOSEN}${part.file}: ${row.said}`, millionths: row.millionths };
        });
      case 'past-return': {
        const { days } = this.returns.get(row.symbol) ?? { days: new Map<string, number>() };
        this.returns.set(row.symbol, { said: said(), days: days.set(row.day, row.millionths) });
        return this.index.isUnderlying(row.symbol);
      }
      case 'market-limit':
      case 'future-margin':
      case 'market-lot':
        return this.index.isUnderlying(row.symbol);
      case 'worst-loss':
      case 'holiday':
        return true;
    }
  }

  /** A token names one contract until that expires: only a file of nearly the master's own day can be tied to it by token. */
  private contractOfToken(token: string, date: string): Instrument | undefined {
    const contract = this.index.byToken('BSE_FO', token);
    const isNear = contract !== undefined && Math.abs(daysBetween(date, contract.validFrom)) <= MAX_TOKEN_DAYS;
    return isNear ? contract : undefined;
  }

  private addUnderlyingPrice({ contract, underlyingKind, underlyingPriceE4 }: ContractPrice, said: Sourced): void {
    const draft = this.underlyingDraft(contract.underlyingSymbol);
    draft.kind = underlyingKind;
    if (underlyingPriceE4 !== undefined) draft.price = { ...said, priceE4: underlyingPriceE4 };
  }

  private addTo(instrument: Instrument | undefined, change: (draft: Draft<InstrumentFacts>) => void): boolean {
    if (instrument === undefined) return false;
    change(this.draft(instrument.instrumentKey));
    return true;
  }

  private addToUnderlying(symbol: string, change: (draft: Partial<Draft<UnderlyingFacts>>) => void): boolean {
    if (!this.index.isUnderlying(symbol)) return false;
    change(this.underlyingDraft(symbol));
    return true;
  }

  private draft(instrumentKey: string): Draft<InstrumentFacts> {
    const known = this.facts.get(instrumentKey);
    if (known !== undefined) return known;
    const draft: Draft<InstrumentFacts> = {};
    this.facts.set(instrumentKey, draft);
    return draft;
  }

  private underlyingDraft(symbol: string): Partial<Draft<UnderlyingFacts>> {
    const known = this.underlyings.get(symbol);
    if (known !== undefined) return known;
    const kind = this.index.kindOf(symbol);
    const draft: Partial<Draft<UnderlyingFacts>> = kind === undefined ? {} : { kind };
    this.underlyings.set(symbol, draft);
    return draft;
  }
}

/** Starts the source of a figure that a person chose. */
const CHOSEN = 'chosen, ';

/** The same facts have the same text, in whatever order files came. */
const inFixedOrder = <T extends object>(facts: T): T =>
  Object.fromEntries(Object.entries(facts).sort(([a], [b]) => compareText(a, b))) as T;
