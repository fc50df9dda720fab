/** An HTTP app as all of ours are: Nest on Fastify, problem details, security headers, OpenAPI, a graceful end. */

import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { IncomingMessage } from 'node:http';
import { isIPv6, type AddressInfo, type Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from './fastify';
import { NestLogger, type Logger } from './logging';
import { histogram } from './metrics';
import { ParsePipe } from './parse';
import {
  Problem,
  problemContentType,
  problemDocument,
  ProblemFilter,
  problemOf,
  sendProblem,
  type ProblemTranslation,
} from './problem-details';
import { correlationIdOf, runInContext, serverTiming } from './request-context';

export interface HttpAppOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The variable that sets the port, named when the port is taken. */
  readonly portVariable: string;
  /** Title and description of the OpenAPI document. */
  readonly title: string;
  readonly description: string;
  readonly logger: Logger;
  /** How long requests in flight may take to finish once `close` was called. */
  readonly shutdownTimeoutMs: number;
  /** How long a request may take to be answered; 30 s unless given. */
  readonly answerTimeoutMs?: number;
  /** Proxies in front of it whose `X-Forwarded-For` counts, as Fastify's `trustProxy` names them; nobody's unless given. */
  readonly trustedProxies?: string | undefined;
  /** The app's own errors as problems. */
  readonly translate?: ProblemTranslation;
}

export interface HttpApp {
  readonly app: NestFastifyApplication;
  /** Where the app listens: `http://127.0.0.1:3000`. */
  readonly url: string;
  /**
   * Refuses new requests, lets those in flight finish for as long as `shutdownTimeoutMs`, then closes the app.
   * Providers that requests need must end in `onApplicationShutdown`: `onModuleDestroy` comes while requests run.
   */
  close(): Promise<void>;
}

/** The app could not be started, in one line for the person who started it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

const bodyBytesMax = 256 * 1024;
/** For a request to arrive whole; protects against those who send a byte a minute. */
const arrivalTimeoutMs = 10_000;
/** For a request to be answered. Everything a handler waits for has a shorter deadline of its own. */
const defaultAnswerTimeoutMs = 30_000;

const requestSeconds = histogram({
  name: 'coordinator_http_request_seconds',
  help: 'Time from the arrival of a request to the end of its answer',
  labels: ['method', 'route', 'status'],
});

/**
 * Starts an app from its module, which must import `PlatformModule`.
 * @throws StartError when the port is taken or may not be used; whatever the module's providers throw.
 */
export const startHttpApp = async (module: Type | DynamicModule, options: HttpAppOptions): Promise<HttpApp> => {
  const { host, port, portVariable, logger, shutdownTimeoutMs } = options;
  const ending = { begun: false };
  const app = await NestFactory.create<NestFastifyApplication>(module, fastifyAdapter(options.trustedProxies), {
    logger: new NestLogger(logger),
    abortOnError: false,
    // Fastify's own parser for JSON is enough; bodies of any other type are refused.
    bodyParser: false,
  });
  const fastify = app.getHttpAdapter().getInstance();
  fastify.removeContentTypeParser('text/plain');
  try {
    addHooks(fastify, logger, ending);
    giveUpOverdue(fastify, options.answerTimeoutMs ?? defaultAnswerTimeoutMs);
    // Nest's own rendering of helmet's headers: computed once, where the plugin computes them for each request.
    app.useSecurityHeaders({
      // Everything a page needs is served by us; the inline styles are those of the API's page for people.
      contentSecurityPolicy: { directives: { styleSrc: ["'self'", "'unsafe-inline'"], upgradeInsecureRequests: null } },
    });
    app.useGlobalPipes(new ParsePipe());
    app.useGlobalFilters(new ProblemFilter(logger, options.translate));
    serveDocumentation(app, options);
    await app.init();
    await fastify.listen({ host, port });
  } catch (error) {
    await app.close();
    throw startErrorOf(error, host, port, portVariable);
  }
  const url = urlOf(app.getHttpServer().address());
  logger.info(`${options.title} listens on ${url}`);

  return {
    app,
    url,
    close: async () => {
      ending.begun = true;
      const timer = setTimeout(() => {
        logger.warn(`requests were still running after ${String(shutdownTimeoutMs)} ms: their connections are cut`);
        app.getHttpServer().closeAllConnections();
      }, shutdownTimeoutMs);
      try {
        await app.close();
      } finally {
        clearTimeout(timer);
      }
    },
  };
};

const fastifyAdapter = (trustedProxies: string | undefined): FastifyAdapter =>
  new FastifyAdapter({
    bodyLimit: bodyBytesMax,
    requestTimeout: arrivalTimeoutMs,
    trustProxy: trustedProxies ?? false,
    // Requests that arrive on open connections while the app ends are answered by our own hook, as problems.
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: (request: IncomingMessage) => correlationIdOf(request.headers['x-correlation-id']),
    // A request that the router refuses reaches neither hooks nor filters.
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(problemOf(error), request, reply),
    clientErrorHandler: answerBrokenRequest,
    multipart: false,
  });

