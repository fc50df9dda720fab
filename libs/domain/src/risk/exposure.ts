import { positionKey } from '../accounts/account';
import { alikeKeyOf } from '../accounts/day-book';
import type { Instrument } from '../instruments/instrument';
import type { OrderType, Product, Side } from '../orders/order';
import type { Exposure, OpposingOrder } from './context';

/** What can be looked up and gone through: a persistent map, or any other. */
interface Lookup<Value> {
  readonly size: number;
  get(key: string): Value | undefined;
  values(): IterableIterator<Value>;
}

interface HeldPosition {
  readonly instrumentKey: string;
  readonly product: Product;
  /** Signed: short is negative. */
  readonly quantity: number;
  /** What was paid (or, short, received) for what is open. */
  readonly costE4: number;
  readonly promisedQuantity: number;
}

interface OpenOrder {
  readonly orderId: string;
  readonly instrumentKey: string;
  readonly product: Product;
  readonly side: Side;
  readonly remainingQuantity: number;
  readonly closingQuantity: number;
  readonly marginPriceE4: number;
  readonly orderType?: OrderType;
  readonly priceE4?: number;
  readonly triggerPriceE4?: number;
  /** The day of its market on which it was asked for. */
  readonly tradingDate?: string;
}

interface RecentOrder {
  readonly orderId: string;
  readonly atMs: number;
  /** Which line of which request it is (part of): slices of one line are no repetition of each other. */
  readonly lineId?: string;
}

/** What the checks look at of an account, as its stream has it. */
export interface AccountView {
  /** By instrument and product. */
  readonly positions: Lookup<HeldPosition>;
  /** Open orders, by order id. */
  readonly reservations: Lookup<OpenOrder>;
  /** Ids of the open orders in an instrument; without it all of them are gone through. */
  readonly openIn?: Pick<Lookup<Iterable<string>>, 'get'>;
  /** Executed quantity, by order id. */
  readonly postedQuantities: Pick<Lookup<number>, 'get'>;
  /** Of an earlier date than the one that is asked for: nothing happened yet on that day. Of a later one: nobody knows. */
  readonly day: {
    readonly date: string;
    readonly realisedE4: number;
    readonly chargesE4: number;
    readonly orders: number;
    /** The last order for each thing, by `alikeKeyOf`. */
    readonly recent: Pick<Lookup<RecentOrder>, 'get'>;
    /** The positions as the day began: what is not among them was opened today. */
    readonly opening?: Lookup<HeldPosition>;
    /** Units bought today, by instrument and product as `positions`. */
    readonly bought?: Pick<Lookup<number>, 'get'>;
  };
}

/** The order that is judged. */
export interface ExposureQuestion {
  /** Of an order that may be open already: it is left out of what is said of open orders. */
  readonly orderId: string;
  readonly lineId?: string;
  readonly instrumentKey: string;
  readonly product: Product;
  readonly side: Side;
  readonly quantity: number;
  readonly priceE4?: number;
  /** Changes asked for so far. */
  readonly modifications?: number;
}

/** What the account itself does not know. */
export interface MarketView {
  readonly tradingDate: string;
  readonly atMs: number;
  readonly instrumentOf: (instrumentKey: string) => Instrument | undefined;
  readonly lastPriceE4: (instrumentKey: string) => number | undefined;
  /** Official close or settlement price of the last session. */
  readonly previousCloseE4: (instrumentKey: string) => number | undefined;
}

/** An account at this moment, as the checks of one order see it. */
export const exposureOf = (account: AccountView, order: ExposureQuestion, market: MarketView): Exposure =>
  new AccountExposure(account, order, market);

/**
 * Answers what it is asked, and works it out only then: an account may have thousands of open orders, and most limits are
 * not set.
 */
class AccountExposure implements Exposure {
  private inInstrument: readonly OpenOrder[] | undefined;
  private gathered: OtherOrders | undefined;
  private siblings: number | undefined;

  constructor(
    private readonly account: AccountView,
    private readonly order: ExposureQuestion,
    private readonly market: MarketView,
  ) {}

  private get key(): string {
    return positionKey(this.order);
  }

