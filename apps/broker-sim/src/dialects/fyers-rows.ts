/** What Fyers tells of a client: the books over REST, and the same orders and trades by the raw names of its order socket. */

import type { Instrument, Segment } from '#domain/instruments/instrument';
import { toRupees } from '#domain/money';

import type { SimBook, SimClient, SimOrder, SimReply, SimTrade } from '../dialect';
import { averageE4, istNamed, json, netPositions } from '../words';
import { typeNumber } from './fyers-requests';
import { digest, istNumeric, type Fields } from './printed';

/** `folded` is the two-digit number of the order socket, from which SDKs derive the other one. */
export const STATUS: Readonly<Record<SimOrder['state'], { status: number; folded: number; text: string }>> = {
  open: { status: 6, folded: 23, text: 'Pending' },
  'trigger-wait': { status: 6, folded: 22, text: 'Trigger pending' },
  complete: { status: 2, folded: 90, text: 'Completed' },
  cancelled: { status: 1, folded: 91, text: 'Cancelled' },
  rejected: { status: 5, folded: 92, text: 'Rejected' },
};

const MARKETS: Readonly<Record<Segment, { exchange: number; segment: number }>> = {
  NSE_EQ: { exchange: 10, segment: 10 },
  NSE_INDEX: { exchange: 10, segment: 10 },
  NSE_FO: { exchange: 10, segment: 11 },
  NCD_FO: { exchange: 10, segment: 12 },
  NSE_COM: { exchange: 10, segment: 20 },
  BSE_EQ: { exchange: 12, segment: 10 },
  BSE_INDEX: { exchange: 12, segment: 10 },
  BSE_FO: { exchange: 12, segment: 11 },
  BCD_FO: { exchange: 12, segment: 12 },
  MCX_FO: { exchange: 11, segment: 20 },
};

/** Exchange, segment, expiry `yymmdd` (zeros for none) and the exchange's token, run together. */
const fyToken = ({ segment, expiry, exchangeToken }: Instrument): string => {
  const market = MARKETS[segment];
  const day = expiry === undefined ? '000000' : expiry.replaceAll('-', '').slice(2);
  return `${String(market.exchange)}${String(market.segment)}${day}${exchangeToken}`;
};

const instrumentNumber = ({ instrumentType, segment }: Instrument): number => {
  if (segment === 'MCX_FO' || segment === 'NSE_COM') return 30;
  if (instrumentType === 'FUT') return 13;
  return instrumentType === 'CE' || instrumentType === 'PE' ? 15 : 0;
};

const sideNumber = ({ side }: { readonly side: SimOrder['side'] }): number => (side === 'BUY' ? 1 : -1);

export const ok = (rest: Fields): SimReply => json(200, { s: 'ok', code: 200, message: '', ...rest });

const printedTag = ({ tag }: SimOrder): string => (tag === undefined ? '2:Untagged' : `1:${tag}`);

export const orderRow = (order: SimOrder, index: number, book: SimBook): Fields => {
  const { instrument } = order;
  const market = MARKETS[instrument.segment];
  const { status } = STATUS[order.state];
  return {
    clientId: order.clientId,
    id: order.brokerOrderId,
    exchOrdId: order.exchangeOrderId,
    qty: order.quantity,
    remainingQuantity: order.quantity - order.filledQuantity,
    filledQty: order.filledQuantity,
    discloseQty: order.disclosedQuantity,
    limitPrice: toRupees(order.priceE4),
    stopPrice: toRupees(order.triggerPriceE4),
    tradedPrice: toRupees(order.averagePriceE4),
    type: typeNumber(order.orderType),
    fyToken: fyToken(instrument),
    exchange: market.exchange,
    segment: market.segment,
    symbol: order.symbol,
    instrument: instrumentNumber(instrument),
    message: order.refusal?.detail ?? '',
    offlineOrder: false,
    orderDateTime: istNamed(order.updatedAtMs),
    orderValidity: order.validity,
    pan: '',
    productType: order.product,
    side: sideNumber(order),
    status,
    source: 'ITS',
    ex_sym: instrument.underlyingSymbol ?? instrument.tradingSymbol,
    description: instrument.name,
    ch: 0,
    chp: 0,
    lp: toRupees(book.lastPriceE4(instrument.instrumentKey) ?? 0),
    slNo: index + 1,
    dqQtyRem: 0,
    orderNumStatus: `${order.brokerOrderId}:${String(status)}`,
    disclosedQty: order.disclosedQuantity,
    orderTag: printedTag(order),
    takeProfit: 0,
    stopLoss: 0,
  };
};

