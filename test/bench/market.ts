import type { MarketFacts } from '#domain/instruments/facts';
import { DEMO_DAY, demoDataPath, demoReferenceFiles } from '#instruments/demo-data';
import { Catalogue } from '#instruments/catalogue';
import { loadInstruments } from '#instruments/load';
import { loadReference } from '#instruments/reference/load-reference';
import { loadPriceDay, type PriceDay } from '#instruments/price-day';

/** The real instruments and prices that live in the repository: what the measured process loads too. */
export interface Market {
  readonly catalogue: Catalogue;
  readonly prices: PriceDay;
  readonly priceDate: string;
  readonly facts: MarketFacts;
}

/** A share that orders are made for: what a made-up order must know to be a sensible one. */
export interface Share {
  readonly symbol: string;
  readonly tickSizeE4: number;
  readonly lowE4: number;
  readonly highE4: number;
}

const SHARES = 200;

export const loadMarket = async (): Promise<Market> => {
  const { instruments } = await loadInstruments(demoDataPath('instruments.upstox.2026-01-02.json.gz'), {
    validFrom: DEMO_DAY,
  });
  const prices = await loadPriceDay(demoDataPath('prices.nse.2026-01-02.csv.gz'));
  const catalogue = new Catalogue(instruments);
  const facts = await loadReference(demoReferenceFiles(), { catalogue, effectiveFrom: DEMO_DAY });
  return { catalogue, prices, priceDate: DEMO_DAY, facts };
};

/** How far a share may have moved on the recorded day, that a limit beyond all of it is not taken for a mistake. */
const MOVED_MAX = 1.025;

/** The shares with the highest turnover of the recorded day, of those that may be squared off and did not move far. */
export const sharesOf = ({ catalogue, prices, facts }: Market): readonly Share[] => {
  const shares = [...prices.prices].flatMap(([instrumentKey, { lowE4, highE4, volume }]) => {
    const instrument = catalogue.resolve(instrumentKey);
    if (instrument?.segment !== 'NSE_EQ' || instrument.lotSize !== 1 || instrument.tickSizeE4 === undefined) return [];
    if (facts.of(instrumentKey).intraday?.marginBp !== 2_000 || highE4 > lowE4 * MOVED_MAX) return [];
    const { symbol, tickSizeE4 } = instrument;
    return [{ symbol, tickSizeE4, lowE4, highE4, turnover: lowE4 * volume }];
  });
  return shares
    .sort((a, b) => b.turnover - a.turnover)
    .slice(0, SHARES)
    .map(({ turnover: _, ...share }) => share);
};
