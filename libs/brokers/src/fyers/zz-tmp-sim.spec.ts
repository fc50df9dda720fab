import { startSimInSpec, eventually } from '../../../../apps/broker-sim/src/sim-in-spec';
import { fyers } from './fyers';
import { angelone } from '../angelone/angelone';
import type { BrokerInstrument, BrokerAdapter } from '../client';

it.each([
  ['fyers', fyers, { symbol: 'NSE:SBIN-EQ', token: '10100000003045' }],
  ['angelone', angelone, { symbol: 'NSE:SBIN-EQ', token: '3045' }],
] as [string, BrokerAdapter, any][])('%s', async (broker, adapter, names) => {
  const spec = await startSimInSpec({});
  const made: any = await spec.control('POST', '/_sim/clients', { broker, fundsRupees: 10000000 });
  const { credentials, baseUrl } = made.body;
  const sbin: BrokerInstrument = { instrumentKey: 'NSE_EQ|INE062A01020', exchange: 'NSE', segment: 'NSE_EQ', ...names };
  const client = adapter.open({
    endpoints: adapter.endpoints(baseUrl), credentials: adapter.readCredentials(credentials),
    instruments: { of: () => sbin, bySymbol: () => sbin }, timeoutMs: 3000, now: () => Date.now(),
  });
  const log: unknown[] = [];
  const out = (what: string, value: unknown) => log.push(what + ' ' + JSON.stringify(value));
  const rows: any[] = []; const drifts: unknown[] = []; const states: unknown[] = [];
  const feed = client.followOrders({ onRows: (r) => { rows.push(...r); }, onDrift: (e) => drifts.push(e), onState: (s) => states.push(s) });
  await eventually('up', () => states.length >= 1 || undefined);
  const order = { instrument: sbin, side: 'BUY' as const, product: 'CNC' as const, terms: { orderType: 'LIMIT' as const, quantity: 5, priceE4: 8_000_000, validity: 'DAY' as const }, tag: 'TAG001' };
  const placed = await client.place(order); out('place', placed);
  const id = placed.outcome === 'accepted' ? placed.brokerOrderId : '';
  const wait = () => new Promise((r) => setTimeout(r, 1100));
  await wait();
  const terms = { ...order.terms, quantity: 7, priceE4: 8_000_500 };
  out('modify', await client.modify({ ...order, brokerOrderId: id }, terms));
  out('order', await client.order(id)); await wait();
  out('cancel', await client.cancel({ ...order, brokerOrderId: id, terms }));
  out('cancel2', await client.cancel({ ...order, brokerOrderId: id, terms }));
  const stopTerms = { orderType: 'SL' as const, quantity: 3, priceE4: 10_010_000, triggerPriceE4: 10_000_000, validity: 'DAY' as const };
  const stop = await client.place({ ...order, tag: 'TAG003', terms: stopTerms });
  out('stop', stop);
  if (stop.outcome === 'accepted') out('stop cancel', await client.cancel({ ...order, brokerOrderId: stop.brokerOrderId, terms: stopTerms }));
  out('many', await client.placeMany?.([{ ...order, tag: 'TAG004' }, { ...order, tag: 'TAG005', terms: { ...order.terms, priceE4: 8_000_001 } }]));
  out('poor', await client.place({ ...order, tag: 'TAG007', terms: { ...order.terms, quantity: 90_000 } }));
  await eventually('rows', () => rows.length > 4 || undefined);
  for (const r of rows) out('row', [r.tag, r.state, r.rawState, r.terms, r.evidence]);
  for (const kind of ['accept-then-drop', 'accept-then-5xx', 'throttle', 'drop-before', 'garble-update']) {
    await spec.control('POST', '/_sim/faults', { broker, kind, count: 1, ...(kind === 'garble-update' ? {} : {operation: 'place'}) });
    await wait();
    out(kind, await client.place({ ...order, tag: 'F' + kind.replace(/[^a-z]/g, '').slice(0, 10) }));
    await wait();
    out('found', await client.findByTag('F' + kind.replace(/[^a-z]/g, '').slice(0, 10)));
  }
  out('drifts', drifts); out('states', states);
  await feed.close(); await spec.stop();
  console.log(log.map((l) => String(l).slice(0, 420)).join('\n'));
}, 60000);
