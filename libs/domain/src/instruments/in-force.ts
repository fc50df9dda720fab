import type { Sourced } from './facts';

/** A fact that counts already: files of an evening speak of the next day. */
export const inForce = <Fact extends Sourced>(fact: Fact | undefined, tradingDate: string): Fact | undefined =>
  fact !== undefined && fact.effectiveFrom <= tradingDate ? fact : undefined;
