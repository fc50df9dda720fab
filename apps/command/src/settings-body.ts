/** Documents of settings as the API has them: amounts in rupees under their plain name (`orderValueMaxE4` is `orderValueMax`). */

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsObject, IsOptional, Max, Min, registerDecorator } from 'class-validator';
import { parseE4, toRupees } from '#domain/money';
import type { HaltState } from '#domain/settings/effective';
import {
  type HouseSettings,
  IDEMPOTENCY_WINDOW_MAX_SEC,
  initialHouseSettings,
  ORDERS_PER_BATCH_MAX,
  type ConfiguredHouse,
} from '#domain/settings/house-settings';
import { INITIAL_USER_SETTINGS, type ReadConsistency, type UserSettings } from '#domain/settings/user-settings';
import { BROKER_NAMES } from '#brokers/client';
import { Nested } from '#platform/parse';
import { type FieldError, Problem } from '#platform/problem-details';

const ROUTABLE = ['paper', ...BROKER_NAMES] as const;
const HALTS = ['open', 'reduce-only', 'killed'] as const;
const CONSISTENCIES = ['EVENTUAL', 'STRONG'] as const;
const AUDIT_LEVELS = ['FULL', 'WRITES'] as const;
const VAR_METHODS = ['parametric', 'historical'] as const;
const NAMES_MAX = 500;
const COUNT_MAX = 1_000_000_000;
const DAY_MS = 86_400_000;

/** A name of a symbol, an underlying, a broker, a strategy, an account. */
const NAME = /^[\x20-\x7E]{1,100}$/;

const rule = (name: string, validate: (value: unknown) => boolean, message: string) => (): PropertyDecorator => {
  return (target, propertyName) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(propertyName),
      validator: { validate, defaultMessage: () => `$property ${message}` },
    });
  };
};

const isAmount = (value: unknown): boolean => typeof value === 'number' && parseE4(value) !== undefined;
const AMOUNT_RULE = 'must be rupees: a number of 0 or more with at most four decimal places';
const IsAmount = rule('isAmount', isAmount, AMOUNT_RULE);

const RUPEES = { description: 'Rupees, at most four decimal places.', minimum: 0 };
const COUNT = { type: 'integer', minimum: 0 } as const;
const BASIS_POINTS = {
  type: 'integer',
  minimum: 0,
  maximum: 10_000,
  description: 'Basis points: 300 is 3 %.',
} as const;

/** The rules of one field: absent, or a whole number up to `max`. */
const Whole =
  (max: number): PropertyDecorator =>
  (target, property) => {
    for (const decorate of [IsOptional(), IsInt(), Min(0), Max(max)]) decorate(target, property);
  };

class PriceDeviationBody {
  @ApiPropertyOptional(BASIS_POINTS) @Whole(10_000) cash?: number;
  @ApiPropertyOptional(BASIS_POINTS) @Whole(10_000) futures?: number;
  @ApiPropertyOptional(BASIS_POINTS) @Whole(10_000) options?: number;
}

class IntradayVarBody {
  @ApiPropertyOptional(RUPEES) @IsOptional() @IsAmount() limit?: number;
  @ApiPropertyOptional({ enum: VAR_METHODS }) @IsOptional() @IsIn(VAR_METHODS) method?: string;
  @ApiPropertyOptional({ ...BASIS_POINTS, example: 9_900 }) @Whole(10_000) confidenceBp?: number;
}

export class LimitsBody {
  @ApiPropertyOptional({ ...RUPEES, description: 'Loss of a day after which nothing opens a position; rupees.' })
  @IsOptional()
  @IsAmount()
  dailyLossMax?: number;

  @ApiPropertyOptional(RUPEES) @IsOptional() @IsAmount() orderValueMax?: number;
  @ApiPropertyOptional(COUNT) @Whole(COUNT_MAX) orderQuantityMax?: number;
  @ApiPropertyOptional(RUPEES) @IsOptional() @IsAmount() exposureMax?: number;
  @ApiPropertyOptional(COUNT) @Whole(COUNT_MAX) openOrdersMax?: number;
  @ApiPropertyOptional(RUPEES) @IsOptional() @IsAmount() openOrderValueMax?: number;
  @ApiPropertyOptional(COUNT) @Whole(COUNT_MAX) ordersPerDayMax?: number;
  @ApiPropertyOptional(COUNT) @Whole(COUNT_MAX) modificationsPerOrderMax?: number;

