import { TradingViews1767225700000 } from './migrations/1767225700000-trading-views';
import { FeedPartitions1767225800000 } from './migrations/1767225800000-feed-partitions';
import { OpenWorkRow } from './open-work/open-work-row';
import { OrderEventRow } from './order-events/order-event-row';
import { OrderRow } from './orders/order-row';
import { ParkedEvent } from './parked-events/parked-event';
import { ProjectionPosition } from './projection-positions/projection-position';
import { TradeRow } from './trades/trade-row';

export const readModelEntities = [OrderRow, OrderEventRow, TradeRow, OpenWorkRow, ParkedEvent, ProjectionPosition];

/** In the order in which they are applied. Each takes the schema to work on: a rebuild runs them on its own. */
export const readModelMigrations = [TradingViews1767225700000, FeedPartitions1767225800000];

/** The views: what a rebuild must reproduce to the letter. */
export const VIEWS = ['orders', 'order_events', 'trades', 'open_work', 'parked_events'] as const;
export type View = (typeof VIEWS)[number];
