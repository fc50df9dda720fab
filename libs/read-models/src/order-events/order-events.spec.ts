import { storyOf } from '../../../../test/support/events';
import { foldBatch, read } from '../batch';

describe('the history of an order', () => {
  const events = storyOf('cancelled');
  const { orderEvents } = foldBatch(read(events), { order: () => null, work: () => null, position: () => null });

  it('has one row an event of the order, with what happened and how the order then stood, in FIX', () =>
    expect(orderEvents.map(({ revision, type, execType, ordStatus }) => [revision, type, execType, ordStatus])).toEqual(
      [
        [0, 'OrderPlaced', 'A', 'A'],
        [1, 'OrderDispatched', 'A', 'A'],
        [2, 'OrderAccepted', '0', '0'],
        [3, 'CancelRequested', '6', '6'],
        [4, 'OrderCancelled', '4', '4'],
      ],
    ));

  it('keeps the event as it was recorded, and who caused it', () => {
    const recorded = events.filter(({ stream }) => stream.startsWith('order-'));
    expect(orderEvents.map(({ data }) => JSON.parse(data) as unknown)).toEqual(recorded.map(({ data }) => data));
    expect(orderEvents[0]).toMatchObject({
      position: recorded[0]?.position,
      correlationId: recorded[0]?.meta.correlationId,
      userId: 'user-1',
      at: recorded[0]?.meta.at,
    });
  });
});
