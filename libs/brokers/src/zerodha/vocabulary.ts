import type { OrderType, Product, Side, Validity } from '#domain/orders/order';
import type { BrokerInstrument, BrokerOrderState, ErrorClass } from '../client';

export const SIDES: Readonly<Record<string, Side>> = { BUY: 'BUY', SELL: 'SELL' };
export const ORDER_TYPES: Readonly<Record<string, OrderType>> = {
  MARKET: 'MARKET',
  LIMIT: 'LIMIT',
  SL: 'SL',
  'SL-M': 'SL_M',
};
/** What lives some minutes (`TTL`) was not placed by us, and is gone before the day is. */
export const VALIDITIES: Readonly<Record<string, Validity>> = { DAY: 'DAY', IOC: 'IOC', TTL: 'DAY' };

export const orderTypeAt = (orderType: OrderType): string => (orderType === 'SL_M' ? 'SL-M' : orderType);

/** The same words in every segment. Absent for what has no counterpart: cover and bracket orders. */
const PRODUCTS: ReadonlyMap<string, Product> = new Map([
  ['CNC', 'CNC'],
  ['MIS', 'MIS'],
  ['NRML', 'NRML'],
  ['MTF', 'MTF'],
]);

export const productOf = (word: string): Product | undefined => PRODUCTS.get(word.toUpperCase());

/** Commodities at MCX are ordered in lots; everything else in shares or units. */
export const unitsPer = (instrument: BrokerInstrument | undefined): number =>
  instrument?.segment === 'MCX_FO' ? (instrument.lotSize ?? 1) : 1;

const STATES: ReadonlyMap<string, BrokerOrderState> = new Map<string, BrokerOrderState>([
  ['PUT ORDER REQ RECEIVED', 'PENDING_ACK'],
  ['VALIDATION PENDING', 'PENDING_ACK'],
  ['OPEN PENDING', 'PENDING_ACK'],
  ['AMO REQ RECEIVED', 'QUEUED_AMO'],
  ['OPEN', 'WORKING'],
  ['MODIFIED', 'WORKING'],
  ['TRIGGER PENDING', 'TRIGGER_WAIT'],
  ['MODIFY PENDING', 'MODIFY_PENDING'],
  ['MODIFY VALIDATION PENDING', 'MODIFY_PENDING'],
  ['CANCEL PENDING', 'CANCEL_PENDING'],
  ['COMPLETE', 'FILLED'],
  ['REJECTED', 'REJECTED'],
  ['LAPSED', 'EXPIRED'],
]);

/**
 * `UPDATE` is no state but the news that something was traded or modified: such an order works, unless it is a stop of
 * which nothing was traded, which may still be waiting.
 */
export const stateOf = (word: string, orderType: OrderType, filledQuantity: number): BrokerOrderState => {
  const status = word.trim().toUpperCase();
  if (status.startsWith('CANCELLED')) return 'CANCELLED';
  if (status === 'UPDATE')
    return filledQuantity > 0 || orderType === 'LIMIT' || orderType === 'MARKET' ? 'WORKING' : 'UNKNOWN';
  return STATES.get(status) ?? 'UNKNOWN';
};

/** What was asked: the same refusal means another thing to an order that is there already. */
export type Asked = 'place' | 'change' | 'read';

const BY_TYPE: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ['TokenException', 'auth'],
  ['UserException', 'auth'],
  ['TwoFAException', 'auth'],
  ['PermissionException', 'entitlement'],
  ['InputException', 'validation'],
  ['MarginException', 'funds'],
  ['HoldingException', 'risk'],
  ['NetworkException', 'transient'],
  ['DataException', 'transient'],
  ['GeneralException', 'transient'],
]);

/** The text decides where one type stands for several things. */
export const classOf = (errorType: string, message: string, asked: Asked): ErrorClass | undefined => {
  if (/is not allowed to place orders/i.test(message)) return 'address';
  if (/too many requests|maximum allowed order requests/i.test(message)) return 'throttled';
  if (/couldn't find|not found|invalid `?order_id/i.test(message)) return 'not-found';
  if (errorType === 'OrderException') return asked === 'change' ? 'final-state' : 'risk';
  return BY_TYPE.get(errorType);
};
