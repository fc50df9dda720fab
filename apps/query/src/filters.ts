import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsISO8601, IsOptional, IsUUID, Length, Matches, Max, Min } from 'class-validator';
import { Problem } from '#platform/problem-details';
import { BOOK_STATUSES } from '#read-models/orders/status';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;
const SIDES = ['BUY', 'SELL'];
const PRODUCTS = ['CNC', 'MIS', 'NRML', 'MTF'];

/** What every list takes. */
export class PageFilter {
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
  @IsISO8601({ strict: true })
  @Length(10, 40)
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before.' })
  @IsOptional()
  @IsISO8601({ strict: true })
  @Length(10, 40)
  to?: string;

  @ApiPropertyOptional({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(LIMIT_MAX)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @IsOptional()
  @Length(1, 200)
  @Matches(/^[A-Za-z0-9_-]+$/)
  cursor?: string;
}

export class OrderFilter extends PageFilter {
  @ApiPropertyOptional({ enum: BOOK_STATUSES })
  @IsOptional()
  @IsIn(BOOK_STATUSES)
  status?: string;
}

/** A statement under construction: conditions and the values they refer to. */
export class Conditions {
  readonly values: unknown[] = [];
  private readonly texts: string[] = [];

  /** `condition` gets the placeholder of its value: `(at) => `side = ${at}``. */
  add(value: unknown, condition: (placeholder: string) => string): this {
    this.values.push(value);
    this.texts.push(condition(`$${String(this.values.length)}`));
    return this;
  }

  get text(): string {
    return this.texts.length === 0 ? 'true' : this.texts.join(' and ');
  }
}

/** Where a page ended: the sort key of its last row. `at` is epoch milliseconds. */
export interface Cursor {
  readonly at: number;
  readonly id: string;
}

export const encodeCursor = ({ at, id }: Cursor): string => Buffer.from(`${String(at)} ${id}`).toString('base64url');

/** @throws Problem 400 for a cursor that no page of ours gave out. */
export const decodeCursor = (cursor: string, id: RegExp): Cursor => {
  const [, at, last] = /^(\d{1,15}) (\S{1,80})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (at === undefined || last === undefined || !id.test(last))
    throw new Problem(400, 'VALIDATION_FAILED', 'A query parameter is not as it must be.', {
      errors: [{ field: 'cursor', message: 'is not one that a page gave out' }],
    });
  return { at: Number(at), id: last };
};

export const limitOf = ({ limit }: PageFilter): number => limit ?? LIMIT_DEFAULT;
