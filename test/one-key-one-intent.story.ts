import { oneKeyOneIntent } from './stories/one-key-one-intent';
import { Coordinator } from './support/coordinator';
import { ensureBuilt, makeDataDir } from './support/workspace';

jest.setTimeout(300_000);

beforeAll(ensureBuilt);

describe('one key is one intent', () => {
  oneKeyOneIntent(() => new Coordinator(makeDataDir()));
});
