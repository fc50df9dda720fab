import { DataSource } from 'typeorm';
import { createTestReadModels, type TestReadModels } from '../../../test/support/read-models';
import { readModelEntities } from './database';

jest.setTimeout(60_000);

describe('the schema of the read models', () => {
  let models: TestReadModels;
  let source: DataSource;
  beforeAll(async () => {
    models = await createTestReadModels();
    source = new DataSource({ type: 'postgres', url: models.url, entities: readModelEntities });
    await source.initialize();
  });
  afterAll(async () => {
    await source.destroy();
    await models.drop();
  });

  it('is after the migrations what the entities say', async () => {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it.each(['order_events', 'trades', 'trade_charges'])('keeps %s by month from the start', async (table) => {
    const { rows } = await models.pool.query<{ kind: string }>(
      `select relkind as kind from pg_class where oid = 'read_model.${table}'::regclass`,
    );
    expect(rows).toEqual([{ kind: 'p' }]);
  });
});