  @ApiPropertyOptional({ type: PriceDeviationBody, description: 'Distance from the last price.' })
  @IsOptional()
  @Nested(() => PriceDeviationBody)
  priceDeviationMaxBp?: PriceDeviationBody;

  @ApiPropertyOptional(BASIS_POINTS) @Whole(10_000) marginUtilisationMaxBp?: number;

  @ApiPropertyOptional({ ...COUNT, description: 'The same order again within so many milliseconds is a mistake.' })
  @Whole(DAY_MS)
  duplicateWindowMs?: number;

  @ApiPropertyOptional({ type: IntradayVarBody })
  @IsOptional()
  @Nested(() => IntradayVarBody)
  intradayVar?: IntradayVarBody;

  @ApiPropertyOptional({
    type: Object,
    description: 'By symbol or underlying: `{ quantityMax, valueMax, positionMax }`, each optional.',
    example: { 'NSE:RELIANCE': { quantityMax: 500, valueMax: 700_000 } },
  })
  @IsOptional()
  @IsObject()
  symbolCaps?: Record<string, unknown>;
}

export class UserSettingsBody {
  @ApiPropertyOptional({ enum: ROUTABLE, description: 'Where orders go when neither they nor the account say.' })
  @IsOptional()
  @IsIn(ROUTABLE)
  defaultBroker?: string;

  @ApiPropertyOptional({ default: true, description: 'False: all lines of a batch are sent, or none.' })
  @IsOptional()
  @IsBoolean()
  allowPartialMultiOrder?: boolean;

  @ApiPropertyOptional({ enum: CONSISTENCIES, default: 'EVENTUAL' })
  @IsOptional()
  @IsIn(CONSISTENCIES)
  readConsistency?: ReadConsistency;

  @ApiPropertyOptional({ default: true, description: 'False: an order that provably was not sent is not sent again.' })
  @IsOptional()
  @IsBoolean()
  autoRetryOnNetworkFailure?: boolean;

  @ApiPropertyOptional({ type: LimitsBody })
  @IsOptional()
  @Nested(() => LimitsBody)
  limits?: LimitsBody;

  @ApiPropertyOptional({ enum: HALTS, default: 'open', description: 'Your own switch, beside those of the house.' })
  @IsOptional()
  @IsIn(HALTS)
  halt?: HaltState;
}

class HaltsBody {
  @ApiPropertyOptional({ enum: HALTS }) @IsOptional() @IsIn(HALTS) house?: HaltState;
  @ApiPropertyOptional({ type: Object }) @IsOptional() @IsObject() brokers?: Record<string, unknown>;
  @ApiPropertyOptional({ type: Object }) @IsOptional() @IsObject() strategies?: Record<string, unknown>;
  @ApiPropertyOptional({ type: Object }) @IsOptional() @IsObject() accounts?: Record<string, unknown>;
}

/** What rows these hold is looked at where the tables are that they are laid over. */
class CorrectionsBody {
  @ApiPropertyOptional({ type: Object, description: 'Holidays, special sessions, phases, expiry days and the like.' })
  @IsOptional()
  @IsObject()
  calendar?: object;

  @ApiPropertyOptional({ type: Object, description: 'Rates and plans of brokers.' })
  @IsOptional()
  @IsObject()
  charges?: object;

  @ApiPropertyOptional({ type: Object, description: 'Parameters of margins, by table and key.' })
  @IsOptional()
  @IsObject()
  margin?: object;
}

