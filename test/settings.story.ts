import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { HouseSettings } from '#domain/settings/house-settings';
import { openPool } from '#read-models/pool';
import { type Author, Settings } from '../apps/command/src/settings';
import { Coordinator } from './support/coordinator';
import { type Answer, type Ask, eventually, listIn, partOf } from './support/deployment';
import { ensureBuilt, makeDataDir, root } from './support/workspace';

/* Settings count from the moment they are set, in every process, and say who set them. */

jest.setTimeout(300_000);

const CONFIGURED = { idempotencyWindowSec: 86_400, maxOrdersPerBatch: 20 };
const LINE = { symbol: 'NSE:RELIANCE', side: 'BUY', product: 'CNC', orderType: 'LIMIT', quantity: 1, price: 1_500 };

describe('settings', () => {
  let coordinator: Coordinator;
  let admin: { apiKey: string; userId: string };
  let trader: { apiKey: string; userId: string };

  const register = async (email: string) => {
    const { body } = await coordinator.command('POST', '/auth/register', {
      body: { email, password: 'correct horse battery' },
    });
    return { apiKey: String(partOf(body, 'apiKey')), userId: String(partOf(body, 'userId')) };
  };
  const as = ({ apiKey }: { apiKey: string }, method: string, path: string, ask: Ask = {}): Promise<Answer> =>
    coordinator.command(method, path, { ...ask, headers: { ...ask.headers, 'X-Api-Key': apiKey } });
  /** As somebody who has just looked. */
  const patch = async (who: { apiKey: string }, path: string, body: object): Promise<Answer> => {
    const { headers } = await as(who, 'GET', path);
    return as(who, 'PATCH', path, { headers: { 'If-Match': headers.get('etag') ?? '' }, body });
  };
  const placeMany = (lines: number): Promise<Answer> =>
    as(trader, 'POST', '/v2/orders/multi', {
      headers: { 'Idempotency-Key': randomUUID() },
      body: { orders: Array.from({ length: lines }, () => LINE) },
    });
  /** What another process does to the same log. */
  const elsewhere = (userId: string, next: (present: HouseSettings) => HouseSettings) =>
    coordinator.withLog(async (log) => {
      const settings = new Settings(log, CONFIGURED);
      const { version } = await settings.house();
      const meta = {
        userId,
        accountId: 'none',
        correlationId: 'c',
        causationId: 'c',
        at: Date.now(),
        schemaVersion: 1,
      };
      const author: Author = { expectedVersion: version, meta };
      return settings.changeHouse(author, next);
    });

  const withPool = async <T>(work: (pool: Pool) => Promise<T>): Promise<T> => {
    const url = await coordinator.databaseUrl();
    const pool = openPool(url, { name: 'story', max: 1, statementTimeoutMs: 10_000, onTrouble: () => undefined });
    try {
      return await work(pool);
    } finally {
      await pool.end();
    }
  };

  beforeAll(async () => {
    ensureBuilt();
    coordinator = new Coordinator(makeDataDir());
    await coordinator.start();
    trader = await register('trader@example.com');
    admin = await register('admin@example.com');
    const made = spawnSync(process.execPath, [join(root, 'dist/apps/command/src/make-admin.js'), 'Admin@example.com'], {
      cwd: root,
      env: { PATH: process.env['PATH'], DATA_DIR: coordinator.dataDir },
      encoding: 'utf8',
    });
    expect([made.status, made.stderr]).toEqual([0, '']);
  });
  afterAll(() => coordinator.dispose());

  it('of the house that an admin sets count for the next request, and the history says who set them', async () => {
    expect((await placeMany(2)).status).not.toBe(400);
    expect((await patch(trader, '/v2/settings/house', { maxOrdersPerBatch: 1 })).status).toBe(403);
    expect((await patch(admin, '/v2/settings/house', { maxOrdersPerBatch: 1, asyncCancelEnabled: false })).status).toBe(
      200,
    );
    const refused = await placeMany(2);
    expect([refused.status, partOf(listIn(refused.body, 'errors')[0], 'field')]).toEqual([400, 'orders']);
    const soft = await as(trader, 'POST', '/v2/orders/multi/cancel', {
      headers: { 'Idempotency-Key': randomUUID() },
      body: { orderIds: [randomUUID()], mode: 'SOFT' },
    });
    expect([soft.status, partOf(soft.body, 'code')]).toEqual([422, 'ASYNC_CANCEL_DISABLED']);
    const history = await as(trader, 'GET', '/v2/settings/house/history');
    expect(listIn(history.body, 'items').at(-1)).toMatchObject({
      version: 1,
      userId: admin.userId,
      changes: [
        { field: 'maxOrdersPerBatch', from: 20, to: 1 },
        { field: 'asyncCancelEnabled', from: true, to: false },
      ],
    });
  });

  it('that another process changes count here without a restart, and the history has them too', async () => {
    await elsewhere('somebody-else', (present) => ({ ...present, maxOrdersPerBatch: 3 }));
    await eventually('the running process takes three lines', async () =>
      (await placeMany(3)).status === 400 ? undefined : true,
    );
    expect((await placeMany(4)).status).toBe(400);
    const history = await as(trader, 'GET', '/v2/settings/house/history');
    expect(listIn(history.body, 'items').at(-1)).toMatchObject({
      userId: 'somebody-else',
      changes: [{ field: 'maxOrdersPerBatch', from: 1, to: 3 }],
    });
  });

  it('of one user are refused beyond the ceiling, and say whose word a limit is', async () => {
    await patch(admin, '/v2/settings/house', { ceilings: { openOrdersMax: 10 } });
    expect((await patch(trader, '/v2/settings/user', { limits: { openOrdersMax: 11 } })).status).toBe(422);
    expect((await patch(trader, '/v2/settings/user', { limits: { openOrdersMax: 9 } })).status).toBe(200);
    const limits = await as(trader, 'GET', '/v2/settings/limits');
    expect(limits.body).toMatchObject({ limits: { openOrdersMax: 9 }, sources: { openOrdersMax: 'user' } });
  });

  it('reach the read side: who reads STRONG sees what was written a moment ago', async () => {
    expect((await patch(trader, '/v2/settings/user', { readConsistency: 'STRONG' })).status).toBe(200);
    const read = (path: string) => coordinator.query(path, { headers: { 'X-Api-Key': trader.apiKey } });
    const headOf = () => coordinator.withLog((log) => log.head());
    // The user has asked for nothing before: what the read side knows of them is what its table says.
    await eventually('the read side knows', () =>
      withPool(async (pool) => {
        const scope = `user-${trader.userId}`;
        const { rows } = await pool.query(
          `select from read_model.settings where scope = $1 and document ->> 'readConsistency' = 'STRONG'`,
          [scope],
        );
        return rows.length === 1 ? true : undefined;
      }),
    );
    for (let times = 0; times < 10; times += 1) {
      await placeMany(1);
      const head = await headOf();
      const { status, headers } = await read('/v2/orders');
      expect(status).toBe(200);
      expect(Number(headers.get('coordinator-position'))).toBeGreaterThanOrEqual(head);
    }
  });
});
