import { once } from 'node:events';
import { connect as connectTo, createServer, type Socket } from 'node:net';

/** A stretch of network in front of a server, of which anything can happen. */
export interface Wire {
  /** The connection string of the server, by way of this wire. */
  readonly url: string;
  /** How many connections are open. */
  readonly connections: number;
  /** From now on nothing that is sent arrives, on any connection, and nobody is told. */
  swallow(isSwallowing: boolean): void;
  /** Breaks every connection there is at this moment. */
  cut(): void;
  close(): Promise<void>;
}

/** @param url of one node without TLS: `esdb://host:2113?tls=false`. */
export async function stretchWire(url: string): Promise<Wire> {
  const parts = /^esdb:\/\/([^:/,@?]+):(\d+)(\/?\?.*\btls=false\b.*)$/.exec(url);
  const [, host, port, options] = parts ?? [];
  if (host === undefined || options === undefined) {
    throw new Error('these specs need one node without TLS, such as esdb://127.0.0.1:2113?tls=false');
  }
  const sockets = new Set<Socket>();
  let isSwallowing = false;
  const server = createServer((near) => {
    const far = connectTo(Number(port), host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!isSwallowing) to.write(chunk);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `esdb://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}${options}`,
    get connections() {
      return sockets.size / 2;
    },
    swallow: (is) => {
      isSwallowing = is;
    },
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