export class HouseSettingsBody {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: IDEMPOTENCY_WINDOW_MAX_SEC })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(IDEMPOTENCY_WINDOW_MAX_SEC)
  idempotencyWindowSec?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: ORDERS_PER_BATCH_MAX })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(ORDERS_PER_BATCH_MAX)
  maxOrdersPerBatch?: number;

  @ApiPropertyOptional({ default: true, description: 'False: nothing fails over, whatever the routing says.' })
  @IsOptional()
  @IsBoolean()
  brokerFailoverEnabled?: boolean;

  @ApiPropertyOptional({ enum: AUDIT_LEVELS, default: 'FULL' })
  @IsOptional()
  @IsIn(AUDIT_LEVELS)
  auditLevel?: HouseSettings['auditLevel'];

  @ApiPropertyOptional({ default: true, description: 'Whether cancels of mode SOFT are taken.' })
  @IsOptional()
  @IsBoolean()
  asyncCancelEnabled?: boolean;

  @ApiPropertyOptional({ type: LimitsBody, description: 'What nobody may go beyond.' })
  @IsOptional()
  @Nested(() => LimitsBody)
  ceilings?: LimitsBody;

  @ApiPropertyOptional({ type: LimitsBody, description: 'What a user has who set nothing.' })
  @IsOptional()
  @Nested(() => LimitsBody)
  defaults?: LimitsBody;

  @ApiPropertyOptional({ type: HaltsBody, description: 'Who may trade: for each of them `open` when not named.' })
  @IsOptional()
  @Nested(() => HaltsBody)
  halts?: HaltsBody;

  @ApiPropertyOptional({
    type: CorrectionsBody,
    description: 'Market data that takes precedence over tables and files.',
  })
  @IsOptional()
  @Nested(() => CorrectionsBody)
  corrections?: CorrectionsBody;
}

class FieldChangeDocument {
  @ApiProperty({ example: 'limits.orderValueMax' }) field!: string;
  @ApiPropertyOptional({ description: 'Absent when it was not set.' }) from?: unknown;
  @ApiPropertyOptional({ description: 'Absent when it is not set any more.' }) to?: unknown;
}

class ChangeDocument {
  @ApiProperty({ description: 'Of the document after it.' }) version!: number;
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty({ description: 'Who made it.' }) userId!: string;
  @ApiProperty({ type: [FieldChangeDocument] }) changes!: FieldChangeDocument[];
}

export class HistoryDocument {
  @ApiProperty({ type: [ChangeDocument], description: 'The newest last.' }) items!: ChangeDocument[];
}

/* --------------------------------------------------------------------------------------------- what a class cannot say */

/** @throws Problem 400 naming what is wrong in the parts of a body whose names are free. */
export const checkUserBody = ({ limits }: UserSettingsBody): void => {
  refuse(capErrors(limits, 'limits'));
};

/** @throws Problem 400 naming what is wrong in the parts of a body whose names are free. */
export const checkHouseBody = ({ ceilings, defaults, halts = {} }: HouseSettingsBody): void => {
  const { brokers = {}, strategies = {}, accounts = {} } = halts;
  const states = Object.entries({ brokers, strategies, accounts }).flatMap(([group, byName]) =>
    entriesOf(byName, `halts.${group}`, (value, field) =>
      value === null || HALTS.some((state) => state === value)
        ? []
        : [{ field, message: `must be one of ${HALTS.join(', ')}` }],
    ),
  );
  // A switch for somebody who does not exist would stop nobody, and say that it does.
  const strangers = [
    ...Object.keys(brokers)
      .filter((name) => !SWITCHABLE.some((known) => known === name))
      .map((name) => ({ field: `halts.brokers.${name}`, message: `must be one of ${SWITCHABLE.join(', ')}` })),
    ...Object.keys(accounts)
      .filter((id) => !ACCOUNT_ID.test(id))
      .map((id) => ({ field: `halts.accounts.${id}`, message: 'must be the id of an account, in lower case' })),
  ];
  refuse([...capErrors(ceilings, 'ceilings'), ...capErrors(defaults, 'defaults'), ...states, ...strangers]);
};

const SWITCHABLE = ['paper', ...BROKER_NAMES] as const;
const ACCOUNT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const refuse = (errors: readonly FieldError[]): void => {
  if (errors.length > 0)
    throw new Problem(400, 'VALIDATION_FAILED', 'The body does not have the shape that is asked for.', {
      errors: errors.slice(0, 50),
    });
};

const isCount = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_MAX;
const CAP_RULES: Readonly<Record<string, readonly [test: (value: unknown) => boolean, message: string]>> = {
  quantityMax: [isCount, 'must be a whole number of 0 or more'],
  positionMax: [isCount, 'must be a whole number of 0 or more'],
  valueMax: [isAmount, AMOUNT_RULE],
};

