import type { AccountEvent } from '#domain/accounts/account';
import type { IntentEvent } from '#domain/intents/intent';
import type { OrderEvent } from '#domain/orders/order';
import type { HouseSettingsEvent } from '#domain/settings/house-settings';
import type { UserSettingsEvent } from '#domain/settings/user-settings';
import type { RecordedEvent } from '#event-log/event-log';

/** An event of one of our streams whose fields, as far as a fold uses them, have been looked at. */
export type Recorded<Event> = RecordedEvent & Event;

export type OrderRecorded = Recorded<OrderEvent>;
export type AccountRecorded = Recorded<AccountEvent>;
export type IntentRecorded = Recorded<IntentEvent>;
export type SettingsRecorded = Recorded<SettingsEvent>;

type SettingsEvent = HouseSettingsEvent | UserSettingsEvent;

/** What is known of an event before its data was looked at. */
type Parse = (recorded: RecordedEvent) => Known | undefined;

/** `id` is the part of the stream's name behind its kind. */
export type Known =
  | { readonly kind: 'order'; readonly id: string; readonly event: OrderRecorded }
  | { readonly kind: 'account'; readonly id: string; readonly event: AccountRecorded }
  | { readonly kind: 'intent'; readonly id: string; readonly event: IntentRecorded }
  | { readonly kind: 'settings'; readonly id: string; readonly event: SettingsRecorded };

/** An event that cannot be folded: it will be parked, with this message. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/* ---------------------------------------------------------------------------------------------- kinds of values */

type Test = (value: unknown) => boolean;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** The last instant of a JavaScript Date. */
const INSTANT_MAX_MS = 8_640_000_000_000_000;

const uuid: Test = (value) => typeof value === 'string' && UUID.test(value);
const text: Test = (value) => typeof value === 'string';
const integer: Test = (value) => Number.isSafeInteger(value);
const count: Test = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const instant: Test = (value) => typeof value === 'number' && count(value) && value <= INSTANT_MAX_MS;
/** A day of the calendar, of years in which somebody trades. */
const day: Test = (value) => typeof value === 'string' && (value === lastDay || isDay(value));
/** Most events are of one day. */
let lastDay = '';
const isDay = (text: string): boolean => {
  if (!/^20\d\d-\d\d-\d\d$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // A day that its month does not have is taken for one of the next.
  const isReal = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
  if (isReal) lastDay = text;
  return isReal;
};
const list: Test = (value) =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'object' && entry !== null);
const optional =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);
const nullable =
  (test: Test): Test =>
  (value) =>
    value === null || test(value);
const oneOf =
  (...values: readonly string[]): Test =>
  (value) =>
    typeof value === 'string' && values.includes(value);

type Shape = readonly (readonly [field: string, test: Test])[];

const object =
  (shape: Shape): Test =>
  (value) =>
    typeof value === 'object' && value !== null && misfit(shape, value) === undefined;

/** The first field that is not as it must be. */
const misfit = (shape: Shape, value: object): string | undefined => {
  for (const [field, test] of shape) if (!test(Reflect.get(value, field))) return field;
  return undefined;
};

/* --------------------------------------------------------------------------------------- what the folds look at */

const charges = object([
  ['brokerageE4', integer],
  ['sttE4', integer],
  ['exchangeE4', integer],
  ['sebiE4', integer],
  ['stampE4', integer],
  ['gstE4', integer],
  ['clearingE4', integer],
  ['dpE4', integer],
  ['totalE4', integer],
]);
const side = oneOf('BUY', 'SELL');
const product = oneOf('CNC', 'MIS', 'NRML', 'MTF');
const terms: Shape = [
  ['orderType', oneOf('MARKET', 'LIMIT', 'SL', 'SL_M')],
  ['quantity', count],
  ['priceE4', optional(integer)],
  ['triggerPriceE4', optional(integer)],
  ['validity', oneOf('DAY', 'IOC')],
  ['disclosedQuantity', optional(count)],
];
const details: Shape = [
  ...terms,
  ['orderId', uuid],
  ['intentId', uuid],
  ['line', count],
  ['slice', optional(count)],
  ['lineQuantity', optional(count)],
  ['accountId', text],
  ['userId', text],
  ['instrumentKey', text],
  ['symbol', text],
  ['exchange', text],
  ['segment', text],
  ['side', side],
  ['product', product],
  ['clientOrderId', optional(text)],
  ['strategyId', optional(text)],
  ['verdicts', list],
];
const route = object([
  ['broker', text],
  ['reason', text],
]);
const evidence = object([
  ['code', optional(text)],
  ['message', optional(text)],
]);
const attempted: Shape = [
  ['attempt', count],
  ['evidence', evidence],
];
const replace: Shape = [
  ['requestId', text],
  ['terms', object(terms)],
];
const trade: Shape = [
  ['tradeId', text],
  ['quantity', count],
  ['priceE4', integer],
  ['tradedAt', instant],
];

