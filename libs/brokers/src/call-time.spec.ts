import { details as sample } from '#domain/orders/samples';
import type { Dispatch } from './broker';
import { capabilitiesAt } from './capabilities';
import type { BrokerClient, BrokerInstrument, Sent } from './client';
import { ConnectedBroker } from './connected-broker';
import type { Admission } from './governor';
import { instrumentsOf } from './in-spec';
import { LastPrices } from './last-prices';

const SHARE: BrokerInstrument = {
  instrumentKey: sample.instrumentKey,
  exchange: 'NSE',
  segment: 'NSE_EQ',
  symbol: sample.instrumentKey,
  token: '1',
};
const accepted = (brokerOrderId: string): Sent => ({ outcome: 'accepted', brokerOrderId });

/** The clock of this spec: nothing passes unless somebody lets it. */
let clockMs = 0;
const passes = <Value>(ms: number, value: Value): Promise<Value> => {
  clockMs += ms;
  return Promise.resolve(value);
};
beforeEach(() => jest.spyOn(performance, 'now').mockImplementation(() => clockMs));
afterEach(() => jest.restoreAllMocks());

const connected = (client: Partial<BrokerClient>, admission: Admission = { admitted: true }): ConnectedBroker =>
  new ConnectedBroker({
    client: { broker: 'upstox', ...client } as BrokerClient,
    capabilities: capabilitiesAt('upstox', '2026-11-20'),
    governor: { admit: () => passes(700, admission), weightMax: () => 8, close: () => undefined },
    instruments: instrumentsOf(SHARE),
    prices: new LastPrices(),
    marketNowMs: () => Date.UTC(2026, 10, 20, 5),
    settleMs: 0,
    openOrders: () => Promise.resolve([]),
    reconcileMs: 60_000,
    now: () => 0,
    onLocked: () => undefined,
    onAlarm: () => undefined,
  });

const dispatchOf = (tag: string): Dispatch => ({ details: sample, terms: sample, tag });

describe('the time of a call', () => {
  it('is the broker’s own, without the wait for its turn', async () => {
    const broker = connected({ place: () => passes(12, accepted('1')) });
    expect(await broker.place(dispatchOf('A'), 1)).toMatchObject({ outcome: 'accepted', callMs: 12 });
  });

  it('is told of each order that travelled in it', async () => {
    const broker = connected({ placeMany: () => passes(30, [accepted('1'), accepted('2')]) });
    const answers = await Promise.all(['A', 'B'].map((tag) => broker.place(dispatchOf(tag), 1)));
    expect(answers.map(({ callMs }) => callMs)).toEqual([30, 30]);
  });

  it('is told of a call that failed, too', async () => {
    const place = async (): Promise<Sent> => {
      await passes(5, undefined);
      throw new Error('a fault of ours');
    };
    expect(await connected({ place }).place(dispatchOf('A'), 1)).toMatchObject({ outcome: 'unknown', callMs: 5 });
  });

  it('is not told of what was never sent', async () => {
    const refusal = { admitted: false, evidence: { code: 'GOVERNOR_TOO_LATE' }, retryAfterMs: 1 } as const;
    const answer = await connected({}, refusal).place(dispatchOf('A'), 1);
    expect(answer).toMatchObject({ outcome: 'notSent' });
    expect(answer).not.toHaveProperty('callMs');
  });
});