  private get present(): OpenOrder | undefined {
    return this.account.reservations.get(this.order.orderId);
  }

  private get isToday(): boolean {
    return this.account.day.date === this.market.tradingDate;
  }

  /** The account's book is of a later day: what it did on this one is not told apart any more. */
  private get isOver(): boolean {
    return this.account.day.date > this.market.tradingDate;
  }

  /** A figure of the day: nothing before the day began, nothing anybody knows after it. */
  private ofToday<Figure>(figure: (day: AccountView['day']) => Figure): Figure | 0 | undefined {
    if (this.isOver) return undefined;
    return this.isToday ? figure(this.account.day) : 0;
  }

  get positionQuantity(): number {
    return this.account.positions.get(this.key)?.quantity ?? 0;
  }

  get closableQuantity(): number {
    const position = this.account.positions.get(this.key);
    if (!position) return 0;
    const opposite = this.order.side === 'SELL' ? position.quantity : -position.quantity;
    return Math.max(0, opposite - position.promisedQuantity + (this.present?.closingQuantity ?? 0));
  }

  get undeliveredQuantity(): number | undefined {
    return this.ofToday(({ bought }) => bought && (bought.get(this.key) ?? 0));
  }

  get filledQuantity(): number {
    return this.account.postedQuantities.get(this.order.orderId) ?? 0;
  }

  get symbolPosition(): number {
    const { instrumentKey, side } = this.order;
    const held = sum(
      PRODUCTS,
      (product) => this.account.positions.get(positionKey({ instrumentKey, product }))?.quantity ?? 0,
    );
    const alongside = sum(this.here, (open) => (open.side === side ? open.remainingQuantity : 0));
    return side === 'BUY' ? held + alongside : held - alongside;
  }

  get otherContracts(): number {
    return (this.siblings ??= this.unitsOfOtherContracts());
  }

  get openOrders(): number {
    return this.account.reservations.size - (this.present ? 1 : 0);
  }

  get openOrderValueE4(): number {
    return this.others.valueE4;
  }

  get grossExposureE4(): number | undefined {
    let totalE4 = this.others.openingE4;
    for (const { instrumentKey, quantity } of this.account.positions.values()) {
      if (quantity === 0) continue;
      const priceE4 = this.market.lastPriceE4(instrumentKey);
      if (priceE4 === undefined) return undefined;
      totalE4 += Math.abs(quantity) * priceE4;
    }
    return totalE4;
  }

  get dayRealisedE4(): number | undefined {
    return this.ofToday(({ realisedE4 }) => realisedE4);
  }

  get dayChargesE4(): number | undefined {
    return this.ofToday(({ chargesE4 }) => chargesE4);
  }

  /**
   * What is realised is counted against cost. What was open as the day began brought a gain or loss of earlier days with
   * it, as of the last close: that part is taken out again, whether the position was closed since or not.
   */
  get unrealisedE4(): number | undefined {
    if (this.isOver) return undefined;
    const { positions, day } = this.account;
    const opening = this.isToday ? day.opening : positions;
    const now = gainE4(positions, this.market.lastPriceE4);
    const before = opening && gainE4(opening, this.market.previousCloseE4);
    return now === undefined || before === undefined ? undefined : now - before;
  }

  get ordersToday(): number | undefined {
    // An order that waited with us since this morning is among them.
    const isCounted = this.present?.tradingDate === this.market.tradingDate;
    return this.ofToday(({ orders }) => orders - (isCounted ? 1 : 0));
  }

  get modifications(): number {
    return this.order.modifications ?? 0;
  }

  get opposite(): readonly OpposingOrder[] {
    const { side } = this.order;
    return this.here.filter((open) => open.side !== side).map(opposing);
  }

  get lastAlikeMs(): number | undefined {
    const { orderId, lineId } = this.order;
    const last = this.account.day.recent.get(alikeKeyOf(this.order));
    if (last === undefined || last.orderId === orderId) return undefined;
    if (lineId !== undefined && last.lineId === lineId) return undefined;
    return Math.max(0, this.market.atMs - last.atMs);
  }

  get presentValueE4(): number | undefined {
    return this.present && valueE4Of(this.present);
  }

