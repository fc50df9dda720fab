import type { AccountEvent } from '#domain/accounts/account';
import { type Recorded, Unreadable } from '../recorded';
import { chargesJsonOf, linesOf } from './lines';
import type { TradeChargesRow } from './trade-charges-row';

/**
 * What a trade was charged; nothing where no rates were known, and in what was stored before there were any.
 * @throws Unreadable for charges that belong to no contract note.
 */
export const tradeChargesOf = (
  accountId: string,
  { type, data, position }: Recorded<Extract<AccountEvent, { type: 'MarginPosted' }>>,
): TradeChargesRow | undefined => {
  const { charges, tradingDate, broker, instrumentKey, priceE4, quantity } = data;
  if (charges === undefined) return undefined;
  if (tradingDate === undefined || broker === undefined)
    throw new Unreadable(`${type}: charges without the day and the broker of their contract note`);
  const valueE4 = priceE4 * quantity;
  if (!Number.isSafeInteger(valueE4)) throw new Unreadable(`${type}: the value of the trade is too large`);
  return {
    orderId: data.orderId,
    tradeId: data.tradeId,
    accountId,
    broker,
    tradingDate,
    instrumentKey,
    exchangeSegment: instrumentKey.slice(0, Math.max(0, instrumentKey.indexOf('|'))),
    product: data.product,
    side: data.side,
    quantity,
    priceE4,
    valueE4,
    realisedE4: data.realisedE4,
    ...linesOf(charges),
    chargesJson: chargesJsonOf(charges),
    position,
  };
};
