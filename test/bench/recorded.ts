import { once } from 'node:events';
import { createServer } from 'node:http';
import { adapters } from '#brokers/adapters';
import { instrumentsOf } from '#brokers/broker-instruments';
import type { BrokerName, Credentials, OrderToSend } from '#brokers/client';
import type { Market, Share } from './market';

const CALL_TIMEOUT_MS = 5_000;

/** An order as the bench has the software place it, for a broker of our own choice. */
export const orderFor = (broker: BrokerName, { catalogue }: Market, share: Share): OrderToSend => {
  const key = catalogue.resolve(share.symbol)?.instrumentKey;
  const instrument = key === undefined ? undefined : instrumentsOf(broker, catalogue).of(key);
  if (!instrument) throw new Error(`${broker} does not list ${share.symbol}`);
  const priceE4 = Math.floor((share.lowE4 * 0.95) / share.tickSizeE4) * share.tickSizeE4;
  return {
    instrument,
    side: 'BUY',
    product: 'MIS',
    terms: { orderType: 'LIMIT', quantity: 1, priceE4, validity: 'DAY' },
    tag: 'BENCH00000000000000',
  };
};

/**
 * What the software sends to place an order, byte for byte: its own client sends it to a server that only listens. So
 * the same bytes can be sent without the software.
 */
export const recordPlace = async (
  broker: BrokerName,
  { catalogue }: Market,
  credentials: Credentials,
  order: OrderToSend,
): Promise<string> => {
  let heard = '';
  const server = createServer((request, response) => {
    const { method = '', url = '', rawHeaders } = request;
    const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      heard = `${method} ${url} HTTP/1.1\r\n${lines.join('')}\r\n${Buffer.concat(chunks).toString('latin1')}`;
      response.writeHead(503, { connection: 'close' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no free port');
    const adapter = adapters[broker];
    const client = adapter.open({
      endpoints: adapter.endpoints(`http://127.0.0.1:${String(address.port)}`),
      credentials: adapter.readCredentials(credentials),
      instruments: instrumentsOf(broker, catalogue),
      timeoutMs: CALL_TIMEOUT_MS,
      now: () => Date.now(),
    });
    const { outcome } = await client.place(order); // it hears no answer that it could make something of
    if (heard === '') throw new Error(`${broker} was sent nothing: ${outcome}`);
    return heard;
  } finally {
    server.close();
    server.closeAllConnections();
  }
};
