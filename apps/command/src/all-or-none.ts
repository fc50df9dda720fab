import type { IntentLine } from '#domain/intents/intent';
import type { Verdict } from '#domain/risk/verdict';
import type { Ledger } from './account-ledger';
import type { DueDispatch, OrderDesk } from './order-desk';
import type { Routes } from './routing';

/** Judges and places those of a request's lines that are new; `all` are the lines that belong together. */
export type PlaceLines = (
  ledger: Ledger,
  fresh: readonly IntentLine[],
  all: readonly IntentLine[],
) => readonly DueDispatch[];

/** A line was denied, and its owner wants all of them or none: thrown, so that nothing of what was decided is recorded. */
class NotAll extends Error {
  override readonly name = 'NotAll';

  constructor(readonly denials: ReadonlyMap<string, readonly Verdict[]>) {
    super('a line of the request was denied');
  }
}

/**
 * Runs a transaction that places lines: each for itself, or, where their owner wants all or none, once more to deny all of
 * them when one is. After a crash only some may be new: what stands in the log as sent stays sent.
 */
export const placeTogether = async <T>(
  desk: OrderDesk,
  routes: Routes,
  transact: (place: PlaceLines) => Promise<T>,
): Promise<T> => {
  try {
    return await transact((ledger, fresh, all) => {
      const due = fresh.map((line) => desk.place(ledger, line, routes)).filter((one) => one !== undefined);
      if (!routes.allowPartial && fresh.length > 0 && all.length > 1) mustStandTogether(ledger, all);
      return due;
    });
  } catch (error) {
    if (!(error instanceof NotAll)) throw error;
    return await transact((ledger, fresh) => {
      desk.denyTogether(ledger, fresh, routes, error.denials);
      return [];
    });
  }
};

/** @throws NotAll when one was denied, now or before. */
const mustStandTogether = (ledger: Ledger, all: readonly IntentLine[]): void => {
  const denials = all.flatMap(({ orderId }) => {
    const { denial } = ledger.order(orderId);
    return denial ? [[orderId, denial] as const] : [];
  });
  if (denials.length > 0) throw new NotAll(new Map(denials));
};
