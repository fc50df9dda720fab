import { formatE4, toRupees } from '#domain/money';
import type { OrderTerms } from '#domain/orders/order';
import type { BrokerInstrument, Credentials, Endpoints, OrderAtBroker, OrderToSend } from '../client';
import type { WireRequest } from '../wire';
import { orderTypeAt, unitsPer } from './vocabulary';

export type Parts = Pick<WireRequest, 'method' | 'url' | 'headers' | 'body'>;

/** One dialect's calls, built from what is asked and nothing else. */
export class ZerodhaRequests {
  constructor(
    private readonly endpoints: Endpoints,
    private readonly credentials: Credentials,
  ) {}

  place({ instrument, side, product, terms, tag, algoId }: OrderToSend): Parts {
    return this.form('POST', '/orders/regular', {
      ...named(instrument),
      transaction_type: side,
      product,
      ...termsAt(terms, unitsPer(instrument)),
      tag,
      ...(algoId !== undefined && { algo_id: algoId }),
    });
  }

  /** `quantity` is the total, what is filled included. */
  modify({ brokerOrderId, instrument }: OrderAtBroker, terms: OrderTerms): Parts {
    const path = `/orders/regular/${encodeURIComponent(brokerOrderId)}`;
    return this.form('PUT', path, termsAt(terms, unitsPer(instrument)));
  }

  cancel(brokerOrderId: string): Parts {
    const url = `${this.endpoints.orders}/orders/regular/${encodeURIComponent(brokerOrderId)}`;
    return { method: 'DELETE', url, headers: this.headers };
  }

  historyOf(brokerOrderId: string): Parts {
    return this.read(`/orders/${encodeURIComponent(brokerOrderId)}`);
  }

  tradesOf(brokerOrderId: string): Parts {
    return this.read(`/orders/${encodeURIComponent(brokerOrderId)}/trades`);
  }

  /** Of the orders together, and with what is held: the order that closes a position needs none. */
  margin(orders: readonly OrderToSend[]): Parts {
    const lines = orders.map(({ instrument, side, product, terms }) => ({
      ...named(instrument),
      transaction_type: side,
      variety: 'regular',
      product,
      order_type: orderTypeAt(terms.orderType),
      quantity: terms.quantity / unitsPer(instrument),
      price: toRupees(terms.priceE4 ?? 0),
      trigger_price: toRupees(terms.triggerPriceE4 ?? 0),
    }));
    return {
      method: 'POST',
      url: `${this.endpoints.rest}/margins/basket?consider_positions=true&mode=compact`,
      headers: { ...this.headers, 'content-type': 'application/json' },
      body: JSON.stringify(lines),
    };
  }

  read(path: string): Parts {
    return { method: 'GET', url: `${this.endpoints.rest}${path}`, headers: this.headers };
  }

  /** Both feeds are one socket, and it takes its credentials in the address. */
  get socket(): string {
    const { apiKey = '', accessToken = '' } = this.credentials;
    const query = new URLSearchParams({ api_key: apiKey, access_token: accessToken }).toString();
    return `${this.endpoints.orderFeed}?${query}`;
  }

  private get headers(): Readonly<Record<string, string>> {
    const { apiKey = '', accessToken = '' } = this.credentials;
    return { 'x-kite-version': '3', authorization: `token ${apiKey}:${accessToken}`, accept: 'application/json' };
  }

  private form(method: WireRequest['method'], path: string, fields: Readonly<Record<string, string>>): Parts {
    return {
      method,
      url: `${this.endpoints.orders}${path}`,
      headers: { ...this.headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    };
  }
}

/** `NSE:M&M` is two fields; the name may hold a colon of its own. */
const named = ({ symbol }: BrokerInstrument): { exchange: string; tradingsymbol: string } => {
  const [exchange = '', ...name] = symbol.split(':');
  return { exchange, tradingsymbol: name.join(':') };
};

const termsAt = (terms: OrderTerms, units: number): Record<string, string> => ({
  order_type: orderTypeAt(terms.orderType),
  quantity: String(terms.quantity / units),
  validity: terms.validity,
  ...(terms.priceE4 !== undefined && { price: formatE4(terms.priceE4) }),
  ...(terms.triggerPriceE4 !== undefined && { trigger_price: formatE4(terms.triggerPriceE4) }),
  ...(terms.disclosedQuantity !== undefined && { disclosed_quantity: String(terms.disclosedQuantity / units) }),
  // Automatic. Without any, an order at market price is refused.
  ...((terms.orderType === 'MARKET' || terms.orderType === 'SL_M') && { market_protection: '-1' }),
});
