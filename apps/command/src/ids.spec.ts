import { randomUUID } from 'node:crypto';
import { intentIdOf, orderIdOf, tagOf } from './ids';

const ACCOUNT = '3f0a2c51-6f0e-4e8e-9f0e-1f2a3b4c5d6e';

describe('the id of an intent', () => {
  it('follows from the account and the key, in every process and for ever', () => {
    // A value that is stored in logs: it must not change.
    expect(intentIdOf(ACCOUNT, 'my-key')).toBe('2ef20cdd-0c49-5a46-90d6-492c9e845c9a');
    expect(intentIdOf(ACCOUNT, 'my-key')).toBe(intentIdOf(ACCOUNT, 'my-key'));
  });

  it('is another one for another key or another account', () => {
    const ids = [
      intentIdOf(ACCOUNT, 'my-key'),
      intentIdOf(ACCOUNT, 'My-key'),
      intentIdOf(ACCOUNT, 'my-key '),
      intentIdOf(randomUUID(), 'my-key'),
    ];
    expect(new Set(ids).size).toBe(4);
  });
});

describe('the id of an order', () => {
  it('follows from its intent and its line', () => {
    expect(orderIdOf(intentIdOf(ACCOUNT, 'my-key'), 0)).toBe('9c37ade9-d18d-5dc2-a541-9f5ae7458291');
    expect(orderIdOf(intentIdOf(ACCOUNT, 'my-key'), 1)).not.toBe(orderIdOf(intentIdOf(ACCOUNT, 'my-key'), 0));
  });
});

describe('a tag', () => {
  it('fits every broker: at most 20 characters, capitals and digits', () => {
    for (let n = 0; n < 2_000; n += 1) expect(tagOf(randomUUID(), 1 + (n % 40))).toMatch(/^C[0-9A-Z]{18}$/);
  });

  it('is another one for every order and every attempt', () => {
    const orders = Array.from({ length: 500 }, () => randomUUID());
    const tags = orders.flatMap((orderId) => [1, 2, 3].map((attempt) => tagOf(orderId, attempt)));
    expect(new Set(tags).size).toBe(1_500);
  });

  it('is found again from the order alone', () => {
    expect(tagOf(ACCOUNT, 1)).toBe(tagOf(ACCOUNT, 1));
  });
});
