import type { Segment } from '#domain/instruments/instrument';
import type { OrderType, Product, Side, Validity } from '#domain/orders/order';
import type { BrokerInstrument, BrokerOrderState, ErrorClass } from '../client';

export const SIDES: Readonly<Record<string, Side>> = { BUY: 'BUY', SELL: 'SELL' };
export const ORDER_TYPES: Readonly<Record<string, OrderType>> = {
  MARKET: 'MARKET',
  LIMIT: 'LIMIT',
  SL: 'SL',
  'SL-M': 'SL_M',
};
export const VALIDITIES: Readonly<Record<string, Validity>> = { DAY: 'DAY', IOC: 'IOC' };

export const orderTypeAt = (orderType: OrderType): string => (orderType === 'SL_M' ? 'SL-M' : orderType);

/** `D` is delivery for shares and overnight for everything else. */
const PRODUCTS: Readonly<Record<Product, string>> = { CNC: 'D', NRML: 'D', MIS: 'I', MTF: 'MTF' };

export const productAt = (product: Product): string => PRODUCTS[product];

/** Absent for what has no counterpart: cover orders. */
export const productOf = (word: string, isCash: boolean): Product | undefined => {
  switch (word.toUpperCase()) {
    case 'D':
      return isCash ? 'CNC' : 'NRML';
    case 'I':
      return 'MIS';
    case 'MTF':
      return 'MTF';
    default:
      return undefined;
  }
};

const CASH = new Set(['NSE_EQ', 'BSE_EQ', 'NSE', 'BSE']);

/** By the segment in the instrument's key, or else by the exchange. */
export const isCash = (instrumentKey: string, exchange: string): boolean => {
  const [segment, id] = instrumentKey.split('|');
  return CASH.has(id === undefined || segment === undefined ? exchange : segment);
};

/** Commodities are ordered in lots; everything else in shares or units. */
const IN_LOTS: ReadonlySet<Segment> = new Set<Segment>(['MCX_FO', 'NSE_COM']);

/** Units in one of the broker's units. */
export const unitsPer = (instrument: BrokerInstrument | undefined): number =>
  instrument && IN_LOTS.has(instrument.segment) ? (instrument.lotSize ?? 1) : 1;

const STATES: ReadonlyMap<string, BrokerOrderState> = new Map<string, BrokerOrderState>([
  ['put order req received', 'PENDING_ACK'],
  ['validation pending', 'PENDING_ACK'],
  ['open pending', 'PENDING_ACK'],
  ['after market order req received', 'QUEUED_AMO'],
  ['modify after market order req received', 'QUEUED_AMO'],
  ['open', 'WORKING'],
  ['modified', 'WORKING'],
  ['not modified', 'WORKING'],
  ['not cancelled', 'WORKING'],
  ['trigger pending', 'TRIGGER_WAIT'],
  ['modify pending', 'MODIFY_PENDING'],
  ['modify validation pending', 'MODIFY_PENDING'],
  ['cancel pending', 'CANCEL_PENDING'],
  ['complete', 'FILLED'],
  ['cancelled', 'CANCELLED'],
  ['cancelled after market order', 'CANCELLED'],
  ['rejected', 'REJECTED'],
]);

export const stateOf = (word: string): BrokerOrderState => STATES.get(word.trim().toLowerCase()) ?? 'UNKNOWN';

const ERRORS: readonly (readonly [ErrorClass, readonly string[]])[] = [
  ['auth', ['100050', '100016', '100067', '100068', '100069', '100070', '100073', '1155', '1157']],
  ['address', ['1154']],
  ['throttled', ['10005']],
  ['transient', ['100500']],
  ['closed-hours', ['100072', '100074']],
  ['not-found', ['100010', '100060', '1010']],
  ['final-state', ['100040', '100041']],
  ['entitlement', ['100049', '100058', '1158', '1161']],
];
const CLASS_OF = new Map(ERRORS.flatMap(([errorClass, codes]) => codes.map((code) => [code, errorClass] as const)));

/** What an error code stands for, `undefined` for the many that stand for a field that is wrong. */
export const classOfCode = (code: string): ErrorClass | undefined => CLASS_OF.get(code.replace(/^UDAPI/i, ''));

/** The order is not there, or not there yet. */
export const ORDER_NOT_FOUND = 'UDAPI100010';
