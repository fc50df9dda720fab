import type { Instrument, Segment } from '#domain/instruments/instrument';

import type { BrokerListing, ListingBroker } from './broker-listing';

/**
 * - `different-instrument`: the broker's number belongs to something else in our master. Such a listing is not used.
 * - `lot-size`, `tick-size`, `isin`: tied, but the broker's file says otherwise: files of different days.
 * - `missing`: the broker's file covers the segment and lacks the instrument: it cannot be traded there.
 */
export type ConflictKind = 'different-instrument' | 'lot-size' | 'tick-size' | 'isin' | 'missing';

export interface ConflictExample {
  /** Ours. */
  readonly symbol: string;
  /** The broker's, where it has one. */
  readonly listed?: string;
  readonly ours?: string | number;
  readonly theirs?: string | number;
}

/** What one broker's master file and ours do not agree on. */
export interface Conflict {
  readonly broker: ListingBroker;
  readonly kind: ConflictKind;
  readonly count: number;
  /** The first few. */
  readonly examples: readonly ConflictExample[];
}

const MAX_EXAMPLES = 5;

/** Counts disagreements while listings are tied to instruments. */
export class ConflictTally {
  private readonly seen = new Map<ConflictKind, { count: number; readonly examples: ConflictExample[] }>();

  constructor(private readonly broker: ListingBroker) {}

  add(kind: ConflictKind, example: ConflictExample): void {
    const seen = this.seen.get(kind) ?? { count: 0, examples: [] };
    seen.count += 1;
    if (seen.examples.length < MAX_EXAMPLES) seen.examples.push(example);
    this.seen.set(kind, seen);
  }

  /** What a tied listing says that is not what our master says. What either leaves out is no disagreement. */
  compare(listing: BrokerListing, instrument: Instrument): void {
    const fields = [
      ['lot-size', instrument.lotSize, listing.lotSize],
      ['tick-size', instrument.tickSizeE4, listing.tickSizeE4],
      ['isin', instrument.isin, listing.isin],
    ] as const;
    for (const [kind, ours, theirs] of fields)
      if (ours !== undefined && theirs !== undefined && ours !== theirs)
        this.add(kind, { symbol: instrument.symbol, listed: listing.symbol, ours, theirs });
  }

  conflicts(): Conflict[] {
    return [...this.seen].map(([kind, { count, examples }]) => ({ broker: this.broker, kind, count, examples }));
  }
}

/** What a broker's file leaves out of the segments that it covers. */
export const missingAt = (
  broker: ListingBroker,
  instruments: readonly Instrument[],
  { covered, isListed }: { covered: ReadonlySet<Segment>; isListed: (instrumentKey: string) => boolean },
): Conflict[] => {
  const tally = new ConflictTally(broker);
  for (const { segment, instrumentKey, symbol } of instruments)
    if (covered.has(segment) && !isListed(instrumentKey)) tally.add('missing', { symbol });
  return tally.conflicts();
};
