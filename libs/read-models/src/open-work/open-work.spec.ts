import { STORY_NAMES, storyOf, type StoryName } from '../../../../test/support/events';
import type { RecordedEvent } from '#event-log/event-log';
import { type Changes, foldBatch, read } from '../batch';
import type { OpenWorkRow } from './open-work-row';

/** What is left to do after these events, and nothing before them. */
const workAfter = (events: readonly RecordedEvent[], before?: Changes): OpenWorkRow[] => {
  const changes = foldBatch(read(events), {
    order: (id) => before?.orders.get(id) ?? null,
    work: (key) => before?.openWork.get(key) ?? null,
    position: (key) => before?.positions.get(key) ?? null,
  });
  return [...changes.openWork.values()].filter((row) => row !== null);
};

const stepsOf = (story: StoryName) => {
  const events = storyOf(story);
  return events.map(({ type }, index) => ({ type, work: workAfter(events.slice(0, index + 1)) }));
};
const workAt = (story: StoryName, type: string) => stepsOf(story).find((step) => step.type === type)?.work;
const ordersIn = (work: readonly OpenWorkRow[] = []) => work.filter(({ kind }) => kind === 'order');

describe('the to-do list', () => {
  it('holds an intent from its receipt to its completion', () => {
    expect(workAt('filled', 'IntentReceived')).toMatchObject([{ kind: 'intent', status: 'open' }]);
    expect(workAt('filled', 'IntentCompleted')?.filter(({ kind }) => kind === 'intent')).toEqual([]);
  });

  it('holds an order as soon as margin is reserved for it', () =>
    expect(ordersIn(workAt('filled', 'MarginReserved'))).toMatchObject([
      { status: 'reserved', reserved: true, closed: false, broker: null },
    ]));

  it('knows the broker once the order is placed', () =>
    expect(ordersIn(workAt('filled', 'OrderPlaced'))).toMatchObject([
      { status: 'placed', reserved: true, broker: 'paper' },
    ]));

  it('holds a filled order until its account has posted the fill', () => {
    expect(ordersIn(workAt('filled', 'OrderFilled'))).toMatchObject([{ closed: true, posted: 0 }]);
    expect(ordersIn(workAt('filled', 'MarginPosted'))).toEqual([]);
  });

  it('holds a cancelled order until its account has let go of the rest', () => {
    expect(ordersIn(workAt('cancelled', 'OrderCancelled'))).toMatchObject([{ status: 'cancelled', reserved: true }]);
    expect(ordersIn(workAt('cancelled', 'MarginVoided'))).toEqual([]);
  });

  it('never holds a denied order', () => expect(ordersIn(workAt('denied', 'OrderDenied'))).toEqual([]));

  it('holds a closed order again while a late trade is not posted', () => {
    expect(ordersIn(workAt('tradedAfterCancel', 'OrderFilled'))).toMatchObject([
      { status: 'cancelled', closed: true, reserved: false, filled: 1, posted: 0 },
    ]);
    expect(ordersIn(workAt('tradedAfterCancel', 'MarginPosted'))).toEqual([]);
  });

  it('does not mind an account that tells of a late trade first', () => {
    const events = storyOf('tradedAfterCancel');
    const settled = foldBatch(read(events.slice(0, -2)), { order: () => null, work: () => null, position: () => null });
    const [filled, posted] = events.slice(-2);
    if (!filled || !posted) throw new Error('the story ends so');
    expect(ordersIn(workAfter([posted], settled))).toMatchObject([{ closed: true, filled: 0, posted: 1 }]);
    expect(ordersIn(workAfter([posted, filled], settled))).toEqual([]);
  });

  it('does not mind an order that is placed before its margin is reserved', () => {
    const [received, reserved, placed] = storyOf('filled').slice(2);
    if (!received || !reserved || !placed) throw new Error('the story begins so');
    const [order] = ordersIn(workAfter([received, placed, reserved]));
    expect(order).toMatchObject({ status: 'placed', reserved: true, closed: false });
  });

  it('says since when there is something to do', () => {
    const [received] = storyOf('filled').slice(2);
    expect(workAt('filled', 'OrderDispatched')?.map(({ since }) => since)).toEqual([
      received?.meta.at,
      received?.meta.at,
    ]);
  });

  it.each(STORY_NAMES)('is empty at the end, or holds an order that lives: %s', (story) => {
    const work = workAfter(storyOf(story));
    const lives = story === 'open' || story === 'partlyFilled';
    expect(work.map(({ kind, status }) => [kind, status])).toEqual(lives ? [['order', 'working']] : []);
  });
});
