import { hostileClient } from './stories/hostile-client';
import { Coordinator } from './support/coordinator';
import { ensureBuilt, makeDataDir } from './support/workspace';

jest.setTimeout(300_000);

beforeAll(ensureBuilt);

describe('a hostile client', () => {
  hostileClient(() => new Coordinator(makeDataDir()));
});
