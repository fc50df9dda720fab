import { initialHouseSettings } from '#domain/settings/house-settings';
import { INITIAL_USER_SETTINGS } from '#domain/settings/user-settings';
import type { RecordedEvent } from '#event-log/event-log';
import { createTestReadModels, type TestReadModels } from '../../../../test/support/read-models';
import { BulkLoad } from '../bulk-load';
import { MonthPartitions } from '../month-partitions';
import { Projector } from '../projector';

const HOUSE = initialHouseSettings({ idempotencyWindowSec: 60, maxOrdersPerBatch: 20 });

/** A change as the write side records it, at the next position. */
const changesOf = (...changes: readonly (readonly [stream: string, settings: unknown, by: string])[]) => {
  const revisions = new Map<string, number>();
  return changes.map(([stream, settings, userId], index): RecordedEvent => {
    const revision = revisions.get(stream) ?? 0;
    revisions.set(stream, revision + 1);
    return {
      id: `0a7a3a5e-32a1-4c4b-a5b2-00000000000${String(index)}`,
      stream,
      revision,
      position: index + 1,
      type: stream === 'settings-house' ? 'HouseSettingsChanged' : 'UserSettingsChanged',
      data: { changes: [], settings },
      meta: { userId, accountId: 'none', correlationId: 'c', causationId: 'c', at: 1_000 + index, schemaVersion: 1 },
    };
  });
};

const EVENTS = changesOf(
  ['settings-user-asha', { ...INITIAL_USER_SETTINGS, halt: 'killed' }, 'asha'],
  ['settings-house', HOUSE, 'admin'],
  ['settings-user-asha', { ...INITIAL_USER_SETTINGS, readConsistency: 'STRONG' }, 'bela'],
  ['settings-routing-a-1', { strategyBrokers: {} }, 'asha'],
);
const HEAD = EVENTS.length;

describe('the settings as they stand', () => {
  let models: TestReadModels;
  beforeAll(async () => {
    models = await createTestReadModels();
  });
  afterAll(() => models.drop());
  beforeEach(() => models.reset());

  const rows = async () =>
    (
      await models.pool.query<Record<string, unknown>>(
        `select scope, version, document, changed_by, extract(epoch from changed_at) * 1000 as at, position
         from read_model.settings order by scope`,
      )
    ).rows.map(({ at, position, ...row }) => ({ ...row, at: Number(at), position: Number(position) }));

  const EXPECTED = [
    { scope: 'house', version: 1, document: HOUSE, changed_by: 'admin', at: 1_001, position: 2 },
    {
      scope: 'user-asha',
      version: 2,
      document: { ...INITIAL_USER_SETTINGS, readConsistency: 'STRONG' },
      changed_by: 'bela',
      at: 1_002,
      position: 3,
    },
  ];

  it('are one row a document, with its version and who changed it last', async () => {
    await new Projector(models.pool).project({ after: 0, next: HEAD, events: EVENTS });
    expect(await rows()).toEqual(EXPECTED);
  });

  it('are the same wherever the pages end, and however the tables are filled', async () => {
    const projector = new Projector(models.pool);
    for (const [at, event] of EVENTS.entries()) await projector.project({ after: at, next: at + 1, events: [event] });
    expect(await rows()).toEqual(EXPECTED);
    const projected = await models.hashes();

    await models.reset();
    const months = new MonthPartitions(models.pool, 'read_model');
    const load = new BulkLoad({ pool: models.pool, schema: 'read_model', months, position: 0, eventsPerChunk: 1 });
    for (const [at, event] of EVENTS.entries()) await load.add({ after: at, next: at + 1, events: [event] });
    await load.finish();
    expect(await models.hashes()).toEqual(projected);
    expect(projected.settings.rows).toBe(2);
  });

  it('are set aside when nobody can read them', async () => {
    const [event] = changesOf(['settings-house', 'none', 'admin']);
    const events = event ? [event] : [];
    const { parked } = await new Projector(models.pool).project({ after: 0, next: 1, events });
    expect(parked).toMatchObject([{ stream: 'settings-house', error: expect.stringContaining('settings is missing') }]);
    expect(await rows()).toEqual([]);
  });
});
