/** Fastify's own types, in the very version that Nest brings along. */

import type { HttpServer } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

type Types =
  ReturnType<NestFastifyApplication['getHttpAdapter']> extends HttpServer<infer Request, infer Reply, infer Instance>
    ? { request: Request; reply: Reply; instance: Instance }
    : never;

export type FastifyRequest = Types['request'];
export type FastifyReply = Types['reply'];
export type FastifyInstance = Types['instance'];
