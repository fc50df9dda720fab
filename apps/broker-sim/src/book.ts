import type { BrokerName } from '#brokers/client';
import type { PaperMarket } from '#brokers/paper/paper-market';
import type { Instrument } from '#domain/instruments/instrument';
import { formatE4 } from '#domain/money';
import type { Outcome, Refusal, SimBook, SimChange, SimClient, SimOrder, SimPlace, SimTrade } from './dialect';
import { idsOf, type Ids } from './ids';
import type { Names } from './market';

/**
 * Orders kept for one client. Beyond it the oldest order that is over is forgotten, and counted as forgotten: a process
 * that runs for weeks must not grow for weeks.
 */
export const ORDERS_KEPT_PER_CLIENT = 50_000;

/** Zerodha's limit; the others publish none. */
const MODIFICATIONS_MAX: Readonly<Record<BrokerName, number>> = {
  upstox: Infinity,
  zerodha: 25,
  fyers: Infinity,
  angelone: Infinity,
};

/** A share may be priced this far from the day's open. Derivatives have bands of their own, which are not played. */
const CIRCUIT_PERCENT = 20;

/**
 * What a broker's risk system refuses only after the request was taken: the order stands in the book as rejected. All
 * else is refused in the answer.
 */
const REFUSED_LATER: Readonly<Record<BrokerName, ReadonlySet<Refusal['reason']>>> = {
  upstox: new Set(['funds', 'circuit', 'freeze-quantity', 'lot-size', 'tick-size']),
  zerodha: new Set(['circuit']),
  fyers: new Set(['circuit']),
  angelone: new Set(['funds', 'circuit', 'freeze-quantity', 'lot-size', 'tick-size']),
};

export interface BookOptions {
  readonly broker: BrokerName;
  readonly market: PaperMarket;
  readonly names: Names;
  readonly now: () => number;
  /** Told of every change of every order, in order, as it happens. */
  readonly onChange: (order: SimOrder, trade: SimTrade | undefined) => void;
  readonly ordersKept?: number;
}

interface Position {
  quantity: number;
  costE4: number;
}

/** What the broker keeps of one client. */
interface Account {
  readonly orders: Map<string, SimOrder>;
  /** Margin that each order holds; the sum is kept beside it. */
  readonly blocks: Map<string, number>;
  readonly positions: Map<string, Position>;
  /** Ticks in which an order has taken its share of the market. */
  readonly filledIn: Map<string, number>;
  readonly working: Set<string>;
  blockedE4: number;
  forgotten: number;
}

/**
 * One broker's book and the exchange behind it. An order is matched when it is placed, when it is changed, and with every
 * tick of the replayed market; it takes at most what one order may take of a tick.
 *
 * Money is simple on purpose: the full value of what an order opens is held, closing is free, profit is not paid out.
 */
export class Book implements SimBook {
  readonly broker: BrokerName;
  private readonly market: PaperMarket;
  private readonly ids: Ids;
  private readonly accounts = new Map<string, Account>();

  constructor(private readonly options: BookOptions) {
    this.broker = options.broker;
    this.market = options.market;
    this.ids = idsOf(options.broker, options.now);
  }

  now(): number {
    return this.options.now();
  }

  instrument(name: string): Instrument | undefined {
    return this.options.names(name);
  }

  lastPriceE4(instrumentKey: string): number | undefined {
    return this.market.quoteAt(instrumentKey, this.tick())?.priceE4;
  }

  place(client: SimClient, place: SimPlace): Outcome {
    const account = this.accountOf(client.clientId);
    const refusal = this.refusalOf(client, place);
    if (refusal !== undefined && !REFUSED_LATER[this.broker].has(refusal.reason)) return { ok: false, refusal };
    const now = this.now();
    const placed: SimOrder = {
      ...place,
      brokerOrderId: this.ids.order(),
      exchangeOrderId: refusal === undefined ? this.ids.exchangeOrder() : '',
      clientId: client.clientId,
      state: refusal !== undefined ? 'rejected' : isStop(place) ? 'trigger-wait' : 'open',
      ...(refusal !== undefined && { refusal }),
      filledQuantity: 0,
      averagePriceE4: 0,
      trades: [],
      placedAtMs: now,
      updatedAtMs: now,
      modifications: 0,
    };
    this.forgetOldest(account);
    this.keep(account, placed);
    this.match(account, placed);
    return { ok: true, order: account.orders.get(placed.brokerOrderId) ?? placed };
  }