  /** The other open orders in this instrument. */
  private get here(): readonly OpenOrder[] {
    const { openIn } = this.account;
    return openIn ? (this.inInstrument ??= this.indexed(openIn)) : this.others.here;
  }

  private indexed(openIn: NonNullable<AccountView['openIn']>): readonly OpenOrder[] {
    const { orderId, instrumentKey } = this.order;
    const found: OpenOrder[] = [];
    for (const id of openIn.get(instrumentKey) ?? []) {
      const open = id === orderId ? undefined : this.account.reservations.get(id);
      if (open) found.push(open);
    }
    return found;
  }

  /** All other open orders: the one thing here that grows with them. */
  private get others(): OtherOrders {
    return (this.gathered ??= this.gather());
  }

  private gather(): OtherOrders {
    const { orderId, instrumentKey } = this.order;
    const here: OpenOrder[] = [];
    let valueE4 = 0;
    let openingE4 = 0;
    for (const open of this.account.reservations.values()) {
      if (open.orderId === orderId) continue;
      valueE4 += valueE4Of(open);
      openingE4 += (open.remainingQuantity - open.closingQuantity) * (open.priceE4 ?? open.marginPriceE4);
      if (open.instrumentKey === instrumentKey) here.push(open);
    }
    return { valueE4, openingE4, here };
  }

  private unitsOfOtherContracts(): number {
    const { instrumentOf } = this.market;
    const underlying = instrumentOf(this.order.instrumentKey)?.underlyingSymbol;
    if (underlying === undefined) return 0;
    const contracts = new Map<string, { held: number; buys: number; sells: number }>();
    const contractOf = (instrumentKey: string) => {
      if (instrumentKey === this.order.instrumentKey) return undefined;
      const known = contracts.get(instrumentKey);
      if (known || instrumentOf(instrumentKey)?.underlyingSymbol !== underlying) return known;
      const fresh = { held: 0, buys: 0, sells: 0 };
      contracts.set(instrumentKey, fresh);
      return fresh;
    };
    for (const { instrumentKey, quantity } of this.account.positions.values()) {
      const contract = contractOf(instrumentKey);
      if (contract) contract.held += quantity;
    }
    for (const { instrumentKey, side, remainingQuantity } of this.account.reservations.values()) {
      const contract = contractOf(instrumentKey);
      if (contract) contract[side === 'BUY' ? 'buys' : 'sells'] += remainingQuantity;
    }
    return sum(contracts.values(), ({ held, buys, sells }) => Math.max(Math.abs(held + buys), Math.abs(held - sells)));
  }
}

interface OtherOrders {
  readonly valueE4: number;
  readonly openingE4: number;
  /** Those in the instrument of the order. */
  readonly here: readonly OpenOrder[];
}

const PRODUCTS: readonly Product[] = ['CNC', 'MIS', 'NRML', 'MTF'];

const valueE4Of = ({ remainingQuantity, priceE4, marginPriceE4 }: OpenOrder): number =>
  remainingQuantity * (priceE4 ?? marginPriceE4);

const opposing = ({ orderId, side, orderType, priceE4, triggerPriceE4 }: OpenOrder): OpposingOrder => ({
  orderId,
  side,
  orderType,
  ...(priceE4 !== undefined && { priceE4 }),
  ...(triggerPriceE4 !== undefined && { triggerPriceE4 }),
});

/** What positions are worth beyond their cost at these prices; `undefined` when one has none. */
const gainE4 = (
  positions: Pick<Lookup<HeldPosition>, 'values'>,
  priceE4Of: (instrumentKey: string) => number | undefined,
): number | undefined => {
  let totalE4 = 0;
  for (const { instrumentKey, quantity, costE4 } of positions.values()) {
    if (quantity === 0) continue;
    const priceE4 = priceE4Of(instrumentKey);
    if (priceE4 === undefined) return undefined;
    totalE4 += quantity > 0 ? quantity * priceE4 - costE4 : costE4 + quantity * priceE4;
  }
  return totalE4;
};

const sum = <Item>(items: Iterable<Item>, valueOf: (item: Item) => number): number => {
  let total = 0;
  for (const item of items) total += valueOf(item);
  return total;
};
