import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, EmbeddedPostgresError, startEmbeddedPostgres } from './embedded-postgres';
import { findProcess } from './running-process';

jest.setTimeout(120_000);

const isRoot = process.getuid?.() === 0;
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
let folder: string;
/** One for all: making a cluster takes a second. */
let dataDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
  await chmod(folder, 0o755); // as root the server runs as another user
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  for (const server of running.splice(0)) await server.stop();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(options: { dataDir?: string; port?: number } = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, ...options });
  running.push(server);
  return server;
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

/** Another process that owns a server in the data directory; resolves with the server's pid. */
async function startInChild(): Promise<{ child: ChildProcess; serverPid: number }> {
  const code = `
    require(${JSON.stringify(resolve(__dirname, 'embedded-postgres.ts'))})
      .startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} })
      .then((server) => process.send(server.pid));
    setInterval(() => {}, 1000);`;
  const hook = resolve(__dirname, '../../../test/support/register-typescript.cjs');
  const child = spawn(process.execPath, ['-r', hook, '-e', code], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true, // a process group of its own, as a terminal would give it
  });
  children.push(child);
  const [serverPid]: unknown[] = await once(child, 'message');
  return { child, serverPid: Number(serverPid) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Replaces a file of the stopped cluster for as long as the work takes. */
async function withFile(name: string, content: string | undefined, work: () => Promise<void>): Promise<void> {
  const path = join(dataDir, name);
  await (await start()).stop();
  await rename(path, `${path}.kept`);
  if (content !== undefined) await writeFile(path, content);
  try {
    await work();
  } finally {
    await rename(`${path}.kept`, path);
  }
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EmbeddedPostgresError)) throw new Error(`expected a refusal, got ${String(error)}`);
  expect(error.message).not.toContain('\n');
  return error.message;
}

describe('an embedded Postgres', () => {
  it('answers, writes durably, listens on this machine only, and ends without leaving a process behind', async () => {
    const server = await start();

    expect(await ask(server, 'select current_database()')).toBe('coordinator');
    expect(await ask(server, 'show fsync')).toBe('on');
    expect(await ask(server, 'show synchronous_commit')).toBe('on');
    expect(await ask(server, 'show listen_addresses')).toBe('127.0.0.1');

    await server.stop();
    await server.stop();
    expect(findProcess(server.pid)).toBeUndefined();
  });

  it('keeps its data, its password and its port from one start to the next', async () => {
    const first = await start();
    await ask(first, 'create table kept as select 42 as answer');
    await first.stop();

    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await ask(second, 'select answer from kept')).toBe(42);
  });

  it('keeps its password to itself', async () => {
    const server = await start();
    const { mode } = await stat(join(dataDir, 'password'));
    expect(mode & 0o777).toBe(0o600);

    const withoutIt = new Client({ connectionString: server.url.replace(/:[^:@]*@/, ':guess@') });
    await expect(withoutIt.connect()).rejects.toThrow(/password authentication failed/);
  });

  it('runs beside another one', async () => {
    const [one, other] = [await start(), await start({ dataDir: join(folder, 'other') })];
    expect(one.port).not.toBe(other.port);
    expect(await ask(one, 'select 1')).toBe(1);
    expect(await ask(other, 'select 1')).toBe(1);
  });

  it('moves on when no port is asked for and the one of last time is taken', async () => {
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      expect((await start()).port).not.toBe(first.port);
    } finally {
      squatter.close();
    }
  });

  it('begins again after a first start that was cut short', async () => {
    const cut = join(folder, 'cut');
    await mkdir(join(cut, 'cluster.new/base'), { recursive: true });
    expect(await ask(await start({ dataDir: cut }), 'select 1')).toBe(1);
  });
});

