import { type IMapField, Root, type Type } from 'protobufjs';
import type { Evidence } from '#domain/orders/order';
import type { Tell } from '../answers';
import type { PriceTick } from '../client';
import { roundedE4 } from '../fields';

const FEEDS: IMapField = { id: 2, keyType: 'string', type: 'Feed' };

/**
 * The part of the feed's third version that is read here; fields that are not named are skipped, as protobuf has it. Where
 * a number is missing its value is zero: proto3 does not send those.
 */
const FEED: Type = Root.fromJSON({
  nested: {
    FeedResponse: {
      fields: {
        type: { id: 1, type: 'Kind' },
        feeds: FEEDS,
        currentTs: { id: 3, type: 'int64' },
      },
    },
    Kind: { values: { initial_feed: 0, live_feed: 1, market_info: 2 } },
    Feed: {
      oneofs: { union: { oneof: ['ltpc', 'fullFeed', 'firstLevelWithGreeks'] } },
      fields: {
        ltpc: { id: 1, type: 'LTPC' },
        fullFeed: { id: 2, type: 'FullFeed' },
        firstLevelWithGreeks: { id: 3, type: 'FirstLevelWithGreeks' },
      },
    },
    LTPC: { fields: { ltp: { id: 1, type: 'double' }, ltt: { id: 2, type: 'int64' } } },
    FullFeed: {
      oneofs: { union: { oneof: ['marketFF', 'indexFF'] } },
      fields: { marketFF: { id: 1, type: 'MarketFullFeed' }, indexFF: { id: 2, type: 'IndexFullFeed' } },
    },
    MarketFullFeed: {
      fields: {
        ltpc: { id: 1, type: 'LTPC' },
        marketLevel: { id: 2, type: 'MarketLevel' },
        vtt: { id: 6, type: 'int64' },
      },
    },
    IndexFullFeed: { fields: { ltpc: { id: 1, type: 'LTPC' } } },
    FirstLevelWithGreeks: {
      fields: {
        ltpc: { id: 1, type: 'LTPC' },
        firstDepth: { id: 2, type: 'Quote' },
        vtt: { id: 4, type: 'int64' },
      },
    },
    MarketLevel: { fields: { bidAskQuote: { id: 1, rule: 'repeated', type: 'Quote' } } },
    Quote: { fields: { bidP: { id: 2, type: 'double' }, askP: { id: 4, type: 'double' } } },
  },
}).lookupType('FeedResponse');

/** A 64 bit number as it is decoded. */
interface Whole {
  toNumber(): number;
}
interface Ltpc {
  readonly ltp: number;
  readonly ltt: Whole;
}
interface Quote {
  readonly bidP: number;
  readonly askP: number;
}
interface Frame {
  readonly feeds: Readonly<Record<string, Feed>>;
  readonly currentTs: Whole;
}
interface Feed {
  readonly ltpc?: Ltpc | null;
  readonly fullFeed?: {
    readonly marketFF?: {
      readonly ltpc?: Ltpc | null;
      readonly marketLevel?: { readonly bidAskQuote: readonly Quote[] } | null;
      readonly vtt: Whole;
    } | null;
    readonly indexFF?: { readonly ltpc?: Ltpc | null } | null;
  } | null;
  readonly firstLevelWithGreeks?: {
    readonly ltpc?: Ltpc | null;
    readonly firstDepth?: Quote | null;
    readonly vtt: Whole;
  } | null;
}

export type PriceFrame =
  | { readonly kind: 'ticks'; readonly ticks: readonly PriceTick[] }
  | { readonly kind: 'drift'; readonly evidence: Evidence };

/** @param keyOf our key for one of the broker's, `undefined` for what is not followed (any more) */
export const readPriceFrame = (
  frame: Uint8Array,
  keyOf: (symbol: string) => string | undefined,
  tell: Tell,
): PriceFrame => {
  let decoded: Frame;
  try {
    decoded = FEED.decode(frame) as unknown as Frame;
  } catch (error) {
    return { kind: 'drift', evidence: tell('DRIFT', `no feed frame: ${error instanceof Error ? error.message : ''}`) };
  }
  const ticks: PriceTick[] = [];
  for (const [symbol, feed] of Object.entries(decoded.feeds)) {
    const instrumentKey = keyOf(symbol);
    const { ltpc, quote, vtt } = partsOf(feed);
    // Without a last price nothing was traded yet.
    if (instrumentKey === undefined || !ltpc || ltpc.ltp === 0) continue;
    const lastPriceE4 = priceE4(ltpc.ltp);
    const atMs = wholeOf(ltpc.ltt) ?? wholeOf(decoded.currentTs);
    if (lastPriceE4 === undefined || atMs === undefined)
      return { kind: 'drift', evidence: tell('DRIFT', `$.feeds[${symbol}].ltpc: no price or no time`) };
    const volume = vtt && wholeOf(vtt);
    const bidE4 = quote ? priceE4(quote.bidP) : undefined;
    const askE4 = quote ? priceE4(quote.askP) : undefined;
    ticks.push({
      instrumentKey,
      lastPriceE4,
      atMs,
      ...(volume !== undefined && { volume }),
      ...(bidE4 !== undefined && { bidE4 }),
      ...(askE4 !== undefined && { askE4 }),
    });
  }
  return { kind: 'ticks', ticks };
};

const partsOf = ({ ltpc, fullFeed, firstLevelWithGreeks }: Feed) => {
  if (ltpc) return { ltpc };
  if (firstLevelWithGreeks)
    return {
      ltpc: firstLevelWithGreeks.ltpc,
      quote: firstLevelWithGreeks.firstDepth,
      vtt: firstLevelWithGreeks.vtt,
    };
  const market = fullFeed?.marketFF;
  if (market) return { ltpc: market.ltpc, quote: market.marketLevel?.bidAskQuote[0], vtt: market.vtt };
  return { ltpc: fullFeed?.indexFF?.ltpc };
};

/** `undefined` for zero, which is how nothing is sent, and for what is no price. */
const priceE4 = (rupees: number): number | undefined => {
  const amountE4 = roundedE4(rupees);
  return amountE4 !== undefined && amountE4 > 0 ? amountE4 : undefined;
};

/** A count or a time that was sent: zero means that it was not. */
const wholeOf = (long: Whole): number | undefined => {
  const whole = long.toNumber();
  return Number.isSafeInteger(whole) && whole > 0 ? whole : undefined;
};
