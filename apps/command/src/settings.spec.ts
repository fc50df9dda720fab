import { INITIAL_USER_SETTINGS, type UserSettings } from '#domain/settings/user-settings';
import { EventLog1767225600000 } from '#event-log/postgres/migrations';
import { PostgresEventLog } from '#event-log/postgres/postgres-event-log';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres';
import { type Author, HOUSE_STREAM, Settings, userStreamOf } from './settings';

const CONFIGURED = { idempotencyWindowSec: 86_400, maxOrdersPerBatch: 20 };

let database: TestDatabase;
let log: PostgresEventLog;
let elsewhere: Settings;
let here: Settings;
let nowMs: number;
let users = 0;

beforeAll(async () => {
  database = await createTestDatabase([EventLog1767225600000]);
  log = new PostgresEventLog({ url: database.url });
});
beforeEach(() => {
  nowMs = 5_000;
  here = new Settings(log, CONFIGURED, () => nowMs);
  elsewhere = new Settings(log, CONFIGURED);
});
afterEach(() => jest.restoreAllMocks());
afterAll(async () => {
  await log.close();
  await database.drop();
});

const newUser = (): string => `user-${String((users += 1))}`;
const by = (expectedVersion: number, userId = 'asha'): Author => ({
  expectedVersion,
  meta: { userId, accountId: 'none', correlationId: 'c', causationId: 'c', at: 7, schemaVersion: 1 },
});
const stop = (present: UserSettings): UserSettings => ({ ...present, halt: 'killed' });
const readsOf = () => {
  const reads = jest.spyOn(log, 'readStream');
  const looks = jest.spyOn(log, 'readAll');
  return () => ({ streams: reads.mock.calls.map(([stream]) => stream), looks: looks.mock.calls.length });
};

describe('settings as a process knows them', () => {
  it('are what nobody has set yet, at version 0', async () => {
    expect(await here.user(newUser())).toEqual({ version: 0, document: INITIAL_USER_SETTINGS });
    expect((await here.house()).document).toMatchObject(CONFIGURED);
  });

  it('are what was changed here, at once', async () => {
    const user = newUser();
    await here.prepare(user);
    const changed = await here.changeUser(user, by(0), stop);
    expect(changed).toMatchObject({ version: 1, document: { halt: 'killed' } });
    expect(changed.position).toBeGreaterThan(0);
    expect((await here.user(user)).document.halt).toBe('killed');
  });

  it('are what was changed elsewhere, a second later at most', async () => {
    const user = newUser();
    await here.prepare(user);
    await elsewhere.changeUser(user, by(0), stop);
    const { version } = await elsewhere.house();
    await elsewhere.changeHouse(by(version), (present) => ({ ...present, auditLevel: 'WRITES' }));
    nowMs += 999;
    expect((await here.user(user)).document.halt).toBe('open');
    nowMs += 1;
    expect((await here.user(user)).document.halt).toBe('killed');
    expect((await here.house()).document.auditLevel).toBe('WRITES');
  });

  it('are found again after nobody has asked for long', async () => {
    const user = newUser();
    await here.prepare(user);
    await elsewhere.changeUser(user, by(0), stop);
    nowMs += 3_600_000;
    expect((await here.user(user)).document.halt).toBe('killed');
  });

  it('cost nothing while they are fresh, and one look a second however many users there are', async () => {
    const known = Array.from({ length: 20 }, newUser);
    await Promise.all(known.map((user) => here.prepare(user)));
    const reads = readsOf();
    await Promise.all(known.map((user) => here.prepare(user)));
    expect(reads()).toEqual({ streams: [], looks: 0 });
    nowMs += 1_000;
    await Promise.all(known.map((user) => here.prepare(user)));
    expect(reads()).toEqual({ streams: [], looks: 1 });
  });

  it('are read once for all who ask at the same time', async () => {
    await here.house();
    const user = newUser();
    const reads = readsOf();
    await Promise.all(Array.from({ length: 20 }, () => here.prepare(user)));
    expect(reads().streams).toEqual([userStreamOf(user)]);
  });

  it('are not remembered from a reading that was overtaken by a change', async () => {
    const user = newUser();
    await here.house();
    const read = log.readStream.bind(log);
    let answer = (): void => undefined;
    const gate = new Promise<void>((resolve) => (answer = resolve));
    jest.spyOn(log, 'readStream').mockImplementationOnce(async (stream) => {
      const events = await read(stream);
      await gate;
      return events;
    });
    const reading = here.user(user);
    await elsewhere.changeUser(user, by(0), stop);
    nowMs += 1_000;
    await here.house(); // the change is seen
    answer();
    expect((await reading).document.halt).toBe('open'); // asked for before
    expect((await here.user(user)).document.halt).toBe('killed');
  });

  it('can be had without waiting after `prepare`, even while they are being read anew', async () => {
    const user = newUser();
    const prepared = await here.prepare(user);
    expect(here.known(user)).toEqual(prepared);
    await here.changeUser(user, by(0), stop);
    expect(here.known(user).user.halt).toBe('open'); // as of the moment it was prepared
    await here.prepare(user);
    expect(here.known(user).user.halt).toBe('killed');
    expect(() => here.known(newUser())).toThrow('were not prepared');
  });

  it('of the house are not made up before they were read', async () => {
    expect(() => here.knownHouse()).toThrow('not read yet');
    const { document } = await here.house();
    expect(here.knownHouse()).toBe(document);
  });

  it('say what limits follow from them', async () => {
    const user = newUser();
    await here.changeUser(user, by(0), (present) => ({ ...present, limits: { openOrdersMax: 3 } }));
    const { effective } = await here.prepare(user);
    expect(effective.limits).toMatchObject({ openOrdersMax: 3, orderValueMaxE4: 1_000_000_000_000 });
    expect(effective.sources).toMatchObject({ openOrdersMax: 'user', orderValueMaxE4: 'default' });
    expect((await here.prepare(user)).effective).toBe(effective); // computed once
    const { version, document } = await here.house();
    await here.changeHouse(by(version), (present) => ({ ...present, ceilings: { openOrdersMax: 2 } }));
    expect((await here.prepare(user)).effective.limits.openOrdersMax).toBe(2);
    await here.changeHouse(by(version + 1), () => document);
  });
});