describe('an embedded Postgres refuses in one line', () => {
  it('a directory that a live process uses', async () => {
    await start();
    expect(await refusal(startEmbeddedPostgres({ dataDir }))).toBe(
      `data directory ${dataDir} is in use by process ${String(process.pid)}`,
    );
  });

  it('all but one of several starts at once', async () => {
    const attempts = await Promise.allSettled([start(), start(), start()]);
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('a directory that another live process uses', async () => {
    const { child, serverPid } = await startInChild();
    expect(await refusal(startEmbeddedPostgres({ dataDir }))).toContain(`in use by process ${String(child.pid)}`);
    expect(findProcess(serverPid)).toBeDefined();
    await kill(child);
    await start(); // takes the server over, so that it is stopped at the end
  });

  it('a port that is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const address = squatter.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      expect(await refusal(startEmbeddedPostgres({ dataDir, port }))).toBe(
        `port ${String(port)} for Postgres is taken by another program`,
      );
    } finally {
      squatter.close();
    }
  });

  it.each([0, -1, 65_536, 1.5])('port %p', async (port) => {
    expect(await refusal(startEmbeddedPostgres({ dataDir, port }))).toContain('is not a port');
  });

  it('a data directory that is a file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await refusal(startEmbeddedPostgres({ dataDir: file }))).toBe(
      `the data directory ${file} is not a directory`,
    );
  });

  it('a cluster of another major version', () =>
    withFile('cluster/PG_VERSION', '12\n', async () => {
      expect(await refusal(startEmbeddedPostgres({ dataDir }))).toContain('was made by Postgres 12');
    }));

  it('a cluster whose password file was lost', () =>
    withFile('password', undefined, async () => {
      expect(await refusal(startEmbeddedPostgres({ dataDir }))).toContain('has lost its password file');
    }));

  it('a server that does not start, with the server’s own reason, until the reason is gone', async () => {
    await withFile('cluster/postgresql.conf', 'shared_buffers = nonsense\n', async () => {
      expect(await refusal(startEmbeddedPostgres({ dataDir }))).toMatch(/did not start .*postgres\.log/);
    });
    expect(await ask(await start(), 'select 1')).toBe(1);
  });

  if (isRoot) {
    it('as root, a folder that the postgres user cannot enter', async () => {
      const closed = join(folder, 'closed');
      await mkdir(closed, { mode: 0o700 });
      expect(await refusal(startEmbeddedPostgres({ dataDir: join(closed, 'data') }))).toContain(
        `cannot enter ${closed}:`,
      );
    });
  } else {
    it('a folder that may not be written', async () => {
      const closed = join(folder, 'closed');
      await mkdir(closed, { mode: 0o555 });
      expect(await refusal(startEmbeddedPostgres({ dataDir: join(closed, 'data') }))).toContain(
        'no permission to write the data directory',
      );
    });
  }
});

describe('an embedded Postgres after an accident', () => {
  it('takes over the server that its killed predecessor left running', async () => {
    const { child, serverPid } = await startInChild();
    await kill(child);
    expect(findProcess(serverPid)).toBeDefined();

    const server = await start();
    expect(server.pid).toBe(serverPid);
    expect(await ask(server, 'select 1')).toBe(1);

    await server.stop();
    expect(findProcess(serverPid)).toBeUndefined();
  });

  it('is not reached by a Ctrl-C meant for the program', async () => {
    const { child, serverPid } = await startInChild();
    const gone = once(child, 'exit');
    process.kill(-Number(child.pid), 'SIGINT'); // what a terminal does: to everyone in the group
    await gone;
    expect((await start()).pid).toBe(serverPid);
  });

  it('replaces the server left running when another port is wanted', async () => {
    const { child, serverPid } = await startInChild();
    await kill(child);
    const was = Number(await readFile(join(dataDir, 'port'), 'utf8'));
    const port = was > 40_000 ? was - 1 : was + 1;

    const server = await start({ port });
    expect(server.port).toBe(port);
    expect(findProcess(serverPid)).toBeUndefined();
    expect(await ask(server, 'select 1')).toBe(1);
  });

  it('recovers what was committed when the server itself was killed', async () => {
    const first = await start();
    await ask(first, 'create table survived as select 42 as answer');
    process.kill(first.pid, 'SIGKILL');
    await first.stop();

    expect(await ask(await start(), 'select answer from survived')).toBe(42);
  });

  it('is not fooled by a process that got the pid of a dead server', async () => {
    await (await start()).stop();
    const lines = [process.pid, join(dataDir, 'cluster'), 1, 5432, '', '127.0.0.1', '', 'ready'];
    await writeFile(join(dataDir, 'cluster/postmaster.pid'), lines.join('\n'));
    expect(await ask(await start(), 'select 1')).toBe(1);
  });

  it('is not fooled by a process that got the pid of a dead owner', async () => {
    await (await start()).stop();
    await writeFile(join(dataDir, 'owner.lock'), JSON.stringify({ pid: process.pid, startedAt: 'long ago' }));
    expect(await ask(await start(), 'select 1')).toBe(1);
  });

  it.each(['', '{"pid":', '{"pid":"1","startedAt":0}'])('ignores an unreadable lock: %p', async (lock) => {
    await writeFile(join(dataDir, 'owner.lock'), lock);
    expect(await ask(await start(), 'select 1')).toBe(1);
  });
});