const capErrors = (limits: LimitsBody | undefined, path: string): readonly FieldError[] =>
  entriesOf(limits?.symbolCaps ?? {}, `${path}.symbolCaps`, (cap, at) => {
    if (cap === null) return [];
    if (typeof cap !== 'object' || Array.isArray(cap)) return [{ field: at, message: 'must be an object' }];
    return Object.entries(cap).flatMap(([name, value]: [string, unknown]) => {
      const found = Object.hasOwn(CAP_RULES, name) ? CAP_RULES[name] : undefined;
      const field = `${at}.${name.slice(0, 64)}`;
      if (!found) return [{ field, message: 'is not known here' }];
      const [test, message] = found;
      return value === null || test(value) ? [] : [{ field, message }];
    });
  });

const entriesOf = (
  byName: object,
  path: string,
  errorsOf: (value: unknown, field: string) => readonly FieldError[],
): readonly FieldError[] => {
  const entries: [string, unknown][] = Object.entries(byName);
  if (entries.length > NAMES_MAX) return [{ field: path, message: `must have at most ${String(NAMES_MAX)} entries` }];
  return entries.flatMap(([name, value]) => {
    const field = `${path}.${name.slice(0, 100)}`;
    return NAME.test(name) ? errorsOf(value, field) : [{ field, message: 'must be a name of visible characters' }];
  });
};

/* ------------------------------------------------------------------------------------- from the API to the domain */

const AMOUNTS: ReadonlySet<string> = new Set([
  'dailyLossMax',
  'orderValueMax',
  'exposureMax',
  'openOrderValueMax',
  'limit',
  'valueMax',
]);

/** Free names and free rows: nothing in there is one of our amounts. */
const isFree = (path: string): boolean => /^(corrections|halts)$/.test(path);

/** The names within are symbols. */
const CAPS = /^(limits|ceilings|defaults)\.symbolCaps$/;

/** What of a body that was found to be well-formed is to change, with amounts as the domain has them. `null` means: as if nobody had set it. */
const toDomain = (value: unknown, path = ''): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isFree(path)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, content]: [string, unknown]) => {
      if (!AMOUNTS.has(name) || CAPS.test(path)) return [name, toDomain(content, `${path}${path && '.'}${name}`)];
      return [`${name}E4`, typeof content === 'number' ? parseE4(content) : content];
    }),
  );
};

/** RFC 7396: what is named is changed, `null` takes away. */
const merged = (present: unknown, patch: unknown): unknown => {
  if (!isPlain(patch)) return patch;
  const result = new Map<string, unknown>(Object.entries(isPlain(present) ? present : {}));
  for (const [name, value] of Object.entries(patch) as [string, unknown][])
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name), value));
  return Object.fromEntries(result);
};

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The document that a body asks for. `present` absent: the body is all of it, and what it does not name is as if nobody
 * had set it.
 * @param body as it was sent, after it was found to be well-formed.
 */
export const userSettingsFrom = (body: unknown, present: UserSettings | undefined): UserSettings =>
  merged(INITIAL_USER_SETTINGS, merged(present, toDomain(body))) as UserSettings;

/** The same of the house's document. */
export const houseSettingsFrom = (
  body: unknown,
  present: HouseSettings | undefined,
  configured: ConfiguredHouse,
): HouseSettings => {
  const initial = initialHouseSettings(configured);
  const { ceilings, defaults, ...rest } = merged(present, toDomain(body)) as Partial<HouseSettings>;
  return {
    ...(merged(initial, rest) as HouseSettings),
    // Limits that are set stand for themselves: what is left out is not limited.
    ceilings: ceilings ?? initial.ceilings,
    defaults: defaults ?? initial.defaults,
  };
};

/* ------------------------------------------------------------------------------------- from the domain to the API */

/** Amounts in rupees under their plain name; everything else as it is. */
export const presentable = (value: unknown): unknown => {
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, content]: [string, unknown]) =>
      name.endsWith('E4') && typeof content === 'number'
        ? [name.slice(0, -2), toRupees(content)]
        : [name, presentable(content)],
    ),
  );
};

/** A path and the value there. */
export const presentableAt = (field: string, value: unknown): readonly [field: string, value: unknown] =>
  field.endsWith('E4') && !isPlain(value)
    ? [field.slice(0, -2), typeof value === 'number' ? toRupees(value) : value]
    : [field, presentable(value)];