describe('a change of settings', () => {
  it('is refused to who has not seen how they stand, of two at once to one', async () => {
    const user = newUser();
    const outcomes = await Promise.allSettled([
      here.changeUser(user, by(0), stop),
      elsewhere.changeUser(user, by(0), (present) => ({ ...present, readConsistency: 'STRONG' })),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await log.readStream(userStreamOf(user))).length).toBe(1);
  });

  it('is refused that counts on a version that is not there yet', async () => {
    const user = newUser();
    await expect(here.changeUser(user, by(1), stop)).rejects.toThrow('settings.stale');
  });

  it('is refused that was made of an older document than the one it counts on', async () => {
    const user = newUser();
    await here.house();
    await elsewhere.changeUser(user, by(0), stop);
    jest.spyOn(log, 'readStream').mockResolvedValueOnce([]); // read just before that change
    const change = here.changeUser(user, by(1), (present) => ({ ...present, readConsistency: 'STRONG' }));
    await expect(change).rejects.toThrow('settings.stale');
    expect((await log.readStream(userStreamOf(user))).length).toBe(1);
  });

  it('that changes nothing is not recorded', async () => {
    const user = newUser();
    await here.changeUser(user, by(0), stop);
    expect(await here.changeUser(user, by(0), stop)).toMatchObject({ version: 1, position: 0 });
    expect((await log.readStream(userStreamOf(user))).length).toBe(1);
  });

  it('stands in the history with who made it, and from what to what', async () => {
    const user = newUser();
    await here.changeUser(user, by(0, 'asha'), stop);
    await here.changeUser(user, by(1, 'bela'), (present) => ({ ...present, halt: 'reduce-only' }));
    expect(await here.history(userStreamOf(user))).toEqual([
      { version: 1, at: 7, userId: 'asha', changes: [{ field: 'halt', from: 'open', to: 'killed' }] },
      { version: 2, at: 7, userId: 'bela', changes: [{ field: 'halt', from: 'killed', to: 'reduce-only' }] },
    ]);
    expect(await here.history(userStreamOf(newUser()))).toEqual([]);
    expect((await here.history(HOUSE_STREAM)).length).toBeGreaterThan(0);
  });
});
