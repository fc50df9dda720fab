import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { createServer, type Server, type Socket } from 'node:net';
import { Connection, createKafka, type MessagingLogger, parseBrokers } from './kafka-client';
import { KafkaFeed } from './kafka-feed';
import { silent } from './quiet.contract';

describe('the brokers of Kafka', () => {
  it('are hosts with ports, separated by commas', () => {
    const brokers = ['a.example:9092', '10.0.0.1:1', 'b_1:65535', '[::1]:9092', '[::ffff:10.0.0.1]:1'];
    expect(parseBrokers(brokers.join(', '))).toEqual(brokers);
  });

  it.each([
    '',
    'a',
    'a:',
    ':1',
    'a:0',
    'a:65536',
    'a:9092,',
    'a:9092;b:9092',
    'kafka://a:9092',
    'u:p@a:9092',
    '::1:9092',
    '[::1]',
    '[a]b:1',
  ])('are not %p', (text) => {
    expect(() => parseBrokers(text)).toThrow('host:port,host:port');
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

describe('a client of Kafka', () => {
  let server: Server;
  let brokers: string;
  let sockets: Socket[];

  beforeEach(async () => {
    sockets = [];
    server = createServer((socket) => sockets.push(socket)); // listens, and never answers
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    brokers = `127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`;
  });

  afterEach(() => {
    server.close();
  });

  it('that finds nobody says so in one line that names the brokers', async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const opening = KafkaFeed.open({ brokers, groupId: 'g', logger: silent });
    await expect(opening).rejects.toThrow(new RegExp(`^Kafka at ${brokers} cannot be used: [^\\n]+$`));
  }, 60_000);

  it.each([
    { written: '127.0.0.1', host: '127.0.0.1' },
    ...(hasIpv6 ? ['[::1]', '[0:0:0:0:0:0:0:1]'].map((written) => ({ written, host: '::1' })) : []),
  ])(
    'finds one at $written',
    async ({ written, host }) => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      const address = server.address();
      const port = String(typeof address === 'object' ? address?.port : 0);
      const connected = once(server, 'connection');
      const admin = createKafka({ brokers: `${written}:${port}`, clientId: 'spec', logger: silent }).admin();
      const connecting = admin.connect();
      await connected;
      server.close();
      for (const socket of sockets) socket.destroy();
      await expect(connecting).rejects.toThrow();
      await admin.disconnect();
    },
    60_000,
  );

  it('does not wait without end for one that is silent', async () => {
    const admin = createKafka({ brokers, clientId: 'spec', logger: silent }).admin();
    const connecting = admin.connect();
    const connection = new Connection([admin], silent);
    await expect(connection.use(300, 'asking', () => connecting)).rejects.toThrow('asking took longer than 300 ms');
    server.close();
    for (const socket of sockets) socket.destroy();
    await expect(connecting).rejects.toThrow(); // and nothing is left of it
  }, 60_000);

  it('tells its troubles to our log, with names and numbers and nothing else', async () => {
    const lines: [string, object, string][] = [];
    const note = (level: string) => (details: object, message: string) => lines.push([level, details, message]);
    const logger: MessagingLogger = {
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
    };
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const kafka = createKafka({ brokers, clientId: 'spec', logger });
    const connection = new Connection([kafka.admin()], logger);
    await expect(connection.use(20_000, 'connecting', () => kafka.admin().connect())).rejects.toThrow('ECONNREFUSED');
    const refused = lines.find(([, , message]) => message.startsWith('kafka connection: '));
    expect(refused).toEqual(['warn', { broker: brokers }, expect.stringContaining('ECONNREFUSED')]);
    expect(lines.filter(([level]) => level === 'error')).toEqual([]);
  }, 60_000);
});
