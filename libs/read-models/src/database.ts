import { OrderChargesRow } from './charges/order-charges-row';
import { TradeChargesRow } from './charges/trade-charges-row';
import { ChargesAndPositions1767226000000 } from './migrations/1767226000000-charges-and-positions';
import { TradingViews1767225700000 } from './migrations/1767225700000-trading-views';
import { FeedPartitions1767225800000 } from './migrations/1767225800000-feed-partitions';
import { OpenWorkRow } from './open-work/open-work-row';
import { OrderEventRow } from './order-events/order-event-row';
import { OrderRow } from './orders/order-row';
import { ParkedEvent } from './parked-events/parked-event';
import { PositionRow } from './positions/position-row';
import { ProjectionPosition } from './projection-positions/projection-position';
import { SettingsView1767225900000 } from './migrations/1767225900000-settings';
import { SettingsRow } from './settings/settings-row';
import { TradeRow } from './trades/trade-row';

export const readModelEntities = [
  OrderRow,
  OrderEventRow,
  TradeRow,
  OrderChargesRow,
  TradeChargesRow,
  PositionRow,
  OpenWorkRow,
  SettingsRow,
  ParkedEvent,
  ProjectionPosition,
];

/** In the order in which they are applied. Each takes the schema to work on: a rebuild runs them on its own. */
export const readModelMigrations = [
  TradingViews1767225700000,
  FeedPartitions1767225800000,
  SettingsView1767225900000,
  ChargesAndPositions1767226000000,
];

/** The views: what a rebuild must reproduce to the letter. */
export const VIEWS = [
  'orders',
  'order_events',
  'trades',
  'order_charges',
  'trade_charges',
  'positions',
  'open_work',
  'settings',
  'parked_events',
] as const;
export type View = (typeof VIEWS)[number];
