/** What Angel One tells of a client: the books over REST, where numbers are text, and frames, where prices are not. */

import type { Instrument } from '#domain/instruments/instrument';

import type { SimBook, SimClient, SimOrder, SimReply, SimTrade } from '../dialect';
import { averageE4, exchangeCode, istNamed, istTime, json, netPositions } from '../words';
import { typeWord, varietyOf } from './angelone-requests';
import { decimalText, digest, type Fields } from './printed';

export const STATUS: Readonly<Record<SimOrder['state'], { word: string; code: string }>> = {
  open: { word: 'open', code: 'AB01' },
  'trigger-wait': { word: 'trigger pending', code: 'AB10' },
  complete: { word: 'complete', code: 'AB05' },
  cancelled: { word: 'cancelled', code: 'AB02' },
  rejected: { word: 'rejected', code: 'AB03' },
};

const contractType = ({ instrumentType, segment }: Instrument): string => {
  if (instrumentType === 'FUT') return segment === 'MCX_FO' ? 'FUTCOM' : 'FUTSTK';
  return instrumentType === 'CE' || instrumentType === 'PE' ? 'OPTSTK' : '';
};

const optionType = ({ instrumentType }: Instrument): string =>
  instrumentType === 'CE' || instrumentType === 'PE' ? instrumentType : '';

/** `27JAN2026`, empty for what never expires. */
const expiryDate = ({ expiry }: Instrument): string =>
  expiry === undefined
    ? ''
    : istNamed(Date.parse(`${expiry}T12:00:00Z`))
        .slice(0, 11)
        .replaceAll('-', '')
        .toUpperCase();

/** Angel One's second id of an order, which alone opens its details: thirteen small letters and digits. */
export const uniqueId = ({ brokerOrderId }: SimOrder): string =>
  BigInt(`0x${digest(`unique ${brokerOrderId}`).slice(0, 20)}`)
    .toString(36)
    .padStart(13, '0')
    .slice(-13);

export const tradingSymbol = ({ symbol }: SimOrder): string => symbol.slice(symbol.indexOf(':') + 1);

export const ok = (data: unknown): SimReply => json(200, { status: true, message: 'SUCCESS', errorcode: '', data });

/** Lists that are empty are `null`. */
export const list = (rows: readonly Fields[]): SimReply => ok(rows.length === 0 ? null : rows);

/** Of an order's numbers, all text. */
export const orderRow = (order: SimOrder): Fields => {
  const { instrument } = order;
  const { word } = STATUS[order.state];
  const rest = order.quantity - order.filledQuantity;
  const [last] = order.trades.slice(-1);
  return {
    variety: varietyOf(order.orderType),
    ordertype: typeWord(order.orderType),
    producttype: order.product,
    duration: order.validity,
    price: decimalText(order.priceE4),
    triggerprice: decimalText(order.triggerPriceE4),
    quantity: String(order.quantity),
    disclosedquantity: String(order.disclosedQuantity),
    squareoff: '0',
    stoploss: '0',
    trailingstoploss: '0',
    tradingsymbol: tradingSymbol(order),
    transactiontype: order.side,
    exchange: exchangeCode(instrument),
    symboltoken: instrument.exchangeToken,
    ordertag: order.tag ?? '',
    instrumenttype: contractType(instrument),
    strikeprice: instrument.strikeE4 === undefined ? '-1' : decimalText(instrument.strikeE4),
    optiontype: optionType(instrument),
    expirydate: expiryDate(instrument),
    lotsize: String(instrument.lotSize ?? 1),
    cancelsize: order.state === 'cancelled' ? String(rest) : '0',
    averageprice: decimalText(order.averagePriceE4),
    filledshares: String(order.filledQuantity),
    unfilledshares: String(rest),
    orderid: order.brokerOrderId,
    text: order.refusal?.detail ?? '',
    status: word,
    orderstatus: word,
    updatetime: istNamed(order.updatedAtMs),
    exchtime: istNamed(order.updatedAtMs),
    exchorderupdatetime: istNamed(order.updatedAtMs),
    fillid: last?.tradeId ?? '',
    filltime: last ? istTime(last.tradedAtMs) : '',
    parentorderid: '',
    uniqueorderid: uniqueId(order),
    exchangeorderid: order.exchangeOrderId,
  };
};

const tradeRow = (order: SimOrder, trade: SimTrade): Fields => ({
  exchange: exchangeCode(order.instrument),
  producttype: order.product,
  tradingsymbol: tradingSymbol(order),
  symboltoken: order.instrument.exchangeToken,
  instrumenttype: contractType(order.instrument),
  symbolgroup: order.instrument.instrumentType,
  strikeprice: order.instrument.strikeE4 === undefined ? '-1' : decimalText(order.instrument.strikeE4),
  optiontype: optionType(order.instrument),
  expirydate: expiryDate(order.instrument),
  marketlot: String(order.instrument.lotSize ?? 1),
  precision: '2',
  multiplier: '-1',
  tradevalue: decimalText(trade.quantity * trade.priceE4),
  transactiontype: order.side,
  fillprice: decimalText(trade.priceE4),
  fillsize: String(trade.quantity),
  orderid: order.brokerOrderId,
  fillid: trade.tradeId,
  filltime: istTime(trade.tradedAtMs),
});

export const tradeBook = (client: SimClient, book: SimBook): SimReply =>
  list(
    book.trades(client).flatMap((trade) => {
      const order = book.order(client, trade.brokerOrderId);
      return order ? [tradeRow(order, trade)] : [];
    }),
  );

