import type { DriftedRow, OrderRow, Read, TradeRow } from './client';
import { isOurTag, orderIn, tradesIn } from './books';

const drift = (brokerOrderId?: string): DriftedRow => ({
  code: 'DRIFT',
  message: '$.data[0].side: not a side',
  ...(brokerOrderId !== undefined && { brokerOrderId }),
});
const evidence = drift();
const failed = { outcome: 'failed', errorClass: 'drift', evidence };

describe('a tag', () => {
  it.each(['C0123456789ABCDEF01', '1:C0123456789ABCDEF01', 'c0123456789abcdef01', ' C0123456789ABCDEF01 '])(
    'is taken for ours as %j',
    (text) => expect(isOurTag(text)).toBe(true),
  );

  it.each(['', 'C', '2:Untagged', 'BYHAND', 'C0123456789ABCDEF0', 'C0123456789ABCDEF012', 'D0123456789ABCDEF01'])(
    'is not ours as %j',
    (text) => expect(isOurTag(text)).toBe(false),
  );
});

describe('an order in a book', () => {
  const row: OrderRow = {
    ...{ brokerOrderId: '1', symbol: 'NSE:SBIN', side: 'BUY', state: 'WORKING', rawState: 'open', filledQuantity: 0 },
    terms: { orderType: 'MARKET', quantity: 1, validity: 'DAY' },
  };
  const book = (...drifted: readonly DriftedRow[]): Read<readonly OrderRow[]> => ({
    outcome: 'ok',
    value: [row],
    ...(drifted.length > 0 && { drifted }),
  });

  it('is there or not', () => {
    expect(orderIn(book(), '1')).toEqual({ outcome: 'ok', value: row });
    expect(orderIn(book(), '2')).toEqual({ outcome: 'ok', value: undefined });
  });

  it('is neither where its row was left out', () => {
    expect(orderIn(book(drift('2')), '2')).toEqual(failed);
    expect(orderIn(book(drift('1')), '1')).toEqual(failed);
  });

  it('that is not found may be a row that does not say its id', () =>
    expect(orderIn(book(drift()), '2')).toEqual(failed));

  it('does not mind rows of others that were left out', () => {
    expect(orderIn(book(drift('3')), '2')).toMatchObject({ outcome: 'ok', value: undefined, drifted: [drift('3')] });
    expect(orderIn(book(drift()), '1')).toMatchObject({ outcome: 'ok', value: row });
  });
});

describe('the trades of an order in a book', () => {
  const trade: TradeRow = {
    ...{ tradeId: 'T', brokerOrderId: '1', symbol: 'NSE:SBIN', side: 'BUY', quantity: 1, priceE4: 1, tradedAtMs: 0 },
  };
  const book: Read<readonly TradeRow[]> = { outcome: 'ok', value: [trade], drifted: [drift('2')] };

  it('are not told where one of them was left out', () => expect(tradesIn(book, '2')).toEqual(failed));

  it('are told where only one of another order was', () => {
    expect(tradesIn(book, '1')).toMatchObject({ outcome: 'ok', value: [trade] });
    expect(tradesIn(book, '3')).toMatchObject({ outcome: 'ok', value: [] });
  });
});
