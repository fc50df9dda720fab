import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { E4_PER_RUPEE } from '#domain/money';

import { Book } from '../book';
import { Clients } from '../clients';
import type { Dialect, SimClient, SimOrder, SimReply, SimRequest, SimSocket, SimTrade } from '../dialect';
import { loadSimMarket, marketOf, namesOf } from '../market';

/** A second in which the replayed day stands at its open; the next three are its low, its high and its close. */
const OPEN_MS = Date.parse('2026-01-02T10:00:00+05:30');

const FIXTURES = join(__dirname, '../../../../libs/brokers/fixtures');
const market = loadSimMarket({});

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A dialect in front of the real book and the real market, with one client, a clock by hand and no network. */
export const stage = async (dialect: Dialect, clientId: string) => {
  const data = await market;
  let nowMs = OPEN_MS;
  const clients = new Clients(dialect, () => nowMs);
  const news: { readonly order: SimOrder; readonly trade: SimTrade | undefined }[] = [];
  const book = new Book({
    broker: dialect.broker,
    market: marketOf(data, 1000),
    names: namesOf(dialect.broker, data),
    now: () => nowMs,
    onChange: (order, trade) => news.push({ order, trade }),
  });
  const client = clients.add(clientId, { fundsE4: 100_000 * E4_PER_RUPEE });

  const requestOf = (call: string, body: unknown, headers: Readonly<Record<string, string>>): SimRequest => {
    const [method = '', url = ''] = call.split(' ');
    const { pathname, searchParams } = new URL(url, 'http://broker');
    return {
      method,
      path: pathname,
      query: searchParams,
      headers,
      body: body === undefined ? '' : JSON.stringify(body),
    };
  };
  const reply = (request: SimRequest): SimReply => {
    const operation = dialect.operationOf(request);
    if (operation === undefined) return dialect.notFound;
    const caller = dialect.clientOf(request, clients);
    return caller ? dialect.answer(operation, request, caller, book) : dialect.unauthorised;
  };

  return {
    book,
    client,
    clients,
    news,
    requestOf,
    /** `POST /path?query`, and what the server would answer. */
    ask: (call: string, headers: Readonly<Record<string, string>>, body?: unknown): Answer => {
      const said = reply(requestOf(call, body, headers));
      return {
        status: said.status,
        body: said.contentType === 'application/json' ? (JSON.parse(said.body) as unknown) : said.body,
      };
    },
    /** Lets the market tick on, and everything that rests be matched. */
    tick: (): void => {
      nowMs += 1000;
      book.matchAll();
    },
    connect: (url: string, headers: Readonly<Record<string, string>> = {}) => {
      const opened = dialect.socketOf(requestOf(`GET ${url}`, undefined, headers), clients);
      if (!opened) return undefined;
      const sent: (string | Buffer)[] = [];
      const socket: SimSocket = { ...opened, send: (frame) => sent.push(frame), subscriptions: new Map() };
      dialect.onSocketOpen(socket, book);
      return {
        socket,
        sent,
        say: (frame: string | Buffer): void =>
          dialect.onSocketMessage(socket, Buffer.from(frame), typeof frame !== 'string', book),
        prices: (): Buffer | undefined => {
          const frame = dialect.priceFrame(socket, book);
          if (typeof frame === 'string') throw new Error('prices are told in binary');
          return frame;
        },
      };
    },
  };
};
export type Stage = Awaited<ReturnType<typeof stage>>;

export const fixture = (path: string): unknown => JSON.parse(readFileSync(join(FIXTURES, path), 'utf8')) as unknown;

/**
 * What of a captured reply is missing in ours, or has another type. Lists are compared by their first entries; `null`
 * stands for any type, as captures have it for what was not there that day.
 */
export const differences = (captured: unknown, ours: unknown, path = ''): readonly string[] => {
  const kindOf = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
  if (captured === null) return [];
  if (kindOf(captured) !== kindOf(ours)) return [`${path || 'body'}: ${kindOf(ours)}, captured ${kindOf(captured)}`];
  if (Array.isArray(captured) && Array.isArray(ours))
    return captured.length === 0 ? [] : differences(captured[0] as unknown, ours[0] as unknown, `${path}[0]`);
  if (!isObject(captured) || !isObject(ours)) return [];
  return Object.entries(captured).flatMap(([name, value]) =>
    name in ours ? differences(value, ours[name], `${path}.${name}`) : [`${path}.${name}: missing`],
  );
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

export const claimsOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as unknown;

export const credential = ({ credentials }: SimClient, field: string): string => {
  const value = credentials[field];
  if (value === undefined) throw new Error(`no credential ${field}`);
  return value;
};
