import type { AccountEvent } from '#domain/accounts/account';
import { dividedHalfUp } from '../divided-half-up';
import { type AccountRecorded, type Recorded, Unreadable } from '../recorded';
import type { PositionRow } from './position-row';

/** An event of an account that moves one of its positions. */
export type PositionRecorded = Recorded<
  Extract<AccountEvent, { type: 'MarginPosted' | 'HoldingAdopted' | 'PositionExpired' }>
>;

export type PositionId = Pick<PositionRow, 'accountId' | 'instrumentKey' | 'product'>;

export const movesPosition = (recorded: AccountRecorded): recorded is PositionRecorded =>
  recorded.type === 'MarginPosted' || recorded.type === 'HoldingAdopted' || recorded.type === 'PositionExpired';

/** The position that an event moves. What is adopted was bought for delivery. */
export const positionIdOf = (accountId: string, recorded: PositionRecorded): PositionId => ({
  accountId,
  instrumentKey: recorded.data.instrumentKey,
  product: recorded.type === 'HoldingAdopted' ? 'CNC' : recorded.data.product,
});

/** Unambiguous: no text that Postgres stores has a character 0. */
export const positionKey = ({ accountId, instrumentKey, product }: PositionId): string =>
  `${accountId}\0${instrumentKey}\0${product}`;

/**
 * Folds what an event says a position changes by into its row: nothing is computed anew but the average.
 * @throws Unreadable for sums beyond all bounds.
 */
export const evolvePosition = (row: PositionRow | null, accountId: string, recorded: PositionRecorded): PositionRow => {
  const { type, meta, position } = recorded;
  const { instrumentKey, product } = positionIdOf(accountId, recorded);
  const change = changeIn(row, recorded);
  const quantity = (row?.quantity ?? 0) + change.quantity;
  const costE4 = (row?.costE4 ?? 0) + change.costE4;
  const marginE4 = (row?.marginE4 ?? 0) + change.marginE4;
  const realisedE4 = (row?.realisedE4 ?? 0) + change.realisedE4;
  const chargesE4 = (row?.chargesE4 ?? 0) + change.chargesE4;
  for (const sum of [quantity, costE4, marginE4, realisedE4, chargesE4])
    if (!Number.isSafeInteger(sum)) throw new Unreadable(`${type}: the position is too large`);
  return {
    accountId,
    instrumentKey,
    product,
    quantity,
    costE4,
    averagePriceE4: quantity === 0 ? null : dividedHalfUp(costE4, Math.abs(quantity)),
    marginE4,
    realisedE4,
    chargesE4,
    ...dayAfter(row, change),
    orderId: change.orderId ?? row?.orderId ?? null,
    updatedAt: meta.at,
    position,
  };
};

interface Change {
  readonly quantity: number;
  readonly costE4: number;
  readonly marginE4: number;
  readonly realisedE4: number;
  readonly chargesE4: number;
  readonly tradingDate: string | null;
  readonly orderId: string | null;
}

const changeIn = (row: PositionRow | null, recorded: PositionRecorded): Change => {
  if (recorded.type === 'HoldingAdopted') {
    const { quantity, costE4 } = recorded.data;
    return { quantity, costE4, marginE4: costE4, realisedE4: 0, chargesE4: 0, tradingDate: null, orderId: null };
  }
  // What was open is settled by the exchange: nothing is left of it here, and nobody said what it made.
  if (recorded.type === 'PositionExpired') {
    const { quantity, costE4 } = recorded.data;
    const none = { realisedE4: 0, chargesE4: 0, tradingDate: null, orderId: null };
    return { quantity: -quantity, costE4: -costE4, marginE4: -(row?.marginE4 ?? 0), ...none };
  }
  const { side, quantity, costE4, marginE4 = costE4, realisedE4, charges, tradingDate, orderId } = recorded.data;
  return {
    quantity: side === 'BUY' ? quantity : -quantity,
    costE4,
    marginE4,
    realisedE4,
    chargesE4: charges?.totalE4 ?? 0,
    tradingDate: tradingDate ?? null,
    orderId,
  };
};

/** Each new day begins at nothing; a trade of an earlier day, told late, belongs to a day that is over. */
const dayAfter = (
  row: PositionRow | null,
  { tradingDate, realisedE4, chargesE4 }: Change,
): Pick<PositionRow, 'tradingDate' | 'dayRealisedE4' | 'dayChargesE4'> => {
  const before = row?.tradingDate ?? null;
  const [dayRealisedE4, dayChargesE4] = [row?.dayRealisedE4 ?? 0, row?.dayChargesE4 ?? 0];
  if (tradingDate === null || (before !== null && tradingDate < before))
    return { tradingDate: before, dayRealisedE4, dayChargesE4 };
  if (tradingDate === before)
    return { tradingDate, dayRealisedE4: dayRealisedE4 + realisedE4, dayChargesE4: dayChargesE4 + chargesE4 };
  return { tradingDate, dayRealisedE4: realisedE4, dayChargesE4: chargesE4 };
};
