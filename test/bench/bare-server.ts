/** The ceiling of a write and of a read over HTTP: see `ceilings.ts`. */
import { randomUUID } from 'node:crypto';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Pool } from 'pg';
import { answerQuestions, hasFields } from './child';
import type { BareServer, BareServerStarted } from './ceilings';

const POOL = 20;

/** What an order is in the book of the software, without what only a single order shows. */
const COLUMNS = `order_id, intent_id, line, account_id, client_order_id, strategy_id, symbol, instrument_key, exchange,
  segment, side, product, order_type, validity, quantity, filled_quantity, leaves_quantity, price, trigger_price,
  disclosed_quantity, average_price, status, ord_status, pending_cancel, broker, broker_order_id, reason, placed_at,
  updated_at, version`;

const start = async ({ insertUrl, readUrl }: BareServer): Promise<BareServerStarted> => {
  const inserts = new Pool({ connectionString: insertUrl, max: POOL });
  const reads = new Pool({ connectionString: readUrl, max: POOL });
  const server = new FastifyAdapter().getInstance();

  server.post<{ Body: { symbol: string; side: string; quantity: number } }>('/v2/orders', async ({ body }) => {
    const id = randomUUID();
    await inserts.query({
      name: 'insert',
      text: 'insert into bare_orders (id, symbol, side, quantity) values ($1, $2, $3, $4)',
      values: [id, body.symbol, body.side, body.quantity],
    });
    return { id };
  });

  server.get<{ Querystring: { limit: string } }>('/v2/orders', async ({ headers, query }) => {
    const { rows } = await reads.query<object>({
      name: 'book',
      text: `select ${COLUMNS} from read_model.orders
        where account_id = $1 order by placed_at desc, order_id desc limit $2`,
      values: [headers['x-account'], query.limit],
    });
    return rows;
  });

  return { origin: await server.listen({ host: '127.0.0.1', port: 0 }) };
};

answerQuestions(hasFields<BareServer>('insertUrl', 'readUrl'), start);
