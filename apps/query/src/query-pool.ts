import type { Pool } from 'pg';
import type { Logger } from '#platform/logging';
import { openPool } from '#read-models/pool';

const CONNECTIONS_MAX = 10;
/** A page takes about a millisecond; what takes longer than this would be waited for by nobody. */
const STATEMENT_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 2_000;

/** The connections of reads: their own, so that reads and projection do not wait for each other. */
export const openQueryPool = (url: string, logger: Logger): Pool =>
  openPool(url, {
    name: 'query',
    max: CONNECTIONS_MAX,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    onTrouble: (error) => {
      logger.warn({ err: error }, 'an idle connection of the read models was lost');
    },
  });
