import { randomUUID } from 'node:crypto';
import { toRupees } from '#domain/money';
import type { OrderTerms } from '#domain/orders/order';
import type { Credentials, Endpoints, OrderAtBroker, OrderToSend } from '../client';
import type { WireRequest } from '../wire';
import { orderTypeAt, productAt, unitsPer } from './vocabulary';

export type Parts = Pick<WireRequest, 'method' | 'url' | 'headers' | 'body'>;

/** One dialect's calls, built from what is asked and nothing else. */
export class UpstoxRequests {
  constructor(
    private readonly endpoints: Endpoints,
    private readonly credentials: Credentials,
  ) {}

  place(order: OrderToSend): Parts {
    return this.write('POST', `${this.endpoints.orders}/v3/order/place`, line(order), order.algoId);
  }

  /** Lines are told apart by their index. Multi orders have no host of their own. */
  placeMany(orders: readonly OrderToSend[]): Parts {
    const lines = orders.map((order, index) => ({ ...line(order), correlation_id: String(index) }));
    return this.write('POST', `${this.endpoints.rest}/v2/order/multi/place`, lines, orders[0]?.algoId);
  }

  /** `quantity` is the total, what is filled included. */
  modify({ brokerOrderId, instrument }: OrderAtBroker, terms: OrderTerms): Parts {
    const body = { order_id: brokerOrderId, ...termsAt(terms, unitsPer(instrument)) };
    return this.write('PUT', `${this.endpoints.orders}/v3/order/modify`, body);
  }

  cancel(brokerOrderId: string): Parts {
    return this.bare('DELETE', `${this.endpoints.orders}/v3/order/cancel?${query({ order_id: brokerOrderId })}`);
  }

  historyOf(tag: string): Parts {
    return this.read(`/v2/order/history?${query({ tag })}`);
  }

  order(brokerOrderId: string): Parts {
    return this.read(`/v2/order/details?${query({ order_id: brokerOrderId })}`);
  }

  tradesOf(brokerOrderId: string): Parts {
    return this.read(`/v2/order/trades?${query({ order_id: brokerOrderId })}`);
  }

  /** What its own `available` means is settled by the third version only. */
  funds(): Parts {
    return this.read('/v3/user/get-funds-and-margin');
  }

  margin(orders: readonly OrderToSend[]): Parts {
    const instruments = orders.map(({ instrument, side, product, terms }) => ({
      instrument_key: instrument.symbol,
      quantity: terms.quantity / unitsPer(instrument),
      product: productAt(product),
      transaction_type: side,
      price: rupees(terms.priceE4),
    }));
    return this.write('POST', `${this.endpoints.rest}/v2/charges/margin`, { instruments });
  }

  read(path: string): Parts {
    return this.bare('GET', `${this.endpoints.rest}${path}`);
  }

  /** Also what the order socket is opened with. */
  get authorization(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.credentials['accessToken'] ?? ''}`, accept: 'application/json' };
  }

  private bare(method: WireRequest['method'], url: string): Parts {
    return { method, url, headers: this.authorization };
  }

  private write(method: WireRequest['method'], url: string, body: object, algoName?: string): Parts {
    const headers = {
      ...this.authorization,
      'content-type': 'application/json',
      ...(algoName !== undefined && { 'x-algo-name': algoName }),
    };
    return { method, url, headers, body: JSON.stringify(body) };
  }
}

const line = ({ instrument, side, product, terms, tag }: OrderToSend): object => ({
  ...termsAt(terms, unitsPer(instrument)),
  product: productAt(product),
  tag,
  instrument_token: instrument.symbol,
  transaction_type: side,
  is_amo: false, // asked for but ignored: the hour decides
  slice: false, // one line is one order: what is too large was cut before it came here
});

const termsAt = (terms: OrderTerms, units: number): object => ({
  quantity: terms.quantity / units,
  validity: terms.validity,
  price: rupees(terms.priceE4),
  order_type: orderTypeAt(terms.orderType),
  disclosed_quantity: (terms.disclosedQuantity ?? 0) / units,
  trigger_price: rupees(terms.triggerPriceE4),
  // As much as the exchange allows; a market order without any is refused.
  ...((terms.orderType === 'MARKET' || terms.orderType === 'SL_M') && { market_protection: -1 }),
});

const rupees = (priceE4: number | undefined): number => toRupees(priceE4 ?? 0);

const query = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();

/** What the price socket is told: JSON, in binary frames. */
export const feedCommand = (
  method: 'sub' | 'unsub',
  mode: 'full' | 'ltpc',
  instrumentKeys: readonly string[],
): Uint8Array => Buffer.from(JSON.stringify({ guid: randomUUID(), method, data: { mode, instrumentKeys } }), 'utf8');
