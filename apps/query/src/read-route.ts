import { applyDecorators, Get, Header, type Type } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from '#platform/fastify';
import { invalid } from './filters';
import type { Checkpoint, ReadModel } from './read-model';

/** What all routes that read rows have in common: how they are described, how far they read, and what they say of it. */

export const MIN_POSITION = 'coordinator-min-position';

const stringHeader = (description: string) => ({ description, schema: { type: 'string' as const } });
const STAMP = {
  'Coordinator-Source': stringHeader(
    'Where the rows come from: DB, or CACHE when the order book was read a moment ago.',
  ),
  'Coordinator-Age-Ms': stringHeader('The rows hold everything that was recorded until so many milliseconds ago.'),
  'Coordinator-Position': stringHeader('The rows hold at least everything up to this position of the log.'),
};

/** A route that answers with JSON from the read model, and what its description says. */
export const Read = (path: string, summary: string, type: Type, ...failures: MethodDecorator[]): MethodDecorator =>
  applyDecorators(
    Get(path),
    Header('content-type', 'application/json; charset=utf-8'),
    ApiOperation({ summary }),
    ApiResponse({ status: 200, type, headers: STAMP }),
    ApiResponse({ status: 400, description: 'VALIDATION_FAILED: names the parameter or header' }),
    ApiResponse({ status: 503, description: 'READ_MODEL_BEHIND or READ_MODEL_UNAVAILABLE, with Retry-After' }),
    ...failures,
  );
export const NO_ACCOUNT = ApiResponse({ status: 404, description: 'ACCOUNT_NOT_FOUND: no such account among yours' });

/** Every route of this controller takes it. */
export const MinPosition = (): ClassDecorator =>
  ApiHeader({
    name: 'Coordinator-Min-Position',
    required: false,
    description:
      '`Coordinator-Position` of a write: the read waits until it is included, for at most two seconds. Without it a user whose `readConsistency` is STRONG waits for everything that was recorded until now.',
  });

/** The checkpoint is read before the rows, which therefore hold at least what it says. */
export const standAt = (model: ReadModel, minPosition: number | undefined): Promise<Checkpoint> =>
  minPosition === undefined ? model.checkpoint() : model.reached(minPosition);

export const stamp = (reply: FastifyReply, { position, asOf }: Checkpoint, source: 'CACHE' | 'DB' = 'DB'): void => {
  void reply.headers({
    'coordinator-source': source,
    'coordinator-age-ms': String(Math.max(0, Date.now() - asOf)),
    'coordinator-position': String(position),
    'cache-control': 'no-store',
  });
};

/** @throws Problem 400 for a header that names no position. */
export const positionOf = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined;
  if (!/^\d{1,15}$/.test(header))
    throw invalid('A header is not as it must be.', 'Coordinator-Min-Position', 'must be a position of the log');
  return Number(header);
};
