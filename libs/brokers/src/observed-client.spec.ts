import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerClient, OrderToSend, Sent } from './client';
import { type BrokerOperation, observedClient } from './observed-client';

const ACCEPTED: Sent = { outcome: 'accepted', brokerOrderId: '1' };
const ORDER = {} as OrderToSend;

/** Answers each call with its own name and what it was asked, after a moment. */
const answering = (more: Partial<BrokerClient> = {}): BrokerClient =>
  new Proxy({ broker: 'upstox', ...more } as BrokerClient, {
    get: (target, name) => {
      if (name in target || name === 'placeMany') return Reflect.get(target, name) as unknown;
      return async (...asked: unknown[]) => {
        await sleep(5);
        return { name, asked };
      };
    },
  });

let told: { operation: BrokerOperation; durationMs: number }[];
beforeEach(() => {
  told = [];
});
const observed = (client: BrokerClient): BrokerClient =>
  observedClient(client, (operation, durationMs) => told.push({ operation, durationMs }));

const CALLS: Readonly<Record<BrokerOperation, readonly unknown[]>> = {
  validate: [],
  place: [ORDER],
  placeMany: [[ORDER, ORDER]],
  modify: [{}, {}],
  cancel: [{}],
  findByTag: ['TAG'],
  order: ['1'],
  orders: [],
  trades: [],
  tradesOf: ['1'],
  positions: [],
  holdings: [],
  funds: [],
  margin: [[ORDER]],
};
const OPERATIONS = Object.entries(CALLS) as [BrokerOperation, readonly unknown[]][];

describe('a client that is observed', () => {
  it.each(OPERATIONS)('passes %s on, and tells how long it took', async (operation, asked) => {
    const placeMany = async (...orders: unknown[]) => {
      await sleep(5);
      return { name: 'placeMany', asked: orders };
    };
    const client = observed(answering({ placeMany: placeMany as unknown as NonNullable<BrokerClient['placeMany']> }));
    const call = client[operation] as unknown as (...asked: readonly unknown[]) => Promise<unknown>;
    expect(await call(...asked)).toEqual({ name: operation, asked });
    expect(told).toEqual([{ operation, durationMs: expect.any(Number) as number }]);
    expect(told[0]?.durationMs).toBeGreaterThan(0);
  });

  it('tells of a call that failed, and lets it fail', async () => {
    const client = observed(answering({ place: () => Promise.reject(new Error('a fault of ours')) }));
    await expect(client.place(ORDER)).rejects.toThrow('a fault of ours');
    expect(told.map(({ operation }) => operation)).toEqual(['place']);
  });

  it('takes several orders in one call only where the client does', () => {
    expect(observed(answering()).placeMany).toBeUndefined();
    expect(observed(answering({ placeMany: () => Promise.resolve([ACCEPTED]) })).placeMany).toBeDefined();
  });

  it('leaves its feeds alone', () => {
    const feed = { close: () => Promise.resolve() };
    const client = observed(answering({ followOrders: () => feed }));
    expect(client.followOrders({ onRow: () => undefined } as never)).toBe(feed);
    expect(told).toEqual([]);
  });
});