  modify(client: SimClient, brokerOrderId: string, change: SimChange): Outcome {
    const account = this.accountOf(client.clientId);
    const order = account.orders.get(brokerOrderId);
    if (order === undefined) return refused('not-found', `no order ${brokerOrderId}`, 'order_id');
    if (isOver(order)) return refused('final-state', `the order is ${order.state}`);
    if (order.modifications >= MODIFICATIONS_MAX[this.broker])
      return refused('too-many-modifications', 'Maximum allowed order modifications exceeded');
    const changed: SimOrder = { ...order, ...change };
    const refusal = this.refusalOf(client, changed, order);
    if (refusal !== undefined) return { ok: false, refusal };
    if (changed.quantity <= order.filledQuantity)
      return refused('quantity', `${String(order.filledQuantity)} have been traded already`, 'quantity');
    const state = order.state === 'trigger-wait' && !isStop(changed) ? 'open' : order.state;
    const next = { ...changed, state, modifications: order.modifications + 1, updatedAtMs: this.now() };
    this.keep(account, next);
    this.match(account, next);
    return { ok: true, order: account.orders.get(brokerOrderId) ?? next };
  }

  cancel(client: SimClient, brokerOrderId: string): Outcome {
    const account = this.accountOf(client.clientId);
    const order = account.orders.get(brokerOrderId);
    if (order === undefined) return refused('not-found', `no order ${brokerOrderId}`, 'order_id');
    if (isOver(order)) return refused('final-state', `the order is ${order.state}`);
    const cancelled: SimOrder = { ...order, state: 'cancelled', updatedAtMs: this.now() };
    this.keep(account, cancelled);
    return { ok: true, order: cancelled };
  }

  order(client: SimClient, brokerOrderId: string): SimOrder | undefined {
    return this.accounts.get(client.clientId)?.orders.get(brokerOrderId);
  }

  orders(client: SimClient): readonly SimOrder[] {
    return [...(this.accounts.get(client.clientId)?.orders.values() ?? [])];
  }

  trades(client: SimClient): readonly SimTrade[] {
    return this.orders(client)
      .flatMap((order) => order.trades)
      .sort((a, b) => a.tradedAtMs - b.tradedAtMs);
  }

  utilisedE4({ clientId }: SimClient): number {
    const account = this.accounts.get(clientId);
    if (account === undefined) return 0;
    let utilisedE4 = account.blockedE4;
    for (const { costE4 } of account.positions.values()) utilisedE4 += costE4;
    return utilisedE4;
  }

  /** Every order of every client, with what was forgotten because there were too many. */
  truth(clientId?: string): { readonly orders: readonly SimOrder[]; readonly forgotten: number } {
    const accounts = [...this.accounts].filter(([id]) => clientId === undefined || id === clientId);
    return {
      orders: accounts.flatMap(([, account]) => [...account.orders.values()]),
      forgotten: accounts.reduce((sum, [, account]) => sum + account.forgotten, 0),
    };
  }

  /** Matches whatever rests against the present tick. */
  matchAll(): void {
    for (const account of this.accounts.values()) {
      for (const brokerOrderId of [...account.working]) {
        const order = account.orders.get(brokerOrderId);
        if (order !== undefined) this.match(account, order);
      }
    }
  }

  /** Forgets every order, position and block. */
  clear(): void {
    this.accounts.clear();
  }

  private tick(): number {
    return this.market.tickAt(this.now());
  }

  private accountOf(clientId: string): Account {
    const known = this.accounts.get(clientId);
    if (known !== undefined) return known;
    const account: Account = {
      orders: new Map(),
      blocks: new Map(),
      positions: new Map(),
      filledIn: new Map(),
      working: new Set(),
      blockedE4: 0,
      forgotten: 0,
    };
    this.accounts.set(clientId, account);
    return account;
  }

  /** Stores an order as it is now, holds the margin it needs, and tells of it. */
  private keep(account: Account, order: SimOrder, trade?: SimTrade): void {
    const { brokerOrderId } = order;
    account.orders.set(brokerOrderId, order);
    account.blockedE4 -= account.blocks.get(brokerOrderId) ?? 0;
    account.blocks.delete(brokerOrderId);
    if (isOver(order)) {
      account.working.delete(brokerOrderId);
      account.filledIn.delete(brokerOrderId);
    } else {
      const needE4 = this.needOf(account, order);
      account.blocks.set(brokerOrderId, needE4);
      account.blockedE4 += needE4;
      account.working.add(brokerOrderId);
    }
    this.options.onChange(order, trade);
  }

  private forgetOldest(account: Account): void {
    if (account.orders.size < (this.options.ordersKept ?? ORDERS_KEPT_PER_CLIENT)) return;
    for (const order of account.orders.values()) {
      if (!isOver(order)) continue;
      account.orders.delete(order.brokerOrderId);
      account.forgotten += 1;
      return;
    }
  }

