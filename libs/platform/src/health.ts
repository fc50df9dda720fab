/** Whether the process is alive, and whether it can do its work. */

import { Controller, Get, Inject, Injectable, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { withDeadline } from './deadline';
import type { FastifyReply } from './fastify';
import { Public } from './identity';
import { LOGGER, type Logger } from './logging';

const checkTimeoutMs = 2_000;

/** Throws, or rejects, when the part it asks cannot do its work. */
export type HealthCheck = () => unknown;

interface Verdict {
  readonly name: string;
  readonly status: 'up' | 'down';
}

export interface Readiness {
  readonly status: 'ready' | 'not-ready';
  readonly checks: readonly Verdict[];
}

/** Parts that the process cannot work without register here: `health.require('event log', () => log.head())`. */
@Injectable()
export class Health {
  private readonly checks = new Map<string, HealthCheck>();
  private readonly down = new Set<string>();
  private asking: Promise<Readiness> | undefined;

  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  require(name: string, check: HealthCheck): void {
    this.checks.set(name, check);
  }

  /** Asks every part, each within two seconds. Callers that come while it asks share the answer. */
  readiness(): Promise<Readiness> {
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async ask(): Promise<Readiness> {
    const checks = await Promise.all([...this.checks].map(([name, check]) => this.verdict(name, check)));
    return { status: checks.every(({ status }) => status === 'up') ? 'ready' : 'not-ready', checks };
  }

  /** The answer is public and names the part only; why it is down is for the log, once. */
  private async verdict(name: string, check: HealthCheck): Promise<Verdict> {
    try {
      await withDeadline(Promise.resolve(check()), checkTimeoutMs, name);
      if (this.down.delete(name)) this.logger.info(`${name} is up again`);
      return { name, status: 'up' };
    } catch (error) {
      if (!this.down.has(name)) this.logger.error({ err: error }, `${name} is down`);
      this.down.add(name);
      return { name, status: 'down' };
    }
  }
}

@Public()
@ApiTags('operations')
@Controller('health')
export class HealthController {
  constructor(private readonly health: Health) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs and answers' })
  @ApiResponse({ status: 200, description: 'Always, as long as there is anybody to say so' })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'The process can do its work now' })
  @ApiResponse({ status: 200, description: 'Every part it needs answered' })
  @ApiResponse({ status: 503, description: 'A part it needs is down; `checks` says which' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.health.readiness();
    if (readiness.status === 'not-ready') void reply.status(503);
    return readiness;
  }
}
