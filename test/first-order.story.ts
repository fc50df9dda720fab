import { chmodSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { FIRST_ORDER_ENVIRONMENT, firstOrder } from './stories/first-order';
import { Coordinator } from './support/coordinator';
import { partOf } from './support/deployment';
import { ensureBuilt, makeDataDir, removeDataDir } from './support/workspace';

jest.setTimeout(300_000);

beforeAll(ensureBuilt);

describe('one trader’s first morning', () => {
  // The process and its Postgres.
  firstOrder(() => new Coordinator(makeDataDir(), FIRST_ORDER_ENVIRONMENT), { family: 2 });
});

describe('a second process', () => {
  const coordinator = new Coordinator(makeDataDir());
  beforeAll(() => coordinator.start());
  afterAll(() => coordinator.dispose());

  it('on the same data is refused with one clear line', async () => {
    const second = new Coordinator(coordinator.dataDir);
    const { exitCode, stderr } = await second.startInVain();
    expect(exitCode).not.toBe(0);
    expect(stderr.trim()).toMatch(/^data directory \S+ is in use by process \d+$/);
    expect((await coordinator.query('/health/ready')).status).toBe(200);
  });
});

describe('a start that cannot be', () => {
  let blocker: Server;
  let port: string;
  beforeAll(async () => {
    blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    port = String(partOf(blocker.address(), 'port'));
  });
  afterAll(() => {
    blocker.close();
  });

  it.each(['COMMAND_PORT', 'QUERY_PORT'])('because %s is taken is one clear line', async (variable) => {
    const coordinator = new Coordinator(makeDataDir(), { [variable]: port });
    try {
      const { exitCode, stderr } = await coordinator.startInVain();
      expect(exitCode).not.toBe(0);
      expect(stderr.trim()).toBe(`127.0.0.1:${port} is in use by another process: stop that, or set ${variable}`);
      expect(coordinator.family()).toEqual([]);
    } finally {
      await coordinator.dispose();
    }
  });

  it('because a variable makes no sense is one clear line', async () => {
    const coordinator = new Coordinator(makeDataDir(), { COMMAND_PORT: '70000', PAPER_TICK_MS: 'fast' });
    const { exitCode, stderr } = await coordinator.startInVain();
    expect(exitCode).not.toBe(0);
    expect(stderr.trim()).toMatch(/^COMMAND_PORT must be .*; PAPER_TICK_MS must be .*$/);
    await coordinator.dispose();
  });

  // Root may write everywhere.
  const itUnlessRoot = process.getuid?.() === 0 ? it.skip : it;
  itUnlessRoot('because the data directory cannot be written is one clear line', async () => {
    const dataDir = makeDataDir();
    chmodSync(`${dataDir}/..`, 0o555);
    try {
      const { exitCode, stderr } = await new Coordinator(dataDir).startInVain();
      expect(exitCode).not.toBe(0);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toContain(dataDir);
    } finally {
      chmodSync(`${dataDir}/..`, 0o755);
      removeDataDir(dataDir);
    }
  });

  it('because the data directory is a file is one clear line', async () => {
    const coordinator = new Coordinator('/dev/null');
    const { exitCode, stderr } = await coordinator.startInVain();
    expect(exitCode).not.toBe(0);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('/dev/null');
  });
});
