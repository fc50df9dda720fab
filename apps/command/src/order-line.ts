import { createHash } from 'node:crypto';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
  registerDecorator,
  type ValidationOptions,
} from 'class-validator';
import type { InstrumentFacts } from '#domain/instruments/facts';
import type { Instrument } from '#domain/instruments/instrument';
import type { IntentLine } from '#domain/intents/intent';
import { MAX_PRICE_E4, parseE4, toRupees } from '#domain/money';
import type { OrderTerms, OrderType, Product, Side, Validity } from '#domain/orders/order';
import { freezeOf, MAX_QUANTITY, misfitPrices } from '#domain/risk/checks';
import { NestedList } from '#platform/parse';
import { type FieldError, Problem } from '#platform/problem-details';
import { orderIdOf } from './ids';

const SIDES = ['BUY', 'SELL'] as const;
const PRODUCTS = ['CNC', 'MIS', 'NRML', 'MTF'] as const;
const ORDER_TYPES = ['MARKET', 'LIMIT', 'SL', 'SL_M'] as const;
const VALIDITIES = ['DAY', 'IOC'] as const;

/** No batch is parsed beyond this, whatever `MAX_ORDERS_PER_BATCH` allows. */
export const LINES_MAX = 100;

/** Printable, no control characters: what a client calls its own order. */
const LABEL = /^[\x20-\x7E]+$/;

/** A price in rupees: a JSON number above 0 with at most four decimal places. */
const IsRupees =
  (options?: ValidationOptions): PropertyDecorator =>
  (target, propertyName) => {
    registerDecorator({
      name: 'isRupees',
      target: target.constructor,
      propertyName: String(propertyName),
      ...(options && { options }),
      validator: {
        validate: (value: unknown) => {
          const priceE4 = typeof value === 'number' ? parseE4(value) : undefined;
          return priceE4 !== undefined && priceE4 > 0 && priceE4 <= MAX_PRICE_E4;
        },
        defaultMessage: () =>
          `$property must be a number above 0 and at most ${String(toRupees(MAX_PRICE_E4))} with at most four decimal places`,
      },
    });
  };

/** One order line, the same at every route. */
export class OrderLine {
  @ApiPropertyOptional({
    example: 'NSE:RELIANCE',
    description: 'Exchange and trading symbol. Give this or `instrumentKey`.',
  })
  @IsOptional()
  @Length(1, 100)
  symbol?: string;

  @ApiPropertyOptional({ example: 'NSE_EQ|INE002A01018' })
  @IsOptional()
  @Length(1, 100)
  instrumentKey?: string;

  @ApiProperty({ enum: SIDES })
  @IsIn(SIDES)
  side!: Side;

  @ApiProperty({
    enum: PRODUCTS,
    description: 'CNC delivery, MIS intraday, NRML overnight derivatives, MTF margin funded.',
  })
  @IsIn(PRODUCTS)
  product!: Product;

  @ApiProperty({ enum: ORDER_TYPES })
  @IsIn(ORDER_TYPES)
  orderType!: OrderType;

  @ApiProperty({ example: 10, minimum: 1, maximum: MAX_QUANTITY, description: 'In units, a multiple of the lot size.' })
  @IsInt()
  @Min(1)
  @Max(MAX_QUANTITY)
  quantity!: number;

  @ApiPropertyOptional({ example: 1412.3, description: 'Rupees; LIMIT and SL only.' })
  @IsOptional()
  @IsRupees()
  price?: number;

  @ApiPropertyOptional({ description: 'Rupees; SL and SL_M only.' })
  @IsOptional()
  @IsRupees()
  triggerPrice?: number;

  @ApiPropertyOptional({ enum: VALIDITIES, default: 'DAY' })
  @IsOptional()
  @IsIn(VALIDITIES)
  validity?: Validity;

