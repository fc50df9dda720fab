import type { Instrument } from '#domain/instruments/instrument';

import type { InstrumentLoad } from './load';

/** A new file must reach this share of what is held, in total and in each cash segment, and may refuse few of its rows. */
const SMALLEST_SHARE = 0.8;
const LARGEST_REFUSED_SHARE = 0.05;

/**
 * A master is made anew before every session, without what expired the day before: more expired contracts than a few
 * mistyped ones show that it is an earlier day's.
 */
const MOST_EXPIRED = 10;

/**
 * Why a file that could be read must not take the place of what is held, in one line; `undefined` when it may. `validFrom` of
 * what is held is empty when nothing is.
 */
export const objectionTo = (
  { validFrom, instruments, summary }: InstrumentLoad,
  held: { readonly instruments: readonly Instrument[]; readonly validFrom: string },
): string | undefined => {
  if (validFrom < held.validFrom) return `the file is of ${validFrom}, older than the catalogue of ${held.validFrom}`;
  if (summary.refused > summary.rows * LARGEST_REFUSED_SHARE)
    return `${String(summary.refused)} of ${String(summary.rows)} rows were refused, mostly: ${summary.refusals[0]?.reason ?? ''}`;
  const expired = instruments.filter(({ expiry }) => expiry !== undefined && expiry < validFrom).length;
  if (expired > MOST_EXPIRED)
    return `${String(expired)} of its contracts expired before ${validFrom}: the file is of an earlier day`;
  const isCash = (segment: string) => (instrument: Instrument) => instrument.segment === segment;
  const parts = [
    { what: 'instruments', of: () => true },
    { what: 'NSE_EQ instruments', of: isCash('NSE_EQ') },
    { what: 'BSE_EQ instruments', of: isCash('BSE_EQ') },
  ];
  for (const { what, of } of parts) {
    const [before, now] = [held.instruments.filter(of).length, instruments.filter(of).length];
    if (now < before * SMALLEST_SHARE) return `only ${String(now)} ${what} where the catalogue holds ${String(before)}`;
  }
  return undefined;
};
