import { history, recorded, STORY_NAMES, storyOf } from '../../../test/support/events';
import type { RecordedEvent } from '#event-log/event-log';
import { parseRecorded, Unreadable } from './recorded';

const first = (type: string): RecordedEvent => {
  const event = STORY_NAMES.flatMap((story) => storyOf(story)).find((event) => event.type === type);
  if (!event) throw new Error(`no story has ${type}`);
  return event;
};

const without = (event: RecordedEvent, field: string): RecordedEvent => ({
  ...event,
  data: Object.fromEntries(Object.entries(event.data).filter(([name]) => name !== field)),
});
const changed = (event: RecordedEvent, fields: object): RecordedEvent => ({
  ...event,
  data: { ...event.data, ...fields },
});

describe('an event as the log hands it out', () => {
  it('is read when it is what the write side writes', () => {
    for (const story of STORY_NAMES)
      for (const event of storyOf(story)) expect(parseRecorded(event)?.event).toBe(event);
  });

  it('is nobody’s business when no view follows its stream', () => {
    for (const stream of ['settings-global', 'connection-1', 'order', 'orders', '__proto__-x', 'constructor-x', ''])
      expect(parseRecorded({ ...first('OrderPlaced'), stream, type: 'Whatever' })).toBeUndefined();
  });

  it.each(['order-0a7a3a5e-32a1-4c4b-a5b2-6f9d3d1a2b3c', 'account-1', 'intent-0a7a3a5e-32a1-4c4b-a5b2-6f9d3d1a2b3c'])(
    'is unreadable when nobody knows its type: %s',
    (stream) => {
      for (const type of ['OrderTeleported', 'toString', '__proto__'])
        expect(() => parseRecorded({ ...first('OrderPlaced'), stream, type })).toThrow(Unreadable);
    },
  );

  it('is unreadable when its order is not named after a UUID', () =>
    expect(() => parseRecorded({ ...first('OrderPlaced'), stream: 'order-1' })).toThrow('order-1 is not named'));

  it.each([
    ['OrderPlaced', 'quantity', [-1, 1.5, '10', null, Number.MAX_SAFE_INTEGER + 1]],
    ['OrderPlaced', 'orderId', ['1', null, {}]],
    ['OrderPlaced', 'side', ['HOLD', 1, ['BUY']]],
    ['OrderPlaced', 'route', [null, 'paper', {}, { broker: 'paper' }]],
    ['OrderPlaced', 'verdicts', [null, {}, [null], ['pass']]],
    ['OrderFilled', 'tradedAt', [-1, 'today', 9e15]],
    ['OrderFilled', 'priceE4', ['1', 0.5, Infinity]],
    ['OrderRejected', 'evidence', [null, 'no', { message: 5 }]],
    ['ReplaceRequested', 'terms', [null, {}, { orderType: 'LIMIT', quantity: -1, validity: 'DAY' }]],
    ['MarginPosted', 'hold', [undefined, 'none', 0]],
    ['MarginPosted', 'instrumentKey', [null, 1]],
    ['MarginPosted', 'costE4', [null, 0.5, '1']],
    ['HoldingAdopted', 'quantity', [-1, null]],
  ])('is unreadable when %s has no proper %s', (type, field, values) => {
    expect(() => parseRecorded(without(first(type), field))).toThrow(`${type}: ${field}`);
    for (const value of values)
      expect(() => parseRecorded(changed(first(type), { [field]: value }))).toThrow(`${type}: ${field}`);
  });

  it.each([
    ['OrderPlaced', 'charges', [null, 7, {}, 'none']],
    ['MarginPosted', 'charges', [null, 7, {}, 'none']],
    [
      'MarginPosted',
      'tradingDate',
      [null, '', 'today', '2026-1-2', '2026-02-30', '2026-13-01', '1999-12-31', 20260102],
    ],
    ['MarginPosted', 'broker', [null, 1]],
    ['MarginPosted', 'marginE4', [null, 0.5]],
  ])('is read without %s.%s, as it was written once, but not with nonsense in its place', (type, field, values) => {
    expect(parseRecorded(without(first(type), field))).toBeDefined();
    for (const value of values)
      expect(() => parseRecorded(changed(first(type), { [field]: value }))).toThrow(`${type}: ${field}`);
  });

  it('is unreadable when a line of its charges is missing, or no whole number', () => {
    for (const type of ['OrderPlaced', 'MarginPosted']) {
      const event = recorded(history({ seed: 1, orders: 20 })).find(
        (event) => event.type === type && Reflect.get(event.data, 'charges') !== undefined,
      );
      if (!event) throw new Error(`no ${type} has charges`);
      const charges = Reflect.get(event.data, 'charges') as Readonly<Record<string, unknown>>;
      expect(Object.keys(charges)).toHaveLength(9);
      for (const line of Object.keys(charges))
        for (const value of [undefined, null, '1', 0.5])
          expect(() => parseRecorded(changed(event, { charges: { ...charges, [line]: value } }))).toThrow('charges');
    }
  });

  it('is unreadable when it does not say when it happened', () => {
    const event = first('OrderPlaced');
    for (const at of [NaN, -1, 1.5, 9e15])
      expect(() => parseRecorded({ ...event, meta: { ...event.meta, at } })).toThrow('at is missing');
  });
});