  @ApiPropertyOptional({ description: 'Shown in the market at a time; at most the quantity.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_QUANTITY)
  disclosedQuantity?: number;

  @ApiPropertyOptional({ description: 'Broker by name; otherwise the one of the account.' })
  @IsOptional()
  @Length(1, 40)
  @Matches(LABEL)
  broker?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @Length(1, 64)
  @Matches(LABEL)
  strategyId?: string;

  @ApiPropertyOptional({ description: 'Your own name for the order; stored and returned, not interpreted.' })
  @IsOptional()
  @Length(1, 64)
  @Matches(LABEL)
  clientOrderId?: string;

  @ApiPropertyOptional({
    default: false,
    description: 'While the market is closed: held by us until it opens, judged again, and sent then.',
  })
  @IsOptional()
  @IsBoolean()
  afterMarket?: boolean;

  @ApiPropertyOptional({
    format: 'uuid',
    description: 'One of your accounts; the first one when absent. The same on every line.',
  })
  @IsOptional()
  @IsUUID()
  accountId?: string;
}

export class OrderBatch {
  @ApiProperty({ type: [OrderLine], minItems: 1, maxItems: LINES_MAX })
  @NestedList(() => OrderLine, { min: 1, max: LINES_MAX })
  orders!: OrderLine[];
}

/** What a modify may name; what it does not name stays as it is. `quantity` is the new total. */
export class OrderChange {
  @ApiPropertyOptional({ minimum: 1, maximum: MAX_QUANTITY, description: 'The new total, filled part included.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_QUANTITY)
  quantity?: number;

  @ApiPropertyOptional({ enum: ORDER_TYPES })
  @IsOptional()
  @IsIn(ORDER_TYPES)
  orderType?: OrderType;

  @ApiPropertyOptional()
  @IsOptional()
  @IsRupees()
  price?: number;

  @ApiPropertyOptional()
  @IsOptional()
  @IsRupees()
  triggerPrice?: number;

  @ApiPropertyOptional({ enum: VALIDITIES })
  @IsOptional()
  @IsIn(VALIDITIES)
  validity?: Validity;

  @ApiPropertyOptional()
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_QUANTITY)
  disclosedQuantity?: number;
}

/** The prices that were named, which the shape above has already judged. */
const pricesOf = (
  price: number | undefined,
  triggerPrice: number | undefined,
): Pick<OrderTerms, 'priceE4' | 'triggerPriceE4'> => {
  const priceE4 = price === undefined ? undefined : parseE4(price);
  const triggerPriceE4 = triggerPrice === undefined ? undefined : parseE4(triggerPrice);
  return { ...(priceE4 !== undefined && { priceE4 }), ...(triggerPriceE4 !== undefined && { triggerPriceE4 }) };
};

/** The terms of a line, prices in 1/10,000 rupee. */
export const termsOf = ({
  orderType,
  quantity,
  price,
  triggerPrice,
  validity,
  disclosedQuantity,
}: OrderLine): OrderTerms => ({
  orderType,
  quantity,
  validity: validity ?? 'DAY',
  ...pricesOf(price, triggerPrice),
  ...(disclosedQuantity !== undefined && { disclosedQuantity }),
});

/** The terms after a change: what it names is new; a price that the new order type does not take falls away. */
export const changedTerms = (
  present: OrderTerms,
  { quantity, orderType, price, triggerPrice, validity, disclosedQuantity }: OrderChange,
): OrderTerms => {
  const { priceE4, triggerPriceE4, ...rest } = present;
  const type = orderType ?? present.orderType;
  return {
    ...rest,
    orderType: type,
    ...(priceE4 !== undefined && (type === 'LIMIT' || type === 'SL') && { priceE4 }),
    ...(triggerPriceE4 !== undefined && (type === 'SL' || type === 'SL_M') && { triggerPriceE4 }),
    ...(quantity !== undefined && { quantity }),
    ...(validity !== undefined && { validity }),
    ...(disclosedQuantity !== undefined && { disclosedQuantity }),
    ...pricesOf(price, triggerPrice),
  };
};

/** Tells one request from another under the same key: the fields that were asked for, in a fixed order. */
export const payloadHashOf = (lines: readonly OrderLine[]): string => {
  const asked = lines.map((line) => [
    line.symbol,
    line.instrumentKey,
    line.side,
    line.product,
    line.orderType,
    line.quantity,
    line.price,
    line.triggerPrice,
    line.validity ?? 'DAY',
    line.disclosedQuantity,
    line.broker,
    line.strategyId,
    line.clientOrderId,
    // A field that came later: requests without it keep their hash.
    ...(line.afterMarket === true ? ['after-market'] : []),
  ]);
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url');
};

export interface LineContext {
  readonly intentId: string;
  readonly accountId: string;
  readonly userId: string;
  readonly brokers: { readonly names: readonly string[] };
  /** Finds an instrument by symbol or instrument key. */
  readonly resolve: (name: string) => Instrument | undefined;
  /** What the files of the day say of it beyond the master. */
  readonly factsOf: (instrumentKey: string) => InstrumentFacts;
  /** How errors name the lines: `orders[2].symbol` in a batch, `symbol` alone. */
  readonly pathOf: (line: number, field: string) => string;
}

/**
 * Turns lines into intent lines, symbols resolved.
 * @throws Problem 400 or 422 naming every field that makes no sense; then nothing was recorded.
 */
export const toIntentLines = (lines: readonly OrderLine[], context: LineContext): readonly IntentLine[] => {
  const malformed: FieldError[] = [];
  const unknown: FieldError[] = [];
  const resolved = lines.flatMap((line, index): readonly IntentLine[] => {
    const at = (field: string) => context.pathOf(index, field);
    const name = line.symbol ?? line.instrumentKey;
    if (name === undefined || (line.symbol !== undefined && line.instrumentKey !== undefined))
      malformed.push({ field: at('symbol'), message: 'give either symbol or instrumentKey' });
    const terms = termsOf(line);
    for (const { field, message } of misfitPrices(terms)) malformed.push({ field: at(field), message });
    if (line.broker !== undefined && !context.brokers.names.includes(line.broker))
      unknown.push({
        field: at('broker'),
        message: `no broker of that name: ${context.brokers.names.join(', ')}`,
      });
    const instrument = name === undefined ? undefined : context.resolve(name);
    if (!instrument) {
      if (name !== undefined)
        unknown.push({
          field: at(line.symbol === undefined ? 'instrumentKey' : 'symbol'),
          message: 'no such instrument in the catalogue',
        });
      return [];
    }
    const { intentId, accountId, userId } = context;
    return slicesOf(terms, instrument, context.factsOf(instrument.instrumentKey)).map((slice, number, { length }) => ({
      orderId: orderIdOf(intentId, index, number),
      intentId,
      line: index,
      ...(length > 1 && { slice: number, lineQuantity: terms.quantity }),
      accountId,
      userId,
      instrumentKey: instrument.instrumentKey,
      symbol: instrument.symbol,
      exchange: instrument.exchange,
      segment: instrument.segment,
      side: line.side,
      product: line.product,
      ...slice,
      ...(line.clientOrderId !== undefined && { clientOrderId: line.clientOrderId }),
      ...(line.strategyId !== undefined && { strategyId: line.strategyId }),
      ...(line.afterMarket === true && { afterMarket: true }),
      ...(line.broker !== undefined && { broker: line.broker }),
    }));
  });
  if (malformed.length > 0)
    throw new Problem(400, 'VALIDATION_FAILED', 'A field does not fit the order.', { errors: malformed });
  if (unknown.length > 0)
    throw new Problem(422, 'UNKNOWN_REFERENCE', 'A line names something that does not exist.', { errors: unknown });
  return resolved;
};

/** As many as brokers take of one order that they cut themselves. What would need more is left whole, and denied. */
const SLICES_MAX = 10;

/** What the exchange takes in one order, each slice as large as may be: whole lots below the freeze quantity. */
const slicesOf = (terms: OrderTerms, instrument: Instrument, facts: InstrumentFacts): readonly OrderTerms[] => {
  // A figure that counts from tomorrow only is kept to as well: the order may wait until then.
  const freeze = freezeOf(instrument, facts.freezeQuantity);
  if (freeze === undefined || terms.quantity < freeze.quantity) return [terms];
  const { lotSize = 1 } = instrument;
  const largest = Math.floor((freeze.quantity - 1) / lotSize) * lotSize;
  const count = largest > 0 ? Math.ceil(terms.quantity / largest) : Infinity;
  if (count > SLICES_MAX) return [terms];
  return Array.from({ length: count }, (_, number): OrderTerms => {
    const quantity = Math.min(largest, terms.quantity - number * largest);
    const { disclosedQuantity } = terms;
    return {
      ...terms,
      quantity,
      ...(disclosedQuantity !== undefined && { disclosedQuantity: Math.min(disclosedQuantity, quantity) }),
    };
  });
};
