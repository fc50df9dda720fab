import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsUUID, Length, Matches, Max, Min } from 'class-validator';
import { Problem } from '#platform/problem-details';
import { BOOK_STATUSES } from '#domain/orders/book-status';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;
export const SIDES = ['BUY', 'SELL'] as const;
export const PRODUCTS = ['CNC', 'MIS', 'NRML', 'MTF'] as const;

/** RFC 3339 with its offset: a time without one would mean another instant to every reader. */
const INSTANT =
  /^20\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const instant = { message: 'must be a time with its offset, like 2026-01-02T09:15:00+05:30 (+ written as %2B)' };

/** What every list takes. */
export class PageFilter {
  @ApiPropertyOptional({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(LIMIT_MAX)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @IsOptional()
  @Length(1, 200)
  @Matches(/^[A-Za-z0-9_-]+$/, { message: 'is not one that a page gave out' })
  cursor?: string;
}

/** What the lists over all orders take: every filter that is given must hold. */
export class TradeFilter extends PageFilter {
  @ApiPropertyOptional({ format: 'uuid', description: 'One of your accounts; all of them when absent.' })
  @IsOptional()
  @IsUUID()
  accountId?: string;

  @ApiPropertyOptional({ example: 'NSE:RELIANCE' })
  @IsOptional()
  @Length(1, 100)
  symbol?: string;

  @ApiPropertyOptional({ enum: SIDES })
  @IsOptional()
  @IsIn(SIDES)
  side?: string;

  @ApiPropertyOptional({ enum: PRODUCTS })
  @IsOptional()
  @IsIn(PRODUCTS)
  product?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @Length(1, 40)
  broker?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Not before.' })
  @IsOptional()
  @Matches(INSTANT, instant)
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before.' })
  @IsOptional()
  @Matches(INSTANT, instant)
  to?: string;
}

export class OrderFilter extends TradeFilter {
  @ApiPropertyOptional({ enum: BOOK_STATUSES })
  @IsOptional()
  @IsIn(BOOK_STATUSES)
  status?: string;
}

const day = { message: 'must be a day like 2026-01-02' };
/** A day; whether its month has it is looked at by `dayOf`. */
export const DAY = /^20\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

/** What the lists of one account take. */
export class AccountFilter extends PageFilter {
  @ApiPropertyOptional({ format: 'uuid', description: 'One of your accounts; the oldest when absent.' })
  @IsOptional()
  @IsUUID()
  accountId?: string;
}

export class NoteFilter extends AccountFilter {
  @ApiPropertyOptional({ format: 'date', description: 'The first day.' })
  @IsOptional()
  @Matches(DAY, day)
  from?: string;

  @ApiPropertyOptional({ format: 'date', description: 'The last day.' })
  @IsOptional()
  @Matches(DAY, day)
  to?: string;
}

export class NoteTradeFilter extends AccountFilter {
  @ApiPropertyOptional({ description: 'Of the contract note of this broker; of all of them when absent.' })
  @IsOptional()
  @Length(1, 40)
  broker?: string;

  @ApiPropertyOptional({ description: 'Of the contract note of this segment; of all of them when absent.' })
  @IsOptional()
  @Length(1, 40)
  segment?: string;
}

/** @throws Problem 400 for a day that its month does not have. */
export const dayOf = (field: string, text: string): string => {
  const ms = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(text))
    throw invalid('A parameter is not as it must be.', field, 'is no day of the calendar');
  return text;
};

export const limitOf = ({ limit }: PageFilter): number => limit ?? LIMIT_DEFAULT;

/** A statement under construction: what must hold, and the values it refers to. */
export class Conditions {
  readonly values: unknown[] = [];
  private readonly texts: string[] = [];

  /** `condition` gets the placeholders of its values, in their order. */
  add(values: readonly unknown[], condition: (...placeholders: string[]) => string): this {
    this.texts.push(condition(...values.map((value) => this.placeholder(value))));
    return this;
  }

  /** Makes the value known and returns how the statement refers to it. */
  placeholder(value: unknown): string {
    this.values.push(value);
    return `$${String(this.values.length)}`;
  }

  get text(): string {
    return this.texts.length === 0 ? 'true' : this.texts.join(' and ');
  }
}

/** What a list is sorted by: `kind` says what the values of its last column look like. */
export interface SortKey {
  readonly time?: string;
  readonly id: string;
  readonly kind: 'uuid' | 'bigint' | 'integer';
  readonly direction: 'asc' | 'desc';
}

/** Where a page ended. `atMs` is 0 where a list is not sorted by a time. */
export interface Cursor {
  readonly atMs: number;
  readonly id: string;
}

const IDS = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  bigint: /^\d{1,15}$/,
  integer: /^\d{1,9}$/,
} as const;

export const encodeCursor = ({ atMs, id }: Cursor): string =>
  Buffer.from(`${String(atMs)} ${id}`).toString('base64url');

/**
 * A cursor grants nothing: whatever it says, only rows that may be seen are listed. It is read strictly all the same.
 * @throws Problem 400 for a cursor that no such list gave out.
 */
export const decodeCursor = (cursor: string, kind: SortKey['kind']): Cursor => {
  const [, atMs, id] = /^(\d{1,15}) (\S{1,36})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (atMs === undefined || id === undefined || !IDS[kind].test(id))
    throw invalid('A query parameter is not as it must be.', 'cursor', 'is not one that a page of this list gave out');
  return { atMs: Number(atMs), id };
};

/** Where a page ended that is sorted by texts. Each must look like its pattern when it comes back. */
export const encodeTexts = (texts: readonly string[]): string => Buffer.from(texts.join('\n')).toString('base64url');

/** @throws Problem 400 for a cursor that no such list gave out. */
export const decodeTexts = (cursor: string, patterns: readonly RegExp[]): readonly string[] => {
  const texts = Buffer.from(cursor, 'base64url').toString().split('\n');
  const isOne = texts.length === patterns.length && patterns.every((pattern, at) => pattern.test(texts[at] ?? ''));
  if (!isOne)
    throw invalid('A query parameter is not as it must be.', 'cursor', 'is not one that a page of this list gave out');
  return texts;
};

/** 400 that names one field. */
export const invalid = (detail: string, field: string, message: string): Problem =>
  new Problem(400, 'VALIDATION_FAILED', detail, { errors: [{ field, message }] });
