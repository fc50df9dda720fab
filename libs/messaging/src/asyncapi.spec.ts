import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { accountBy, type AccountCommand, type AccountEvent } from '#domain/accounts/account';
import { history, recorded } from '../../../test/support/events';
import type { RecordedEvent } from '#event-log/event-log';
import { toMessage, toWatermark } from './envelope';
import { topicsOf } from './topic';

const root = resolve(__dirname, '../../..');
const lines = readFileSync(resolve(root, 'docs/asyncapi.yaml'), 'utf8').split('\n');

/** Every key of the document as a path from its top, with what stands beside it. Lists of maps have no keys here. */
const document = new Map<string, string>();
/** A list of words that the formatter has broken over lines stands below its key. */
const below = new Map<string, string[]>();
const open: string[] = [];
for (const line of lines) {
  const [, indent = '', key, value = ''] = /^( *)'?([\w$.-]+)'?:(?: (.*))?$/.exec(line) ?? [];
  if (key === undefined) {
    const [, word] = /^ *([\w-]+),?$/.exec(line) ?? [];
    if (word !== undefined) below.get(open.join('/'))?.push(word);
    continue;
  }
  open.length = indent.length / 2;
  open.push(key);
  document.set(open.join('/'), value);
  below.set(open.join('/'), []);
}
const keysOf = (path: string): string[] =>
  [...document.keys()].flatMap((key) => {
    const rest = key.startsWith(`${path}/`) ? key.slice(path.length + 1) : '/';
    return rest.includes('/') ? [] : [rest];
  });
const listAt = (path: string): string[] => {
  const [, words] = /^\[(.*)\]$/.exec(document.get(path) ?? '') ?? [];
  return words === undefined ? (below.get(path) ?? []) : words.split(', ');
};

/** The types that the domain declares in a union of events. */
const typesOfDomain = (['intents/intent', 'orders/order', 'accounts/account'] as const).flatMap((file) => {
  const source = readFileSync(resolve(root, `libs/domain/src/${file}.ts`), 'utf8');
  const [, union = ''] = /^export type \w+Event =\n([\s\S]*?)^\/\* -+ commands/m.exec(source) ?? [];
  return [...union.matchAll(/^ *\|? *\{? *readonly type: '(\w+)'|\| \{ readonly type: '(\w+)'/gm)].map(
    ([, one, other]) => one ?? other ?? '',
  );
});

describe('the document of the topics', () => {
  it('describes every event that the domain knows, and no other', () => {
    expect(typesOfDomain.length).toBeGreaterThan(20);
    const messages = keysOf('components/messages').filter((name) => name !== 'watermark' && name !== 'parked');
    expect(messages.sort()).toEqual([...typesOfDomain].sort());
    for (const type of typesOfDomain) {
      expect(document.get(`components/messages/${type}/name`)).toBe(`coordinator.${type}`);
      expect(document.get(`components/messages/${type}/payload/$ref`)).toBe(`'#/components/schemas/${type}'`);
      expect(document.get(`channels/events/messages/${type}/$ref`)).toBe(`'#/components/messages/${type}'`);
    }
  });

  it('refers only to what it holds', () => {
    const refs = lines.flatMap((line) => /\$ref: '#\/(.*)'/.exec(line)?.[1] ?? []);
    expect(refs.length).toBeGreaterThan(100);
    expect(refs.filter((path) => !document.has(path))).toEqual([]);
  });

  it('knows every field of what the write side records, and asks for none that is not there', () => {
    const seen = new Set<string>();
    for (const { type, data } of [...recorded(history({ seed: 7, orders: 400 })), ...lifeOfAContract()]) {
      seen.add(type);
      const schema = `components/schemas/${type}`;
      const fields = Object.keys(data);
      expect({ type, unknown: fields.filter((field) => !document.has(`${schema}/properties/${field}`)) }).toEqual({
        type,
        unknown: [],
      });
      const required = listAt(`${schema}/required`);
      expect(required.length).toBeGreaterThan(0);
      expect({ type, missing: required.filter((field) => !fields.includes(field)) }).toEqual({ type, missing: [] });
    }
    expect(typesOfDomain.filter((type) => !seen.has(type))).toEqual([]);
  });

  it('names the headers that are sent', () => {
    const [event] = recorded(history({ seed: 1, orders: 1 })) as [RecordedEvent];
    const headersAt = (path: string): string[] => keysOf(`${path}/headers/properties`).sort();
    const link = { after: 0, partitions: 12 };
    expect(headersAt('components/messageTraits/recorded')).toEqual(Object.keys(toMessage(event, link).headers).sort());
    expect(headersAt('components/messages/watermark')).toEqual(Object.keys(toWatermark(1, link).headers).sort());
    expect(listAt('components/messages/watermark/headers/required').sort()).toEqual(
      headersAt('components/messages/watermark'),
    );
  });

  it('names the topics', () => {
    expect(document.get('channels/events/address')).toBe(topicsOf().events);
    expect(document.get('channels/parked/address')).toBe(topicsOf().parked);
  });
});

/** What no history of shares contains: a contract is bought, and its last trading day passes. */
const lifeOfAContract = (): readonly AccountEvent[] => {
  const call = { group: 'NIFTY', isOption: true, expiry: '2026-01-06' };
  const { decide, evolve, initial } = accountBy({
    contractOf: (instrumentKey) => (instrumentKey === 'NSE_FO|1' ? call : undefined),
    worstCaseE4: () => 0,
    chargesOf: () => undefined,
  });
  const subject = { orderId: 'order-1', instrumentKey: 'NSE_FO|1', product: 'NRML', side: 'BUY' } as const;
  const trade = { tradeId: 't', quantity: 65, priceE4: 1, cumulativeQuantity: 65, orderClosed: true, broker: 'paper' };
  const share = { ...subject, orderId: 'order-2', instrumentKey: 'NSE_EQ|1', quantity: 1, marginPriceE4: 1 };
  const commands: readonly AccountCommand[] = [
    { type: 'OpenAccount', data: { accountId: 'a', userId: 'u', kind: 'paper', broker: 'paper' } },
    { type: 'DepositFunds', data: { depositId: 'd', amountE4: 1_000 } },
    { type: 'ReserveMargin', data: { ...subject, quantity: 65, marginPriceE4: 1, tradingDate: '2026-01-02' } },
    { type: 'PostMargin', data: { ...subject, ...trade, tradingDate: '2026-01-02' } },
    { type: 'ReserveMargin', data: { ...share, tradingDate: '2026-01-07' } },
  ];
  const happened: AccountEvent[] = [];
  let now = initial;
  for (const command of commands)
    for (const event of decide(command, now)) {
      happened.push(event);
      now = evolve(now, event);
    }
  return happened;
};