const addHooks = (fastify: FastifyInstance, logger: Logger, ending: { readonly begun: boolean }): void => {
  const routes = new Routes();
  fastify.addHook('onRoute', ({ method, url }) => routes.add(method, url));

  fastify.addHook('onRequest', (request, reply, done) => {
    if (ending.begun) {
      done(new Problem(503, 'STOPPING', 'This process is stopping.', { headers: { 'retry-after': '1' } }));
    } else if (request.is404 && routes.methodsAt(request.url).length > 0) {
      const allow = routes.methodsAt(request.url).join(', ');
      done(new Problem(405, 'METHOD_NOT_ALLOWED', `Use ${allow} here.`, { headers: { allow } }));
    } else {
      runInContext({ correlationId: request.id }, done);
    }
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-correlation-id', request.id);
    const timing = serverTiming();
    if (timing !== undefined) void reply.header('server-timing', timing);
    // An open connection that falls idle would keep the process from ending.
    if (ending.begun) void reply.header('connection', 'close');
    done(null, payload);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? 'none';
    const status = reply.statusCode;
    requestSeconds.observe({ method, route, status }, reply.elapsedTime / 1000);
    if (logger.isLevelEnabled('debug')) {
      const line = { correlationId: request.id, method, route, status, durationMs: Math.round(reply.elapsedTime) };
      logger.debug(line, 'answered'); // what failed with 500 or above was told where it failed
    }
    done();
  });
};

/**
 * Answers requests that take too long with 503. One timer for all: Fastify's `handlerTimeout` makes one for each
 * request, and forgets it as soon as the body has been read.
 */
const giveUpOverdue = (fastify: FastifyInstance, answerTimeoutMs: number): void => {
  const open = new Set<FastifyReply>(); // oldest first
  fastify.addHook('onRequest', (_request, reply, done) => {
    open.add(reply);
    done();
  });
  fastify.addHook('onResponse', (_request, reply, done) => {
    open.delete(reply);
    done();
  });
  const timer = setInterval(() => {
    for (const reply of open) {
      if (reply.elapsedTime < answerTimeoutMs) break;
      open.delete(reply);
      if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) continue; // under way, or nobody listens any more
      const detail = 'The request took too long and was given up; its outcome is not known.';
      sendProblem(new Problem(503, 'TIMEOUT', detail), reply.request, reply);
    }
  }, answerTimeoutMs / 30);
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
};

/** Which methods a path knows, to tell "not here" from "not like this". */
class Routes {
  private readonly known: { readonly methods: readonly string[]; readonly parts: readonly string[] }[] = [];

  add(method: string | readonly string[], url: string): void {
    this.known.push({ methods: [method].flat(), parts: url.split('/') });
  }

  methodsAt(url: string): readonly string[] {
    const parts = (url.split('?', 1)[0] ?? '').split('/');
    const matches = this.known.filter(
      (route) =>
        route.parts.length === parts.length &&
        route.parts.every((part, index) => part === parts[index] || (part.startsWith(':') && parts[index] !== '')),
    );
    return [...new Set(matches.flatMap((route) => route.methods))].sort();
  }
}

/** What is not even HTTP never reaches a route. */
const answerBrokenRequest = (error: Error & { readonly code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const [status, code, detail] = brokenRequests[error.code ?? ''] ?? [400, 'BAD_REQUEST', 'This is not valid HTTP.'];
  const problem = problemDocument(new Problem(status, code, detail), '', correlationIdOf(undefined));
  const body = JSON.stringify(problem);
  socket.end(
    [
      `HTTP/1.1 ${String(status)} ${problem.title}`,
      `Content-Type: ${problemContentType}`,
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
};

const brokenRequests: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'REQUEST_TIMEOUT', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: [431, 'HEADERS_TOO_LARGE', 'The headers are larger than is accepted.'],
};

/** OpenAPI 3.1 at `/openapi.json`, the page for people at `/docs`. */
const serveDocumentation = (app: NestFastifyApplication, { title, description }: HttpAppOptions): void => {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(title)
    .setDescription(description)
    .setVersion('2')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'For programs' }, 'apiKey')
    .addBearerAuth({ type: 'http', description: 'For people: the access token of POST /auth/login' }, 'bearer')
    .addSecurityRequirements('apiKey')
    .addSecurityRequirements('bearer')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config), {
    jsonDocumentUrl: '/openapi.json',
    raw: ['json'],
    customSiteTitle: title,
  });
};

const startErrorOf = (error: unknown, host: string, port: number, portVariable: string): unknown => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  const address = `${host}:${String(port)}`;
  switch (code) {
    case 'EADDRINUSE':
      return new StartError(`${address} is in use by another process: stop that, or set ${portVariable}`);
    case 'EACCES':
      return new StartError(`${address} may not be used by this user: set ${portVariable} to a port above 1023`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartError(`${host} is not an address of this machine: set HOST`);
    default:
      return error;
  }
};

const urlOf = (address: AddressInfo | string | null): string => {
  if (address === null || typeof address === 'string') throw new Error('the app does not listen on a port');
  const host = isIPv6(address.address) ? `[${address.address}]` : address.address;
  return `http://${host}:${String(address.port)}`;
};
