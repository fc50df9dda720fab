import { randomInt } from 'node:crypto';
import type { Server } from 'node:http';
import { BROKER_NAMES, type BrokerName } from '#brokers/client';
import type { Logger } from '#platform/logging';
import type { OnStop } from '#platform/run';
import { Book } from './book';
import { Clients } from './clients';
import { Control, controlServer, type SimBroker } from './control';
import type { Dialect } from './dialect';
import { angelone } from './dialects/angelone';
import { fyers } from './dialects/fyers';
import { upstox } from './dialects/upstox';
import { zerodha } from './dialects/zerodha';
import { Faults } from './faults';
import { loadSimMarket, marketOf, namesOf, type MarketFiles, type SimMarketData } from './market';
import { RequestLog } from './requests';
import { BrokerServer, SimStartError } from './server';
import { Sockets } from './sockets';

const DIALECTS: Readonly<Record<BrokerName, Dialect>> = { upstox, zerodha, fyers, angelone };

const PING_MS = 5_000;
/** What a timer can wait; beyond it, it would not wait at all. */
const LONGEST_TIMER_MS = 2_147_483_647;

export interface BrokerSimOptions extends MarketFiles {
  readonly host: string;
  /** Of the control API; the brokers take the next four. 0 takes five free ones. */
  readonly port: number;
  /** Length of one tick of the replayed market. */
  readonly tickMs: number;
  readonly logger: Logger;
  /** Of the faults' chance; a random one, told in the log, unless given. */
  readonly seed?: number;
  /** Instruments and prices that are loaded already. */
  readonly market?: SimMarketData;
}

export interface BrokerSim {
  readonly controlUrl: string;
  readonly baseUrls: Readonly<Record<BrokerName, string>>;
  readonly seed: number;
  readonly control: Control;
}

/**
 * Starts the exchange behind four brokers' dialects. Everything it began is given to `onStop`.
 * @throws SimStartError, SimMarketError, InstrumentFileError in one line each.
 */
export const startBrokerSim = async (options: BrokerSimOptions, onStop: OnStop): Promise<BrokerSim> => {
  const { host, port, tickMs, logger } = options;
  const now = (): number => Date.now();
  const data = options.market ?? (await loadSimMarket(options));
  const market = marketOf(data, tickMs);
  const faults = new Faults(options.seed ?? randomInt(4_294_967_296));
  const requests = new RequestLog(now);

  const brokers = BROKER_NAMES.map((broker, index): SimBroker => {
    const dialect = DIALECTS[broker];
    const clients = new Clients(dialect, now);
    const book: Book = new Book({
      broker,
      market,
      names: namesOf(broker, data),
      now,
      onChange: (order, trade) => sockets.news(order, trade),
    });
    const sockets: Sockets = new Sockets({ dialect, book, clients, faults, logger });
    const brokerPort = port === 0 ? 0 : port + 1 + index;
    const server = new BrokerServer({
      dialect,
      book,
      clients,
      sockets,
      faults,
      requests,
      host,
      port: brokerPort,
      logger,
    });
    return { broker, book, clients, sockets, server };
  });
  for (const { server, sockets } of brokers) {
    onStop(() => sockets.close());
    await server.start();
    onStop(() => {
      server.stop();
      return Promise.resolve();
    });
  }

  const control = new Control({ brokers, faults, requests, tickMs, logger });
  const listener = controlServer(control, logger);
  const controlUrl = await listen(listener, host, port);
  onStop(() => closed(listener));

  const ticking = setInterval(
    () => {
      for (const { book, sockets } of brokers) {
        book.matchAll();
        sockets.prices();
      }
    },
    Math.min(tickMs, LONGEST_TIMER_MS),
  );
  const pinging = setInterval(() => {
    for (const { sockets } of brokers) sockets.ping();
  }, PING_MS);
  onStop(() => {
    clearInterval(ticking);
    clearInterval(pinging);
    return Promise.resolve();
  });

  logger.info({ controlUrl, seed: faults.seed }, `brokers are simulated, see ${controlUrl}/_sim`);
  const urlOf = (broker: BrokerName): string => brokers.find((each) => each.broker === broker)?.server.url ?? '';
  return {
    controlUrl,
    baseUrls: {
      upstox: urlOf('upstox'),
      zerodha: urlOf('zerodha'),
      fyers: urlOf('fyers'),
      angelone: urlOf('angelone'),
    },
    seed: faults.seed,
    control,
  };
};

const listen = async (server: Server, host: string, port: number): Promise<string> => {
  const name = host.includes(':') ? `[${host}]` : host;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SimStartError(`BROKER_SIM_PORT: cannot listen on ${name}:${String(port)}: ${reason}`);
  }
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${name}:${String(taken)}`;
};

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
