import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { connect, createDataSource, DatabaseError } from './database';

class CreateThings1700000000001 implements MigrationInterface {
  readonly name = 'CreateThings1700000000001';
  up = async (runner: QueryRunner): Promise<void> => {
    await runner.query('select pg_sleep(0.2)');
    await runner.query('create table things (id int)');
  };
  down = async (runner: QueryRunner): Promise<void> => {
    await runner.query('drop table things');
  };
}

class Fail1700000000002 implements MigrationInterface {
  readonly name = 'Fail1700000000002';
  up = async (runner: QueryRunner): Promise<void> => {
    await runner.query('create table half (id int)');
    await runner.query('select nonsense');
  };
  down = (): Promise<void> => Promise.resolve();
}

describe('the database', () => {
  let database: TestDatabase;
  const open: DataSource[] = [];
  const source = (migrations: (new () => MigrationInterface)[], url = database.url): DataSource => {
    const dataSource = createDataSource(url, { name: 'test', entities: [], migrations, poolSize: 3 });
    open.push(dataSource);
    return dataSource;
  };

  beforeEach(async () => (database = await createTestDatabase()));
  afterEach(async () => {
    for (const dataSource of open.splice(0)) if (dataSource.isInitialized) await dataSource.destroy();
    await database.drop();
  });

  it('is brought up to date once, however many processes start at once', async () => {
    const sources = await Promise.all(Array.from({ length: 4 }, () => connect(source([CreateThings1700000000001]))));
    const [first] = sources;
    expect(await first?.query('select name from migrations')).toEqual([{ name: 'CreateThings1700000000001' }]);
    expect(await first?.query('select * from things')).toEqual([]);
  });

  it('keeps nothing of a migration that failed, says so in one line, and leaves the turn to the next', async () => {
    const failed = connect(source([Fail1700000000002]));
    await expect(failed).rejects.toThrow(DatabaseError);
    await expect(failed).rejects.toThrow(/^the schema could not be brought up to date: [^\n]*nonsense[^\n]*$/);
    const after = await connect(source([CreateThings1700000000001]));
    expect(await after.query("select to_regclass('half') as half")).toEqual([{ half: null }]);
  });

  it('gives up when another process does not get done', async () => {
    const holder = await connect(source([]));
    const session = holder.createQueryRunner();
    await session.query('select pg_advisory_lock($1, $2)', [0x636f6f72, 0x6d696772]);
    await expect(connect(source([]), 100)).rejects.toThrow(
      'another process has been migrating the database for 100 ms',
    );
    await session.release();
  });

  it('that is not there is one clear line', async () => {
    const url = new URL(database.url);
    url.port = '1';
    await expect(connect(source([], url.href))).rejects.toThrow(/^the database does not answer: [^\n]*ECONNREFUSED/);
    const unknown = new URL(database.url);
    unknown.pathname = '/nowhere';
    await expect(connect(source([], unknown.href))).rejects.toThrow(/^the database does not answer: [^\n]*nowhere/);
  });

  it('that accepts the connection and stays silent is given up, too', async () => {
    const sockets: Socket[] = [];
    const silent: Server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = new URL(database.url);
    url.port = String((silent.address() as AddressInfo).port);
    await expect(connect(source([], url.href))).rejects.toThrow(/^the database does not answer: [^\n]*timeout/i);
    for (const socket of sockets) socket.destroy();
    silent.close();
  }, 15_000);
});
