import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsUUID,
  Max,
  Min,
} from 'class-validator';
import { accountRouting, fallback } from '#domain/settings/routing';
import type { EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';
import { BROKER_NAMES } from '#brokers/client';
import { accountOf, CurrentIdentity, type Identity } from '#platform/identity';
import { Problem } from '#platform/problem-details';
import { FALLBACK_STREAM, routingStreamOf } from './routing';
import { WriteSide } from './write-side';

const ROUTABLE = ['paper', ...BROKER_NAMES] as const;
const ATTEMPTS_MAX = 5;
const STRATEGIES_MAX = 100;
/** Settings of the house belong to no account. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

class AccountRoutingBody {
  @ApiPropertyOptional({ enum: ROUTABLE, description: 'Where orders go that name no broker.' })
  @IsOptional()
  @IsIn(ROUTABLE)
  defaultBroker?: string;

  @ApiPropertyOptional({ type: Object, description: 'By strategy id: where its orders go.' })
  @IsOptional()
  @IsObject()
  strategyBrokers?: Record<string, unknown>;
}

class FallbackBody {
  @ApiProperty({ enum: BROKER_NAMES, isArray: true, description: 'In this order, where nothing else chose a broker.' })
  @IsArray()
  @ArrayMaxSize(BROKER_NAMES.length)
  @ArrayUnique()
  @IsIn(BROKER_NAMES, { each: true })
  brokers!: string[];

  @ApiProperty({ description: 'An order that provably was not sent may go to the next of them.' })
  @IsBoolean()
  failover!: boolean;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: ATTEMPTS_MAX,
    description: 'Dispatches of one order, all brokers together.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(ATTEMPTS_MAX)
  maxAttempts?: number;
}

class OfAccount {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  accountId?: string;
}

@ApiTags('settings')
@Controller('v2/settings/routing')
export class RoutingController {
  constructor(private readonly side: WriteSide) {}

  @Get()
  @ApiOperation({ summary: 'Where the orders of an account go' })
  @ApiResponse({ status: 200 })
  async get(@CurrentIdentity() identity: Identity, @Query() { accountId }: OfAccount) {
    const { defaultBroker, strategyBrokers } = await this.side.routing.account(accountOf(identity, accountId, 'read'));
    return { defaultBroker: defaultBroker ?? null, strategyBrokers };
  }

  @Put()
  @ApiOperation({ summary: 'Choose where the orders of an account go; replaces what was chosen before' })
  @ApiResponse({ status: 200 })
  async put(
    @CurrentIdentity() identity: Identity,
    @Query() { accountId }: OfAccount,
    @Body() body: AccountRoutingBody,
  ) {
    const owned = accountOf(identity, accountId);
    const stream = routingStreamOf(owned);
    const strategyBrokers = strategyBrokersOf(body.strategyBrokers ?? {});
    const { defaultBroker } = body;
    const data = { strategyBrokers, ...(defaultBroker !== undefined && { defaultBroker }) };
    await execute(
      this.side.options.log,
      accountRouting,
      stream,
      { type: 'SetAccountRouting', data },
      this.meta(identity.userId, owned),
    );
    this.side.routing.forget(stream);
    return this.get(identity, { accountId: owned });
  }

  @Get('fallback')
  @ApiOperation({ summary: 'Where orders go that nobody chose a broker for, and whether they may fail over' })
  @ApiResponse({ status: 200 })
  fallback() {
    return this.side.routing.fallback();
  }

  @Put('fallback')
  @ApiOperation({ summary: 'Set it, as an admin' })
  @ApiResponse({ status: 200 })
  @ApiResponse({ status: 403, description: 'ADMIN_ONLY' })
  async putFallback(@CurrentIdentity() identity: Identity, @Body() body: FallbackBody) {
    if (identity.role !== 'admin') throw new Problem(403, 'ADMIN_ONLY', 'Only an admin sets this.');
    const { brokers, failover, maxAttempts } = body;
    const data = { brokers, failover, maxAttempts: maxAttempts ?? 3 };
    const meta = this.meta(identity.userId, NOBODY);
    await execute(this.side.options.log, fallback, FALLBACK_STREAM, { type: 'SetFallback', data }, meta);
    this.side.routing.forget(FALLBACK_STREAM);
    return this.fallback();
  }

  private meta(userId: string, accountId: string): EventMeta {
    return {
      userId,
      accountId,
      correlationId: randomUUID(),
      causationId: accountId,
      at: this.side.options.now(),
      schemaVersion: 1,
    };
  }
}

/** @throws Problem 400 naming the strategy whose broker makes no sense. */
const strategyBrokersOf = (input: Record<string, unknown>): Record<string, string> => {
  const entries = Object.entries(input);
  const errors = entries
    .filter(
      ([strategyId, broker]) => !/^[\x20-\x7E]{1,64}$/.test(strategyId) || !ROUTABLE.some((name) => name === broker),
    )
    .map(([strategyId]) => ({
      field: `strategyBrokers.${strategyId.slice(0, 64)}`,
      message: `must be one of ${ROUTABLE.join(', ')}`,
    }));
  if (entries.length > STRATEGIES_MAX)
    errors.push({ field: 'strategyBrokers', message: `at most ${String(STRATEGIES_MAX)}` });
  if (errors.length > 0)
    throw new Problem(400, 'VALIDATION_FAILED', 'A strategy is given a broker that does not exist.', { errors });
  return Object.fromEntries(entries.map(([strategyId, broker]) => [strategyId, String(broker)]));
};