export const orderBook = (orders: readonly SimOrder[], book: SimBook): SimReply =>
  ok({ orderBook: orders.map((order, index) => orderRow(order, index, book)) });

export const tradeBook = (client: SimClient, book: SimBook, tag: string | null): SimReply => {
  const rows = book.trades(client).flatMap((trade) => {
    const order = book.order(client, trade.brokerOrderId);
    return order && (tag === null || order.tag === tag) ? [{ trade, order }] : [];
  });
  return ok({
    tradeBook: rows.map(({ trade, order }, index) => ({
      clientId: order.clientId,
      orderDateTime: istNamed(trade.tradedAtMs),
      orderNumber: order.brokerOrderId,
      exchangeOrderNo: order.exchangeOrderId,
      exchange: MARKETS[order.instrument.segment].exchange,
      side: sideNumber(order),
      segment: MARKETS[order.instrument.segment].segment,
      orderType: typeNumber(order.orderType),
      fyToken: fyToken(order.instrument),
      productType: order.product,
      tradedQty: trade.quantity,
      tradePrice: toRupees(trade.priceE4),
      tradeValue: toRupees(trade.quantity * trade.priceE4),
      tradeNumber: trade.tradeId,
      row: index + 1,
      symbol: order.symbol,
      orderTag: printedTag(order),
    })),
  });
};

export const positions = (client: SimClient, book: SimBook): SimReply => {
  const rows = netPositions(book, client).map((position, slNo) => {
    const { order: first, buyQuantity, sellQuantity, buyValueE4, sellValueE4 } = position;
    const net = buyQuantity - sellQuantity;
    const [buyAvgE4, sellAvgE4] = [averageE4(buyValueE4, buyQuantity), averageE4(sellValueE4, sellQuantity)];
    const lastE4 = book.lastPriceE4(first.instrument.instrumentKey) ?? 0;
    const realizedE4 = Math.min(buyQuantity, sellQuantity) * (sellAvgE4 - buyAvgE4);
    const openAvgE4 = net > 0 ? buyAvgE4 : net < 0 ? sellAvgE4 : 0;
    const unrealizedE4 = net * (lastE4 - openAvgE4);
    const row = {
      netQty: net,
      qty: Math.abs(net),
      avgPrice: toRupees(openAvgE4),
      netAvg: toRupees(openAvgE4),
      side: Math.sign(net),
      productType: first.product,
      realized_profit: toRupees(realizedE4),
      unrealized_profit: toRupees(unrealizedE4),
      pl: toRupees(realizedE4 + unrealizedE4),
      ltp: toRupees(lastE4),
      buyQty: buyQuantity,
      buyAvg: toRupees(buyAvgE4),
      buyVal: toRupees(buyValueE4),
      sellQty: sellQuantity,
      sellAvg: toRupees(sellAvgE4),
      sellVal: toRupees(sellValueE4),
      slNo,
      fyToken: fyToken(first.instrument),
      crossCurrency: 'N',
      rbiRefRate: 1,
      qtyMulti_com: 1,
      segment: MARKETS[first.instrument.segment].segment,
      symbol: first.symbol,
      id: `${first.symbol}-${first.product}`,
      cfBuyQty: 0,
      cfSellQty: 0,
      dayBuyQty: buyQuantity,
      daySellQty: sellQuantity,
      exchange: MARKETS[first.instrument.segment].exchange,
    };
    return { row, realizedE4, unrealizedE4 };
  });
  const [realizedE4, unrealizedE4] = [
    rows.reduce((sum, each) => sum + each.realizedE4, 0),
    rows.reduce((sum, each) => sum + each.unrealizedE4, 0),
  ];
  return ok({
    netPositions: rows.map(({ row }) => row),
    overall: {
      count_total: rows.length,
      count_open: rows.filter(({ row }) => row.netQty !== 0).length,
      pl_total: toRupees(realizedE4 + unrealizedE4),
      pl_realized: toRupees(realizedE4),
      pl_unrealized: toRupees(unrealizedE4),
    },
  });
};