const ORDER_EVENTS: Readonly<Record<OrderEvent['type'], Shape>> = {
  OrderPlaced: [...details, ['route', route], ['charges', optional(charges)]],
  OrderDenied: details,
  OrderDispatched: [
    ['attempt', count],
    ['broker', text],
    ['tag', text],
  ],
  OrderAccepted: [
    ['attempt', count],
    ['brokerOrderId', text],
  ],
  OrderRejected: attempted,
  DispatchNotSent: attempted,
  DispatchInDoubt: attempted,
  OrderAbandoned: attempted,
  CancelRequested: [['requestId', text]],
  CancelRejected: [['evidence', evidence]],
  OrderCancelled: [
    ['reason', text],
    ['leavesQuantity', count],
  ],
  ReplaceRequested: replace,
  ReplaceDenied: replace,
  ReplaceRejected: [
    ['requestId', text],
    ['evidence', evidence],
  ],
  OrderReplaced: [
    ['terms', object(terms)],
    ['leavesQuantity', count],
  ],
  OrderFilled: [...trade, ['cumulativeQuantity', count], ['leavesQuantity', count]],
  OverfillReported: trade,
  OrderExpired: [['leavesQuantity', count]],
};

const ACCOUNT_EVENTS: Readonly<Record<AccountEvent['type'], Shape>> = {
  AccountOpened: [],
  FundsDeposited: [],
  HoldingAdopted: [
    ['instrumentKey', text],
    ['quantity', count],
    ['costE4', integer],
  ],
  PositionExpired: [
    ['instrumentKey', text],
    ['product', product],
    ['quantity', integer],
    ['costE4', integer],
  ],
  MarginReserved: [['orderId', uuid]],
  ReservationChanged: [['orderId', uuid]],
  MarginPosted: [
    ['orderId', uuid],
    ['instrumentKey', text],
    ['product', product],
    ['side', side],
    ['tradeId', text],
    ['quantity', count],
    ['priceE4', integer],
    ['cumulativeQuantity', count],
    ['costE4', integer],
    ['realisedE4', integer],
    ['hold', nullable(object([]))],
    ['marginE4', optional(integer)],
    ['tradingDate', optional(day)],
    ['broker', optional(text)],
    ['charges', optional(charges)],
  ],
  MarginVoided: [['orderId', uuid]],
};

const INTENT_EVENTS: Readonly<Record<IntentEvent['type'], Shape>> = {
  IntentReceived: [['accountId', text]],
  IntentCompleted: [],
};

const SETTINGS_EVENTS: Readonly<Record<SettingsEvent['type'], Shape>> = {
  HouseSettingsChanged: [['settings', object([])]],
  UserSettingsChanged: [['settings', object([])]],
};

const META: Shape = [
  ['userId', text],
  ['accountId', text],
  ['correlationId', text],
  ['at', instant],
];

/* -------------------------------------------------------------------------------------------------------- parse */

/** Whether an event of this type and shape is one of the union that the table lists. */
const isOne = <Event extends { readonly type: string }>(
  shapes: Readonly<Record<Event['type'], Shape>>,
  recorded: RecordedEvent,
): recorded is Recorded<Event> => {
  if (!Object.hasOwn(shapes, recorded.type)) throw new Unreadable(`${recorded.type} is not a type this view knows`);
  const shape: Shape = Reflect.get(shapes, recorded.type);
  const wrong = misfit(shape, recorded.data) ?? misfit(META, recorded.meta);
  if (wrong !== undefined) throw new Unreadable(`${recorded.type}: ${wrong} is missing or not what it must be`);
  return true;
};

const parsers: Readonly<Record<string, Parse>> = {
  order: (recorded) => {
    const id = uuidOf(recorded, 'order-');
    return isOne<OrderEvent>(ORDER_EVENTS, recorded) ? { kind: 'order', id, event: recorded } : undefined;
  },
  account: (recorded) => {
    const id = recorded.stream.slice('account-'.length);
    return isOne<AccountEvent>(ACCOUNT_EVENTS, recorded) ? { kind: 'account', id, event: recorded } : undefined;
  },
  intent: (recorded) => {
    const id = uuidOf(recorded, 'intent-');
    return isOne<IntentEvent>(INTENT_EVENTS, recorded) ? { kind: 'intent', id, event: recorded } : undefined;
  },
  settings: (recorded) => {
    const id = recorded.stream.slice('settings-'.length);
    if (!/^(house$|user-)/.test(id)) return undefined; // where orders go is nobody's business here
    return isOne<SettingsEvent>(SETTINGS_EVENTS, recorded) ? { kind: 'settings', id, event: recorded } : undefined;
  },
};

const uuidOf = ({ stream }: RecordedEvent, prefix: string): string => {
  const id = stream.slice(prefix.length);
  if (!UUID.test(id)) throw new Unreadable(`${stream} is not named after a UUID`);
  return id;
};

/**
 * Looks at an event as if a stranger had written it: a fold that meets a missing field would store nonsense. Streams
 * that no view cares about are `undefined`.
 * @throws Unreadable an event of our streams whose type is not known or whose fields are not as they must be.
 */
export const parseRecorded = (recorded: RecordedEvent): Known | undefined => {
  const { stream } = recorded;
  const kind = stream.slice(0, Math.max(0, stream.indexOf('-')));
  return Object.hasOwn(parsers, kind) ? parsers[kind]?.(recorded) : undefined;
};

/** The event's time, if it has one at all: even an unreadable event is listed with it. */
export const instantOf = ({ meta }: RecordedEvent): number | null => (instant(meta.at) ? meta.at : null);
