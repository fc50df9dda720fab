import { Agent, request } from 'undici';
import type { Evidence } from '#domain/orders/order';

/** One HTTP call to a broker. */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Local address to leave from. */
  readonly egressAddress?: string;
}

/**
 * What came of it. `refused`: the request provably never left, because no connection came about. `silent`: it may have
 * arrived, whatever went wrong after that.
 */
export type WireReply =
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly contentType: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly kind: 'refused'; readonly evidence: Evidence }
  | { readonly kind: 'silent'; readonly evidence: Evidence };

const CONNECT_TIMEOUT_MS = 3_000;
/** No broker's book is larger; what is longer is not what we asked for. */
const BODY_MAX_BYTES = 32 * 1024 * 1024;
/** What only fails before a connection stands: nothing was sent. */
const BEFORE_CONNECTION = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
/** The rest (no route, no answer) can also end a connection that stood and was used: the call that failed tells which. */
const CONNECTING = new Set(['connect', 'bind', 'getaddrinfo']);

/**
 * HTTP to the brokers, each call once: nothing is pipelined, nothing is sent again, no redirect is followed. IPv4 first,
 * because addresses are registered with brokers as such.
 */
export class Wire {
  private readonly agents = new Map<string, Agent>();

  async call({ method, url, headers, body, timeoutMs, egressAddress }: WireRequest): Promise<WireReply> {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await request(url, {
        method,
        headers,
        ...(body !== undefined && { body }),
        dispatcher: this.agentFor(egressAddress),
        signal: deadline,
      });
      const bytes = await answer.body.arrayBuffer();
      return {
        kind: 'reply',
        status: answer.statusCode,
        contentType: String(answer.headers['content-type'] ?? ''),
        headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
        body: Buffer.from(bytes).toString('utf8'),
      };
    } catch (error) {
      const code = codeOf(error);
      const evidence = {
        code,
        message: code === 'DEADLINE' ? `no answer within ${String(timeoutMs)} ms` : told(error),
      };
      return { kind: wasNeverConnected(error, code) ? 'refused' : 'silent', evidence };
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.destroy()));
  }

  private agentFor(egressAddress: string | undefined): Agent {
    const key = egressAddress ?? '';
    const known = this.agents.get(key);
    if (known) return known;
    const agent = new Agent({
      pipelining: 1,
      connections: 64,
      connect: { timeout: CONNECT_TIMEOUT_MS, family: 4 },
      // An option of the agent: one given to the connector is overwritten by the agent's.
      ...(egressAddress !== undefined && { localAddress: egressAddress }),
      maxResponseSize: BODY_MAX_BYTES,
    });
    this.agents.set(key, agent);
    return agent;
  }
}

/** Looked at by shape: an error of Node's own is no `Error` of ours where code runs in a context of its own, as in specs. */
const codeOf = (error: unknown): string => {
  if (has(error, 'name') && error.name === 'TimeoutError') return 'DEADLINE';
  return has(error, 'code') && typeof error.code === 'string' ? error.code : 'CALL_FAILED';
};

/** Must not say so of anything that may have been sent: it would be sent again. */
export const wasNeverConnected = (error: unknown, code = codeOf(error)): boolean =>
  BEFORE_CONNECTION.has(code) || (has(error, 'syscall') && CONNECTING.has(String(error.syscall)));

const told = (error: unknown): string =>
  has(error, 'message') && typeof error.message === 'string' ? error.message : String(error);

const has = <Name extends string>(error: unknown, name: Name): error is Record<Name, unknown> =>
  typeof error === 'object' && error !== null && name in error;