export const funds = (client: SimClient, book: SimBook): SimReply => {
  const utilisedE4 = book.utilisedE4(client);
  const clearE4 = client.fundsE4 - utilisedE4;
  const rows: readonly (readonly [string, number])[] = [
    ['Total Balance', client.fundsE4],
    ['Utilized Amount', utilisedE4],
    ['Clear Balance', clearE4],
    ['Realized Profit and Loss', 0],
    ['Collaterals', 0],
    ['Fund Transfer', 0],
    ['Receivables', 0],
    ['Adhoc Limit', 0],
    ['Limit at start of the day', client.fundsE4],
    ['Available Balance', clearE4],
  ];
  return ok({
    fund_limit: rows.map(([title, amountE4], index) => ({
      id: index + 1,
      title,
      equityAmount: toRupees(amountE4),
      commodityAmount: 0,
    })),
  });
};

export const profile = (client: SimClient): SimReply =>
  ok({
    data: {
      name: 'SIMULATED CLIENT',
      image: '',
      display_name: '',
      email_id: 'xxxxxxx@example.com',
      PAN: 'XXxxxxxx0X',
      fy_id: client.clientId,
      pin_change_date: '01-01-2026 09:00:00',
      mobile_number: '99xxxxxx99',
      totp: true,
      pwd_change_date: '01-01-2026 09:00:00',
      pwd_to_expire: 42,
      ddpi_enabled: false,
      mtf_enabled: false,
    },
  });

/** The order socket has names of its own for everything. */
export const rawOrder = (order: SimOrder): Fields => {
  const { instrument } = order;
  const { status, folded, text } = STATUS[order.state];
  const updatedAtSeconds = Math.floor(order.updatedAtMs / 1000);
  return {
    client_id: order.clientId,
    exchange: MARKETS[instrument.segment].exchange,
    fy_token: fyToken(instrument),
    id: order.brokerOrderId,
    id_exchange: order.exchangeOrderId,
    id_fyers: digest(order.brokerOrderId).slice(0, 32),
    id_parent: '',
    instrument: instrumentNumber(instrument),
    lot_size: instrument.lotSize ?? 1,
    offline_flag: false,
    oms_flag: 'K:1',
    oms_msg: order.refusal?.detail ?? '',
    ord_source: 'ITS',
    ord_status: folded,
    ord_type: typeNumber(order.orderType),
    ordertag: printedTag(order),
    org_ord_status: status,
    price_limit: toRupees(order.priceE4),
    price_stop: toRupees(order.triggerPriceE4),
    price_traded: toRupees(order.averagePriceE4),
    product_type: order.product,
    qty: order.quantity,
    qty_filled: order.filledQuantity,
    qty_remaining: order.quantity - order.filledQuantity,
    segment: MARKETS[instrument.segment].segment,
    status_msg: text,
    symbol: order.symbol,
    symbol_desc: instrument.name,
    symbol_exch: instrument.underlyingSymbol ?? instrument.tradingSymbol,
    tick_size: toRupees(instrument.tickSizeE4 ?? 0),
    time_epoch_oms: Math.floor(order.placedAtMs / 1000),
    time_exch: istNamed(order.updatedAtMs),
    time_oms: istNamed(order.placedAtMs),
    tran_side: sideNumber(order),
    update_time_epoch_oms: updatedAtSeconds,
    update_time_exch: istNamed(order.updatedAtMs),
    validity: order.validity,
  };
};

/** Here a trade's number carries its order's, and its day is all digits; the trade book prints neither so. */
export const rawTrade = (order: SimOrder, trade: SimTrade): Fields => ({
  id_fill: `${order.brokerOrderId}-${trade.tradeId}`,
  id: order.brokerOrderId,
  id_exchange: order.exchangeOrderId,
  id_fyers: digest(order.brokerOrderId).slice(0, 32),
  client_id: order.clientId,
  symbol: order.symbol,
  fy_token: fyToken(order.instrument),
  exchange: MARKETS[order.instrument.segment].exchange,
  segment: MARKETS[order.instrument.segment].segment,
  product_type: order.product,
  ord_type: typeNumber(order.orderType),
  tran_side: sideNumber(order),
  qty_traded: trade.quantity,
  price_traded: toRupees(trade.priceE4),
  traded_val: toRupees(trade.quantity * trade.priceE4),
  fill_time: istNumeric(trade.tradedAtMs),
  ordertag: printedTag(order),
});
