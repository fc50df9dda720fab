import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { RollCall } from './roll-call';

describe('the roll call of processes that take orders', () => {
  let database: TestDatabase;
  const present: RollCall[] = [];
  const troubles: unknown[] = [];

  beforeEach(async () => (database = await createTestDatabase()));
  afterEach(async () => {
    await Promise.all(present.splice(0).map((one) => one.leave()));
    await database.drop();
  });

  const enter = async (whenAlone: () => Promise<void> = () => Promise.resolve()): Promise<boolean> => {
    let alone = false;
    const one = new RollCall({ databaseUrl: database.url, onTrouble: (error) => troubles.push(error) });
    present.push(one);
    await one.enter(async () => {
      alone = true;
      await whenAlone();
    });
    return alone;
  };

  it('tells the first that it is alone, and the next ones that they are not', async () => {
    expect(await enter()).toBe(true);
    expect(await enter()).toBe(false);
    expect(await enter()).toBe(false);
  });

  it('lets nobody in while the first finishes what was left behind', async () => {
    const steps: string[] = [];
    let finish = (): void => undefined;
    const first = enter(async () => {
      steps.push('first begins');
      await new Promise<void>((resolve) => (finish = resolve));
      steps.push('first is done');
    });
    while (steps.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = enter().then((alone) => steps.push(`second enters ${alone ? 'alone' : 'as another'}`));
    await new Promise((resolve) => setTimeout(resolve, 300));
    finish();
    await Promise.all([first, second]);
    expect(steps).toEqual(['first begins', 'first is done', 'second enters as another']);
  });

  it('tells the next one that it is alone once all others have left', async () => {
    await enter();
    await enter();
    await Promise.all(present.splice(0).map((one) => one.leave()));
    expect(await enter()).toBe(true);
  });

  it('counts a process present again after its connection was cut', async () => {
    await enter();
    const admin = new Client({ connectionString: database.url });
    await admin.connect();
    const sessions = `select pid from pg_stat_activity where application_name = 'roll call' and datname = current_database()`;
    const before = (await admin.query<{ pid: number }>(sessions)).rows.map(({ pid }) => pid);
    await admin.query(`select pg_terminate_backend(pid) from (${sessions}) as s`);
    const isBack = async (): Promise<boolean> => {
      const { rows } = await admin.query<{ pid: number }>(
        `select pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
      );
      return rows.some(({ pid }) => !before.includes(pid));
    };
    while (!(await isBack())) await new Promise((resolve) => setTimeout(resolve, 20));
    await admin.end();
    expect(troubles).toHaveLength(1);
    expect(await enter()).toBe(false);
  });
});