export const positions = (client: SimClient, book: SimBook): SimReply =>
  list(
    netPositions(book, client).map(({ order: first, buyQuantity, sellQuantity, buyValueE4, sellValueE4 }) => {
      const { instrument } = first;
      const net = buyQuantity - sellQuantity;
      const buyAverage = decimalText(averageE4(buyValueE4, buyQuantity));
      const sellAverage = decimalText(averageE4(sellValueE4, sellQuantity));
      const netPrice = net > 0 ? buyAverage : net < 0 ? sellAverage : '0';
      const netValueE4 = sellValueE4 - buyValueE4;
      return {
        exchange: exchangeCode(instrument),
        symboltoken: instrument.exchangeToken,
        producttype: first.product,
        tradingsymbol: tradingSymbol(first),
        symbolname: instrument.underlyingSymbol ?? instrument.tradingSymbol,
        instrumenttype: contractType(instrument),
        priceden: '1',
        pricenum: '1',
        genden: '1',
        gennum: '1',
        precision: '2',
        multiplier: '-1',
        boardlotsize: String(instrument.lotSize ?? 1),
        buyqty: String(buyQuantity),
        sellqty: String(sellQuantity),
        buyamount: decimalText(buyValueE4),
        sellamount: decimalText(sellValueE4),
        symbolgroup: instrument.instrumentType,
        strikeprice: instrument.strikeE4 === undefined ? '-1' : decimalText(instrument.strikeE4),
        optiontype: optionType(instrument),
        expirydate: expiryDate(instrument),
        lotsize: String(instrument.lotSize ?? 1),
        cfbuyqty: '0',
        cfsellqty: '0',
        cfbuyamount: '0',
        cfsellamount: '0',
        buyavgprice: buyAverage,
        sellavgprice: sellAverage,
        avgnetprice: netPrice,
        // The broker prints a space after its minus sign.
        netvalue: netValueE4 < 0 ? `- ${decimalText(-netValueE4)}` : decimalText(netValueE4),
        netqty: String(net),
        totalbuyvalue: decimalText(buyValueE4),
        totalsellvalue: decimalText(sellValueE4),
        cfbuyavgprice: '0',
        cfsellavgprice: '0',
        totalbuyavgprice: buyAverage,
        totalsellavgprice: sellAverage,
        netprice: netPrice,
      };
    }),
  );

export const funds = (client: SimClient, book: SimBook): SimReply => {
  const utilisedE4 = book.utilisedE4(client);
  const net = decimalText(client.fundsE4 - utilisedE4);
  return ok({
    net,
    availablecash: net,
    availableintradaypayin: '0',
    availablelimitmargin: '0',
    collateral: '0',
    m2munrealized: '0',
    m2mrealized: '0',
    utiliseddebits: decimalText(utilisedE4),
    utilisedspan: '0',
    utilisedoptionpremium: '0',
    utilisedholdingsales: '0',
    utilisedexposure: '0',
    utilisedturnover: '0',
    utilisedpayout: '0',
  });
};

export const profile = ({ clientId }: SimClient): SimReply =>
  ok({
    clientcode: clientId,
    name: 'SIMULATED CLIENT',
    email: '',
    mobileno: '',
    exchanges: ['NSE', 'BSE', 'MCX', 'CDS', 'NCDEX', 'NFO'],
    products: ['DELIVERY', 'INTRADAY', 'MARGIN'],
    lastlogintime: '',
    brokerid: 'B2C',
  });

const PRICES = ['price', 'triggerprice', 'squareoff', 'stoploss', 'trailingstoploss', 'strikeprice', 'averageprice'];

/** As sockets and postbacks have it: prices are numbers, quantities stay text, and the two later ids are missing. */
export const pushedRow = (order: SimOrder, trade: SimTrade | undefined): Fields => {
  const { uniqueorderid: _unique, exchangeorderid: _exchange, ...row } = orderRow(order);
  return {
    ...row,
    ...Object.fromEntries(PRICES.map((field) => [field, Number(row[field])])),
    fillid: trade?.tradeId ?? '',
    filltime: trade ? istTime(trade.tradedAtMs) : '',
  };
};

export const orderFrame = (clientId: string, code: string, orderData: Fields): string =>
  JSON.stringify({
    'user-id': clientId,
    'status-code': '200',
    'order-status': code,
    'error-message': '',
    orderData,
  });

/** The first frame of a socket: connected, and every field empty. */
export const greeting = (clientId: string): string => {
  const texts = ['variety', 'ordertype', 'ordertag', 'producttype', 'duration', 'tradingsymbol', 'transactiontype'];
  texts.push('exchange', 'symboltoken', 'instrumenttype', 'optiontype', 'expirydate', 'filledshares', 'unfilledshares');
  texts.push('orderid', 'text', 'status', 'orderstatus', 'updatetime', 'exchtime', 'exchorderupdatetime');
  texts.push('fillid', 'filltime', 'parentorderid');
  const zeros = ['quantity', 'disclosedquantity', 'lotsize', 'cancelsize'];
  return orderFrame(clientId, 'AB00', {
    ...Object.fromEntries(texts.map((field) => [field, ''])),
    ...Object.fromEntries(zeros.map((field) => [field, '0'])),
    ...Object.fromEntries(PRICES.map((field) => [field, 0])),
  });
};
