import type { BrokerClient } from './client';

/** What is asked of a broker by one call. */
export type BrokerOperation = Exclude<keyof BrokerClient, 'broker' | 'followOrders' | 'followPrices'>;

/** Told after each call, whatever came of it; must not throw. */
export type ObserveCall = (operation: BrokerOperation, durationMs: number) => void;

/** The same client; somebody is told how long each of its calls took, all included. */
export const observedClient = (client: BrokerClient, observe: ObserveCall): BrokerClient => {
  const timed = async <Value>(operation: BrokerOperation, call: () => Promise<Value>): Promise<Value> => {
    const startedAt = performance.now();
    try {
      return await call();
    } finally {
      observe(operation, performance.now() - startedAt);
    }
  };
  const placeMany = client.placeMany?.bind(client);
  return {
    broker: client.broker,
    validate: () => timed('validate', () => client.validate()),
    place: (order) => timed('place', () => client.place(order)),
    ...(placeMany && { placeMany: (orders) => timed('placeMany', () => placeMany(orders)) }),
    modify: (order, terms) => timed('modify', () => client.modify(order, terms)),
    cancel: (order) => timed('cancel', () => client.cancel(order)),
    findByTag: (tag) => timed('findByTag', () => client.findByTag(tag)),
    order: (brokerOrderId) => timed('order', () => client.order(brokerOrderId)),
    orders: () => timed('orders', () => client.orders()),
    trades: () => timed('trades', () => client.trades()),
    tradesOf: (brokerOrderId) => timed('tradesOf', () => client.tradesOf(brokerOrderId)),
    positions: () => timed('positions', () => client.positions()),
    holdings: () => timed('holdings', () => client.holdings()),
    funds: () => timed('funds', () => client.funds()),
    margin: (orders) => timed('margin', () => client.margin(orders)),
    followOrders: (listener) => client.followOrders(listener),
    followPrices: (listener) => client.followPrices(listener),
  };
};