  private match(account: Account, order: SimOrder): void {
    if (isOver(order)) return;
    const tick = this.tick();
    const quote = this.market.quoteAt(order.instrument.instrumentKey, tick);
    let working = order;
    if (quote !== undefined) {
      if (working.state === 'trigger-wait') {
        if (!isTriggered(working, quote.priceE4)) return;
        working = { ...working, state: 'open', updatedAtMs: this.now() };
        this.keep(account, working);
      }
      if (account.filledIn.get(order.brokerOrderId) !== tick && isMarketable(working, quote.priceE4)) {
        const lot = order.instrument.lotSize ?? 1;
        const share = Math.max(lot, Math.floor(quote.availableQuantity / lot) * lot);
        working = this.fill(account, working, Math.min(share, remainingOf(working)), quote.priceE4);
        if (!isOver(working)) account.filledIn.set(order.brokerOrderId, tick);
      }
    }
    if (working.validity === 'IOC' && working.state === 'open')
      this.keep(account, { ...working, state: 'cancelled', updatedAtMs: this.now() });
  }

  private fill(account: Account, order: SimOrder, quantity: number, priceE4: number): SimOrder {
    const now = this.now();
    const { brokerOrderId } = order;
    const trade: SimTrade = { tradeId: this.ids.trade(), brokerOrderId, quantity, priceE4, tradedAtMs: now };
    const trades = [...order.trades, trade];
    const filledQuantity = order.filledQuantity + quantity;
    this.book(account, order, quantity, priceE4);
    const filled: SimOrder = {
      ...order,
      trades,
      filledQuantity,
      averagePriceE4: averageOf(trades, filledQuantity),
      state: filledQuantity === order.quantity ? 'complete' : 'open',
      updatedAtMs: now,
    };
    this.keep(account, filled, trade);
    return filled;
  }

  /** What opens a position adds to its cost; what closes one gives back its share. */
  private book(account: Account, { instrument, side }: SimOrder, quantity: number, priceE4: number): void {
    const { instrumentKey } = instrument;
    const position = account.positions.get(instrumentKey) ?? { quantity: 0, costE4: 0 };
    const signed = side === 'BUY' ? quantity : -quantity;
    const closing =
      Math.sign(signed) === -Math.sign(position.quantity) ? Math.min(quantity, Math.abs(position.quantity)) : 0;
    const freedE4 =
      closing === 0 ? 0 : Number((BigInt(position.costE4) * BigInt(closing)) / BigInt(Math.abs(position.quantity)));
    position.costE4 += (quantity - closing) * priceE4 - freedE4;
    position.quantity += signed;
    if (position.quantity === 0) account.positions.delete(instrumentKey);
    else account.positions.set(instrumentKey, position);
  }

  private needOf(account: Account, order: SimPlace & { readonly filledQuantity?: number }): number {
    const { instrumentKey } = order.instrument;
    const held = account.positions.get(instrumentKey)?.quantity ?? 0;
    const closable = order.side === 'BUY' ? Math.max(0, -held) : Math.max(0, held);
    const opening = Math.max(0, order.quantity - (order.filledQuantity ?? 0) - closable);
    const priceE4 =
      order.priceE4 > 0 ? order.priceE4 : Math.max(this.lastPriceE4(instrumentKey) ?? 0, order.triggerPriceE4);
    return opening * priceE4;
  }

  /** The first thing that is wrong with an order, or with what `before` is to become. */
  private refusalOf(client: SimClient, order: SimPlace, before?: SimOrder): Refusal | undefined {
    return malformation(order) ?? this.circuitRefusal(order) ?? this.fundsRefusal(client, order, before);
  }

  private circuitRefusal({ instrument, priceE4 }: SimPlace): Refusal | undefined {
    if (priceE4 === 0 || (instrument.segment !== 'NSE_EQ' && instrument.segment !== 'BSE_EQ')) return undefined;
    const openE4 = this.market.quoteAt(instrument.instrumentKey, 0)?.priceE4;
    if (openE4 === undefined) return undefined;
    const bandE4 = Math.floor((openE4 * CIRCUIT_PERCENT) / 100);
    if (Math.abs(priceE4 - openE4) <= bandE4) return undefined;
    const range = `${formatE4(openE4 - bandE4)} to ${formatE4(openE4 + bandE4)}`;
    return { reason: 'circuit', detail: `The price is out of the circuit range ${range}`, field: 'priceE4' };
  }

