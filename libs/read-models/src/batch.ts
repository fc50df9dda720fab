import type { RecordedEvent } from '#event-log/event-log';
import { orderChargesOf } from './charges/order-charges';
import type { OrderChargesRow } from './charges/order-charges-row';
import { tradeChargesOf } from './charges/trade-charges';
import type { TradeChargesRow } from './charges/trade-charges-row';
import * as openWork from './open-work/open-work';
import type { OpenWorkRow } from './open-work/open-work-row';
import { orderEventOf } from './order-events/order-events';
import type { OrderEventRow } from './order-events/order-event-row';
import { evolve as evolveOrderRow } from './orders/orders';
import type { OrderRow } from './orders/order-row';
import type { ParkedEvent } from './parked-events/parked-event';
import { evolvePosition, movesPosition, positionIdOf, positionKey, type PositionRecorded } from './positions/positions';
import type { PositionRow } from './positions/position-row';
import { instantOf, type Known, parseRecorded } from './recorded';
import { settingsRowOf } from './settings/settings';
import type { SettingsRow } from './settings/settings-row';
import { tradeOf } from './trades/trades';
import type { TradeRow } from './trades/trade-row';

/** What a batch of events makes of the rows it touches. */
export interface Changes {
  readonly orders: Map<string, OrderRow>;
  readonly orderEvents: OrderEventRow[];
  readonly trades: TradeRow[];
  readonly orderCharges: OrderChargesRow[];
  readonly tradeCharges: TradeChargesRow[];
  /** By `positionKey`. */
  readonly positions: Map<string, PositionRow>;
  /** By `workKey`. `null`: the row goes. */
  readonly openWork: Map<string, OpenWorkRow | null>;
  /** By scope. */
  readonly settings: Map<string, SettingsRow>;
  readonly parked: ParkedEvent[];
}

/** Rows as they stood before the batch. */
export interface Before {
  order(orderId: string): OrderRow | null;
  work(key: string): OpenWorkRow | null;
  position(key: string): PositionRow | null;
}

/** A page of the log with what its events turned out to be. */
export interface Reading {
  readonly known: readonly Known[];
  readonly parked: readonly ParkedEvent[];
}

/** An order's work is kept under its bare id, an intent's under its stream's name: no UUID looks like that. */
export const workKey = (kind: OpenWorkRow['kind'], id: string): string => (kind === 'order' ? id : INTENT + id);

export const workOf = (key: string): Pick<OpenWorkRow, 'kind' | 'id'> =>
  key.startsWith(INTENT) ? { kind: 'intent', id: key.slice(INTENT.length) } : { kind: 'order', id: key };

const INTENT = 'intent-';

/** Takes the events apart that a view cares about; what cannot be read is parked. */
export const read = (events: readonly RecordedEvent[]): Reading => {
  const known: Known[] = [];
  const parked: ParkedEvent[] = [];
  for (const recorded of events) {
    try {
      const found = parseRecorded(recorded);
      if (found !== undefined) known.push(found);
    } catch (error) {
      parked.push(park(recorded, error));
    }
  }
  return { known, parked };
};

/**
 * Folds all views in one pass. An event that a fold refuses is parked whole: either all views have it or none.
 */
export const foldBatch = ({ known, parked }: Reading, before: Before): Changes => {
  const changes: Changes = {
    orders: new Map(),
    orderEvents: [],
    trades: [],
    orderCharges: [],
    tradeCharges: [],
    positions: new Map(),
    openWork: new Map(),
    settings: new Map(),
    parked: [...parked],
  };
  const orderNow = (id: string) => changes.orders.get(id) ?? before.order(id);
  const workNow = (key: string) => {
    const row = changes.openWork.get(key);
    return row === undefined ? before.work(key) : row;
  };
  /** A row that comes and goes within a batch never reaches the table, but one that was there must go. */
  const setWork = (key: string, was: OpenWorkRow | null, is: OpenWorkRow | null) => {
    if (was !== null || is !== null) changes.openWork.set(key, is);
  };
  const movePosition = (accountId: string, event: PositionRecorded) => {
    const charges = event.type === 'MarginPosted' ? tradeChargesOf(accountId, event) : undefined;
    const key = positionKey(positionIdOf(accountId, event));
    const row = changes.positions.get(key) ?? before.position(key);
    changes.positions.set(key, evolvePosition(row, accountId, event)); // what cannot be read has failed by now
    if (charges) changes.tradeCharges.push(charges);
  };

  for (const found of known) {
    try {
      switch (found.kind) {
        case 'order': {
          const { id, event } = found;
          const after = evolveOrderRow(orderNow(id), event);
          const key = workKey(found.kind, id);
          const was = workNow(key);
          const work = openWork.evolveOrder(was, after, event);
          const charges = event.type === 'OrderPlaced' ? orderChargesOf(event) : undefined;
          changes.orders.set(id, after);
          changes.orderEvents.push(orderEventOf(after, event));
          if (event.type === 'OrderFilled') changes.trades.push(tradeOf(after, event));
          if (charges) changes.orderCharges.push(charges);
          setWork(key, was, work);
          break;
        }
        case 'account': {
          const { id, event } = found;
          if (movesPosition(event)) movePosition(id, event);
          const orderId = openWork.orderIdOf(event);
          if (orderId === undefined) break;
          const key = workKey('order', orderId);
          const was = workNow(key);
          setWork(key, was, openWork.evolveAccount(was, id, event));
          break;
        }
        case 'intent': {
          const key = workKey(found.kind, found.id);
          const was = workNow(key);
          setWork(key, was, openWork.evolveIntent(was, found.id, found.event));
          break;
        }
        case 'settings':
          changes.settings.set(found.id, settingsRowOf(found.id, found.event));
          break;
      }
    } catch (error) {
      changes.parked.push(park(found.event, error));
    }
  }
  return changes;
};

/** @param error why no row could be made of the event. */
export const park = (recorded: RecordedEvent, error: unknown): ParkedEvent => ({
  position: recorded.position,
  stream: storable(recorded.stream),
  revision: recorded.revision,
  type: storable(recorded.type),
  error: storable(error instanceof Error ? error.message : String(error)),
  at: instantOf(recorded),
});

/** Postgres text holds no character 0. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD');

/** The times by which rows that are kept by month find theirs. */
export function* instantsOf({ orderEvents, trades, tradeCharges }: Changes): Iterable<number> {
  for (const { at } of orderEvents) yield at;
  for (const { tradedAt } of trades) yield tradedAt;
  let last = '';
  for (const { tradingDate } of tradeCharges) {
    if (tradingDate !== last) yield Date.parse(tradingDate);
    last = tradingDate;
  }
}
