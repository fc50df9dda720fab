import { neverOverTheLimit } from './stories/never-over-the-limit';
import { Fleet } from './support/fleet';
import { ensureBuilt } from './support/workspace';

beforeAll(ensureBuilt, 300_000);

describe('an account is never over its limit, with the log in Postgres', () => {
  neverOverTheLimit(() => new Fleet({ processes: { command: 2, projector: 1, query: 0, relay: 0 } }));
});
