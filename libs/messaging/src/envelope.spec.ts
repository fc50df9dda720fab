import fc from 'fast-check';
import type { RecordedEvent } from '#event-log/event-log';
import { fromMessage, type Message, type ReceivedMessage, toMessage, toWatermark } from './envelope';

const event: RecordedEvent = {
  id: 'b5f4b1de-6c0b-4b2e-9a63-0c6f4f6f8a01',
  type: 'OrderPlaced',
  data: { orderId: 'o-1', quantity: 10 },
  meta: {
    userId: 'u-1',
    accountId: 'a-1',
    correlationId: 'c-1',
    causationId: 'c-0',
    at: 1_767_225_600_123,
    schemaVersion: 1,
  },
  stream: 'order-o-1',
  revision: 3,
  position: 42,
};
const link = { after: 40, partitions: 12 };

/** As Kafka hands it out: everything is bytes. */
const sent = ({ key, value, headers }: Message): ReceivedMessage => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(value),
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
});

describe('an event as a message', () => {
  it('is a CloudEvent in binary mode, with the account as its key', () => {
    expect(toMessage(event, link)).toEqual({
      key: 'a-1',
      value: '{"orderId":"o-1","quantity":10}',
      headers: {
        ce_specversion: '1.0',
        ce_id: event.id,
        ce_source: 'coordinator',
        ce_type: 'coordinator.OrderPlaced',
        ce_subject: 'order-o-1',
        ce_time: '2026-01-01T00:00:00.123Z',
        'content-type': 'application/json',
        ce_position: '42',
        ce_after: '40',
        ce_partitions: '12',
        ce_revision: '3',
        ce_accountid: 'a-1',
        ce_userid: 'u-1',
        ce_correlationid: 'c-1',
        ce_causationid: 'c-0',
        ce_schemaversion: '1',
      },
    });
  });

  it('names its attributes as CloudEvents asks: small letters and digits, twenty at most', () => {
    for (const name of Object.keys(toMessage(event, link).headers)) {
      if (name !== 'content-type') expect(name).toMatch(/^ce_[a-z0-9]{1,20}$/);
    }
  });

  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  it('comes back as it went, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.record({
          id: fc.uuid(),
          type: name,
          data: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 })),
          meta: fc.record({
            userId: fc.string({ unit: 'grapheme' }),
            accountId: fc.string({ unit: 'grapheme' }),
            correlationId: name,
            causationId: name,
            at: fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9999, 11, 31) }),
            schemaVersion: fc.maxSafeInteger(),
          }),
          stream: name,
          revision: fc.nat(),
          position: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        }),
        fc.nat(1_000),
        (recorded, back) => {
          const after = Math.max(0, recorded.position - 1 - back);
          const received = fromMessage(sent(toMessage(recorded, { after, partitions: 12 })));
          expect(JSON.stringify(received)).toBe(
            JSON.stringify({ kind: 'event', event: orderOfKeys(recorded), after, partitions: 12 }),
          );
        },
      ),
    );
  });

  it.each([
    ['a time before the year 0', { at: -1e14 }],
    ['a time after the year 9999', { at: Date.UTC(10_000, 0, 1) }],
    ['a time that no calendar has', { at: Number.MAX_SAFE_INTEGER }],
    ['an account with half a character', { accountId: 'a\ud800' }],
    ['a user with half a character', { userId: '\udc00' }],
  ])('is refused with %s', (_what, wrong) => {
    expect(() => toMessage({ ...event, meta: { ...event.meta, ...wrong } }, link)).toThrow('meta.');
  });
});

describe('a message', () => {
  const good = toMessage(event, link);
  const withHeader = (name: string, value: string | string[] | null | undefined): ReceivedMessage => ({
    ...good,
    headers: { ...good.headers, [name]: value },
  });

  it('that is a watermark says up to where nothing else happened', () => {
    const watermark = toWatermark(50, link);
    expect(watermark.key).toBeNull();
    expect(fromMessage(sent(watermark))).toEqual({ kind: 'watermark', position: 50, ...link });
    expect(fromMessage(toWatermark(40, link))).toEqual({ kind: 'watermark', position: 40, ...link });
    expect(() => fromMessage(toWatermark(39, link))).toThrow('ce_after');
  });

  it.each(Object.keys(good.headers))('without %s is refused by that name', (name) => {
    expect(() => fromMessage(withHeader(name, undefined))).toThrow(`header ${name} is missing`);
    expect(() => fromMessage(withHeader(name, null))).toThrow(`header ${name} is missing`);
    expect(() => fromMessage(withHeader(name, ['a', 'b']))).toThrow(`header ${name} stands there more than once`);
  });

  it.each([
    ['ce_specversion', '0.3'],
    ['ce_source', 'elsewhere'],
    ['content-type', 'text/plain'],
    ['ce_type', 'OrderPlaced'],
    ['ce_type', 'coordinator.'],
    ['ce_position', '1e3'],
    ['ce_position', '0'],
    ['ce_position', ' 42'],
    ['ce_position', '042'],
    ['ce_position', '9007199254740993'],
    ['ce_position', ''],
    ['ce_after', '42'],
    ['ce_after', '-1'],
    ['ce_partitions', '0'],
    ['ce_revision', '1.5'],
    ['ce_id', 'one'],
    ['ce_subject', ''],
    ['ce_time', '2026-01-01'],
    ['ce_time', '2026-13-01T00:00:00.000Z'],
    ['ce_schemaversion', 'one'],
  ])('with %s %p is refused by that name', (name, value) => {
    expect(() => fromMessage(withHeader(name, value))).toThrow(`header ${name} `);
  });

  it.each([
    ['no value', { value: null }, 'the value is missing'],
    ['a value that is no JSON', { value: '{' }, 'the value is no JSON'],
    ['a value that is a list', { value: '[]' }, 'the value is no JSON object'],
    ['a value that is nothing', { value: 'null' }, 'the value is no JSON object'],
    ['another key', { key: 'a-2' }, 'the key'],
    ['no headers', { headers: {} }, 'ce_specversion is missing'],
  ])('with %s is refused', (_what, wrong, reason) => {
    expect(() => fromMessage({ ...good, ...wrong })).toThrow(reason);
  });

  it('is shown in parts when it is long', () => {
    expect(() => fromMessage(withHeader('ce_id', 'x'.repeat(10_000)))).toThrow(/^.{1,140}$/);
  });
});

const orderOfKeys = ({ id, type, data, meta, stream, revision, position }: RecordedEvent): RecordedEvent => {
  const { userId, accountId, correlationId, causationId, at, schemaVersion } = meta;
  return {
    id,
    type,
    data,
    meta: { userId, accountId, correlationId, causationId, at, schemaVersion },
    stream,
    revision,
    position,
  };
};
