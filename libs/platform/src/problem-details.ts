/** Errors as RFC 9457 problem details: one shape for everything that goes wrong, with a code that never changes. */

import { STATUS_CODES } from 'node:http';
import { HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from './fastify';
import type { Logger } from './logging';

/** `field` is a path into the request, `orders[2].price`; the empty string means the body itself. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions extends ErrorOptions {
  readonly errors?: readonly FieldError[];
  /** Response headers that belong to the answer, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What a controller throws to say no. `status` is the HTTP status, `code` a stable name in capitals that programs may
 * depend on, `detail` a sentence for the person who reads it: it is sent as it is and must not hold a secret.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, options);
    this.errors = options.errors;
    this.headers = options.headers ?? {};
  }
}

/** The body of a problem response. */
export interface ProblemDocument {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
  readonly correlationId: string;
  readonly errors?: readonly FieldError[];
}

export const problemContentType = 'application/problem+json; charset=utf-8';

/** `instance` is the path that was asked for, without its query, which may hold what is nobody's business. */
export const problemDocument = (problem: Problem, url: string, correlationId: string): ProblemDocument => ({
  type: 'about:blank',
  title: STATUS_CODES[problem.status] ?? 'Error',
  status: problem.status,
  code: problem.code,
  detail: problem.detail,
  instance: (url.split('?', 1)[0] ?? '').slice(0, 512),
  correlationId,
  ...(problem.errors !== undefined && { errors: problem.errors }),
});

/** Translates an app's own errors (a refusal, a log that is away) into a problem; undefined where it knows nothing. */
export type ProblemTranslation = (error: unknown) => Problem | undefined;

/** Answers every error of every route, of the body parser and of the router itself with a problem document. */
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly translate: ProblemTranslation = () => undefined,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = error instanceof Problem ? error : (this.translate(error) ?? problemOf(error));
    if (problem.status >= 500 && !hasLeft(request)) this.tell(problem, error, request.id);
    sendProblem(problem, request, reply);
  }

  /** A problem that we made ourselves is known: one line. What nobody foresaw needs its stack. */
  private tell(problem: Problem, error: unknown, correlationId: string): void {
    const { code, detail, cause } = problem;
    if (cause === undefined && problem === error) this.logger.warn({ correlationId, code }, detail);
    else this.logger.error({ correlationId, code, err: cause ?? error }, detail);
  }
}

/** The client hung up in the middle of its request: nothing went wrong here, and nobody is left to be told. */
const hasLeft = ({ raw }: FastifyRequest): boolean => raw.destroyed && !raw.complete;

export const sendProblem = (problem: Problem, request: FastifyRequest, reply: FastifyReply): void => {
  if (reply.sent || reply.raw.headersSent) {
    // Half an answer is on its way: only a broken connection tells the client that it is not whole.
    reply.raw.destroy();
    return;
  }
  void reply
    .status(problem.status)
    .headers(problem.headers)
    .header('content-type', problemContentType)
    .send(JSON.stringify(problemDocument(problem, request.url, request.id)));
};

/** The problem in an error of the framework; a 500 without details in any other. */
export const problemOf = (error: unknown): Problem => {
  const parserCode = codeOf(error instanceof HttpException ? error.cause : error);
  const status = statusOf(error);
  if (status >= 500) {
    return new Problem(
      500,
      'INTERNAL',
      'Something went wrong on our side. Quote the correlation id when you report it.',
      {
        cause: error,
      },
    );
  }
  const [code, detail] = answers[parserCode ?? ''] ?? answers[status] ?? ['BAD_REQUEST', 'The request was refused.'];
  return new Problem(status, code, detail, { cause: error });
};

const malformed = ['MALFORMED_JSON', 'The body is not valid JSON.'] as const;

/** By the code of Fastify's error first, by HTTP status otherwise. Messages of libraries are not passed on. */
const answers: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: malformed,
  FST_ERR_CTP_EMPTY_JSON_BODY: malformed,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['BAD_REQUEST', 'The body is not as long as Content-Length says.'],
  FST_ERR_BAD_URL: ['BAD_URL', 'The URL is not valid.'],
  FST_ERR_MAX_PARAM_LENGTH: ['URL_TOO_LONG', 'A part of the URL is longer than is accepted.'],
  400: ['BAD_REQUEST', 'The request cannot be understood.'],
  401: ['UNAUTHENTICATED', 'Send an X-Api-Key or an access token.'],
  403: ['FORBIDDEN', 'This is not yours to do.'],
  404: ['ROUTE_NOT_FOUND', 'There is nothing at this address.'],
  408: ['REQUEST_TIMEOUT', 'The request did not arrive in time.'],
  413: ['BODY_TOO_LARGE', 'The body is larger than is accepted.'],
  414: ['URL_TOO_LONG', 'The URL is longer than is accepted.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.'],
  429: ['TOO_MANY_REQUESTS', 'Too many requests.'],
};

/** Errors of Fastify carry a status of their own; on the way through Nest they are wrapped. */
const statusOf = (error: unknown): number => {
  if (error instanceof HttpException) return error.getStatus();
  const isFastify = codeOf(error)?.startsWith('FST_') === true;
  const status = isFastify && error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' ? status : 500;
};

const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
