import { storyOf, type StoryName } from '../../../../test/support/events';
import { foldBatch, read } from '../batch';

const foldOf = (story: StoryName) =>
  foldBatch(read(storyOf(story)), { order: () => null, work: () => null, position: () => null });

describe('a trade', () => {
  it('takes what was traded, and where, from its order', () => {
    const { trades, orders } = foldOf('filled');
    const [order] = orders.values();
    expect(trades).toHaveLength(1);
    expect(trades[0]).toMatchObject({
      orderId: order?.orderId,
      accountId: order?.accountId,
      symbol: order?.symbol,
      instrumentKey: order?.instrumentKey,
      side: order?.side,
      product: order?.product,
      broker: 'paper',
      brokerOrderId: order?.brokerOrderId,
      quantity: order?.quantity,
    });
  });

  it('is worth its price times its quantity', () => {
    for (const { priceE4, quantity, valueE4 } of foldOf('filledInParts').trades)
      expect(valueE4).toBe(priceE4 * quantity);
  });

  it('is one row a fill, together the filled quantity of the order', () => {
    const { trades, orders } = foldOf('filledInParts');
    expect(trades.length).toBeGreaterThan(1);
    expect(trades.reduce((sum, { quantity }) => sum + quantity, 0)).toBe([...orders.values()][0]?.filledQuantity);
  });

  it('may come before the broker has named its order', () =>
    expect(foldOf('filledBeforeAccepted').trades[0]?.brokerOrderId).toBeNull());

  it('is not what an overfill makes', () => expect(foldOf('overfilled').trades).toHaveLength(1));
});