  private fundsRefusal(client: SimClient, order: SimPlace, before?: SimOrder): Refusal | undefined {
    const account = this.accountOf(client.clientId);
    const heldE4 = before === undefined ? 0 : (account.blocks.get(before.brokerOrderId) ?? 0);
    const needE4 = this.needOf(account, order);
    const freeE4 = client.fundsE4 - this.utilisedE4(client) + heldE4;
    if (needE4 <= heldE4 || needE4 <= freeE4) return undefined;
    const detail = `Required margin is ${formatE4(needE4)} but available margin is ${formatE4(Math.max(0, freeE4))}.`;
    return { reason: 'funds', detail };
  }
}

const refused = (reason: Refusal['reason'], detail: string, field?: string): Outcome => ({
  ok: false,
  refusal: { reason, detail, ...(field !== undefined && { field }) },
});

export const isOver = ({ state }: Pick<SimOrder, 'state'>): boolean =>
  state === 'complete' || state === 'cancelled' || state === 'rejected';

const isStop = ({ orderType }: Pick<SimPlace, 'orderType'>): boolean => orderType === 'SL' || orderType === 'SL_M';

const remainingOf = ({ quantity, filledQuantity }: SimOrder): number => quantity - filledQuantity;

const isTriggered = ({ side, triggerPriceE4 }: SimOrder, priceE4: number): boolean =>
  side === 'BUY' ? priceE4 >= triggerPriceE4 : priceE4 <= triggerPriceE4;

const isMarketable = ({ orderType, side, priceE4: limitE4 }: SimOrder, priceE4: number): boolean => {
  if (orderType === 'MARKET' || orderType === 'SL_M') return true;
  return side === 'BUY' ? priceE4 <= limitE4 : priceE4 >= limitE4;
};

/** Rounded half up to 1/10,000 rupee. Sums of prices and quantities exceed what a number holds exactly. */
const averageOf = (trades: readonly SimTrade[], quantity: number): number => {
  const sum = trades.reduce((total, trade) => total + BigInt(trade.priceE4) * BigInt(trade.quantity), 0n);
  const whole = BigInt(quantity);
  return Number((sum * 2n + whole) / (whole * 2n));
};

/** No order may be larger, so that money stays exact. */
const QUANTITY_MAX = 10_000_000;

/** What makes no sense whatever the market and the client's funds are. */
const malformation = (order: SimPlace): Refusal | undefined => {
  const { instrument, quantity, orderType, side, priceE4, triggerPriceE4, disclosedQuantity } = order;
  const { lotSize, tickSizeE4, freezeQuantity, segment } = instrument;
  const wrong = (reason: Refusal['reason'], field: string, detail: string): Refusal => ({ reason, field, detail });
  if (lotSize === undefined || tickSizeE4 === undefined)
    return wrong('unknown-instrument', 'instrument', `${instrument.symbol} cannot be traded`);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > QUANTITY_MAX)
    return wrong('quantity', 'quantity', 'Quantity must be greater than zero');
  if (quantity % lotSize !== 0)
    return wrong('lot-size', 'quantity', `Quantity must be a multiple of the lot size ${String(lotSize)}`);
  // The figure of the cash segment means nothing.
  const isCash = segment === 'NSE_EQ' || segment === 'BSE_EQ';
  if (!isCash && freezeQuantity !== undefined && quantity >= freezeQuantity)
    return wrong('freeze-quantity', 'quantity', `Quantity exceeds the freeze quantity ${String(freezeQuantity - 1)}`);
  const hasPrice = orderType === 'LIMIT' || orderType === 'SL';
  if (hasPrice && priceE4 <= 0) return wrong('price', 'priceE4', 'Price is required for this order type');
  if (!hasPrice && priceE4 !== 0) return wrong('price', 'priceE4', 'Price must be zero for this order type');
  if (isStop(order) && triggerPriceE4 <= 0)
    return wrong('trigger-price', 'triggerPriceE4', 'Trigger price is required for this order type');
  if (orderType === 'SL' && (side === 'BUY' ? triggerPriceE4 > priceE4 : triggerPriceE4 < priceE4))
    return wrong('trigger-price', 'triggerPriceE4', 'Trigger price must not be beyond the limit price');
  if (priceE4 % tickSizeE4 !== 0)
    return wrong('tick-size', 'priceE4', `Price must be a multiple of the tick size ${formatE4(tickSizeE4)}`);
  if (triggerPriceE4 % tickSizeE4 !== 0)
    return wrong(
      'tick-size',
      'triggerPriceE4',
      `Trigger price must be a multiple of the tick size ${formatE4(tickSizeE4)}`,
    );
  if (disclosedQuantity !== 0 && (disclosedQuantity > quantity || disclosedQuantity * 10 < quantity))
    return wrong(
      'quantity',
      'disclosedQuantity',
      'Disclosed quantity must be from a tenth of the quantity to all of it',
    );
  return undefined;
};
