import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, credentialsKeysOf, describeConfig, jwtSecretOf, readConfig } from './config';

const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

describe('the configuration', () => {
  it('needs nothing: every variable has a default', () =>
    expect(readConfig({})).toEqual({
      host: '127.0.0.1',
      commandPort: 3000,
      queryPort: 3001,
      projectorPort: 3002,
      relayPort: 3003,
      eventPartitions: 12,
      orderBookCacheMs: 0,
      dataDir: resolve('.data'),
      logLevel: 'info',
      idempotencyWindowSec: 86_400,
      maxOrdersPerBatch: 20,
      paperTickMs: 5_000,
      brokerSimPort: 3900,
      simTickMs: 1_000,
      replayHours: { fromMinute: 555, untilMinute: 930 },
      brokerUrls: {},
      brokerTimeoutMs: 5_000,
      reconcileMs: 30_000,
      shutdownTimeoutMs: 10_000,
    }));

  it('takes what the environment says', () => {
    const config = readConfig({
      HOST: '0.0.0.0',
      COMMAND_PORT: '4000',
      DATA_DIR: '/srv/coordinator',
      DATABASE_URL: 'postgres://me:secret@db:5432/orders',
      EVENTSTORE_URL: 'esdb://one:2113,two:2113?tls=false',
      KAFKA_BROKERS: 'one:9092, two:9092',
      REDIS_URL: 'redis://cache:6379',
      TRUSTED_PROXIES: 'uniquelocal, 10.0.0.0/8',
      INSTRUMENTS_FILE: 'today.json.gz',
      LOG_LEVEL: 'debug',
    });
    expect(config).toMatchObject({
      host: '0.0.0.0',
      commandPort: 4000,
      dataDir: '/srv/coordinator',
      logLevel: 'debug',
    });
    expect(config.databaseUrl).toBe('postgres://me:secret@db:5432/orders');
    expect(config.eventStoreUrl).toBe('esdb://one:2113,two:2113?tls=false');
    expect(config.kafkaBrokers).toBe('one:9092,two:9092');
    expect(config.redisUrl).toBe('redis://cache:6379');
    expect(config.trustedProxies).toBe('uniquelocal,10.0.0.0/8');
    expect(config.instrumentsFile).toBe(resolve('today.json.gz'));
  });

  it('finds the brokers where it is told to', () => {
    const config = readConfig({
      UPSTOX_URL: 'http://127.0.0.1:3901/',
      FYERS_URL: 'real',
      ANGELONE_URL: 'https://proxy.example/angel',
      LISTINGS_FILES: 'one.csv.gz, /two.csv.gz',
      BROKER_SIM_PORT: '0',
      BROKER_TIMEOUT_MS: '750',
      BROKER_SETTLE_MS: '500',
      RECONCILE_MS: '250',
    });
    expect(config.brokerUrls).toEqual({
      upstox: 'http://127.0.0.1:3901',
      fyers: 'real',
      angelone: 'https://proxy.example/angel',
    });
    expect(config.listingsFiles).toEqual([resolve('one.csv.gz'), '/two.csv.gz']);
    expect(config).toMatchObject({ brokerSimPort: 0, brokerTimeoutMs: 750, brokerSettleMs: 500, reconcileMs: 250 });
    const lines = describeConfig(config).join('\n');
    expect(lines).toContain(
      'upstox at http://127.0.0.1:3901, zerodha at its real hosts, fyers at its real hosts, angelone at https://',
    );
    expect(lines).toContain('an order is absent: after 500 ms');
  });

  it('caches the order book when there is a place to share it, unless told otherwise', () => {
    const REDIS_URL = 'redis://cache:6379';
    expect(readConfig({ REDIS_URL }).orderBookCacheMs).toBe(2_000);
    expect(readConfig({ REDIS_URL, ORDER_BOOK_CACHE_MS: '0' }).orderBookCacheMs).toBe(0);
    expect(readConfig({ ORDER_BOOK_CACHE_MS: '500' }).orderBookCacheMs).toBe(500);
  });

  it('treats an empty variable as unset', () => {
    expect(readConfig({ COMMAND_PORT: '', DATABASE_URL: ' ' })).toEqual(readConfig({}));
  });

  it.each([
    [{ COMMAND_PORT: '70000' }, 'COMMAND_PORT must be a whole number from 0 to 65535, not "70000"'],
    [{ COMMAND_PORT: '0x50' }, 'COMMAND_PORT must be a whole number'],
    [{ COMMAND_PORT: '-1' }, 'COMMAND_PORT must be a whole number'],
    [{ QUERY_PORT: '3001.5' }, 'QUERY_PORT must be a whole number'],
    [{ PAPER_TICK_MS: 'fast' }, 'PAPER_TICK_MS must be a whole number from 1 to 3600000, not "fast"'],
    [{ MAX_ORDERS_PER_BATCH: '0' }, 'MAX_ORDERS_PER_BATCH must be'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of trace, debug, info'],
    [{ DATABASE_URL: 'mysql://db' }, 'DATABASE_URL must look like postgres://'],
    [{ DATABASE_URL: 'db:5432' }, 'DATABASE_URL must look like postgres://'],
    [{ EVENTSTORE_URL: 'http://log:2113' }, 'EVENTSTORE_URL must look like esdb://'],
    [{ KAFKA_BROKERS: 'one,two:9092' }, 'KAFKA_BROKERS must look like host:9092'],
    [{ KAFKA_BROKERS: 'one:65536' }, 'KAFKA_BROKERS must look like host:9092'],
    [{ REDIS_URL: 'cache:6379' }, 'REDIS_URL must look like redis://'],
    [{ ORDER_BOOK_CACHE_MS: '60001' }, 'ORDER_BOOK_CACHE_MS must be a whole number from 0 to 60000'],
    [{ TRUSTED_PROXIES: '10.0.0.7,everybody' }, 'TRUSTED_PROXIES must look like'],
    [{ TRUSTED_PROXIES: '10.0.0.0/33' }, 'TRUSTED_PROXIES must look like'],
    [{ EVENT_PARTITIONS: '0' }, 'EVENT_PARTITIONS must be a whole number from 1 to 1000'],
    [{ HOST: 'http://here' }, 'HOST must be an address'],
    [{ BROKER_SIM_PORT: '65532' }, 'BROKER_SIM_PORT must be a whole number from 0 to 65531'],
    [{ SIM_TICK_MS: '0' }, 'SIM_TICK_MS must be a whole number from 1 to 3600000'],
    [{ RECONCILE_MS: '249' }, 'RECONCILE_MS must be a whole number from 250 to 600000'],
    [{ BROKER_TIMEOUT_MS: '0' }, 'BROKER_TIMEOUT_MS must be'],
    [{ BROKER_SETTLE_MS: 'soon' }, 'BROKER_SETTLE_MS must be'],
    [{ FYERS_URL: 'localhost:3903' }, "FYERS_URL must be 'real' or look like http://127.0.0.1:3901"],
    [{ ZERODHA_URL: 'ftp://kite' }, "ZERODHA_URL must be 'real' or look like"],
    [{ ZERODHA_URL: 'http://me:hush@kite' }, "ZERODHA_URL must be 'real' or look like"],
    [{ UPSTOX_URL: 'http://upstox?a=b' }, "UPSTOX_URL must be 'real' or look like"],
    [{ CREDENTIALS_KEYS: 'k1' }, 'CREDENTIALS_KEYS must look like'],
    [{ CREDENTIALS_KEYS: 'k1:aGVsbG8=' }, 'CREDENTIALS_KEYS must look like'],
    [{ CREDENTIALS_KEYS: `k1:${keyOf(1)},` }, 'CREDENTIALS_KEYS must look like'],
    [{ CREDENTIALS_KEYS: `k1:${keyOf(1)},k1:${keyOf(2)}` }, 'CREDENTIALS_KEYS must look like'],
    [{ CREDENTIALS_KEYS: `a b:${keyOf(1)}` }, 'CREDENTIALS_KEYS must look like'],
    [{ JWT_SECRET: 'short' }, 'JWT_SECRET must have at least 32 characters'],
    [{ COMMAND_PORT: '3001' }, 'COMMAND_PORT and QUERY_PORT must differ, both are 3001'],
  ])('refuses %j by name', (environment, message) => {
    expect(() => readConfig(environment)).toThrow(message);
  });

  it('names all that is wrong at once, in one line', () => {
    const read = () => readConfig({ COMMAND_PORT: 'x', LOG_LEVEL: 'y' });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/^COMMAND_PORT[^\n]*; |^LOG_LEVEL[^\n]*; COMMAND_PORT[^\n]*$/);
  });

  it('never repeats a secret', () => {
    const secret = 'hush-hush-hush';
    expect(() => readConfig({ JWT_SECRET: secret, DATABASE_URL: `mysql://me:${secret}@db` })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    );
    const text = describeConfig(
      readConfig({
        JWT_SECRET: secret.repeat(3),
        DATABASE_URL: `postgres://me:${secret}@db:5432/orders?password=${secret}`,
        EVENTSTORE_URL: `esdb://me:${secret}@one:2113,two:2113?tls=false`,
        REDIS_URL: `redis://:${secret}@cache:6379`,
      }),
    ).join('\n');
    expect(text).not.toContain(secret);
    expect(text).toContain('postgres://me:***@db:5432/orders');
    expect(text).toContain('esdb://me:***@one:2113,two:2113?tls=false');
    expect(text).toContain('redis://:***@cache:6379');
    const odd = describeConfig(readConfig({ EVENTSTORE_URL: `esdb://me:a/b@${secret}@one:2113?tls=false` })).join('\n');
    expect(odd).not.toContain(secret);
    expect(odd).toContain('esdb://me:***@one:2113?tls=false');
    const CREDENTIALS_KEYS = `k1:${keyOf(1)}`;
    expect(describeConfig(readConfig({ CREDENTIALS_KEYS })).join('\n')).not.toContain(keyOf(1).slice(0, 8));
    const read = () => readConfig({ CREDENTIALS_KEYS: `${CREDENTIALS_KEYS}x` });
    expect(read).toThrow(expect.objectContaining({ message: expect.not.stringContaining(keyOf(1).slice(0, 8)) }));
  });
});

describe('the token secret', () => {
  let dataDir: string;
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'coordinator-config-'))));
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it('is the one of JWT_SECRET when that is set', () =>
    expect(jwtSecretOf({ dataDir, jwtSecret: 'given' })).toBe('given'));

  it('is made once, kept, and readable by its owner only', () => {
    const deep = join(dataDir, 'not', 'yet', 'there');
    const first = jwtSecretOf({ dataDir: deep });
    expect(first.length).toBeGreaterThanOrEqual(64);
    expect(jwtSecretOf({ dataDir: deep })).toBe(first);
    expect(statSync(join(deep, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(deep, 'secrets.json'), 'utf8')).toContain(first);
  });

  it.each(['', '{', '[]', '{"jwtSecret":"short"}', '{"jwtSecret":42}'])('refuses a file that holds %j', (content) => {
    writeFileSync(join(dataDir, 'secrets.json'), content);
    expect(() => jwtSecretOf({ dataDir })).toThrow(ConfigError);
    expect(() => jwtSecretOf({ dataDir })).toThrow(/secrets\.json cannot be used: /);
  });

  it('says in one line that it cannot write', () => {
    writeFileSync(join(dataDir, 'file'), '');
    chmodSync(join(dataDir, 'file'), 0o600);
    expect(() => jwtSecretOf({ dataDir: join(dataDir, 'file') })).toThrow(
      /^[^\n]*secrets\.json cannot be used: [^\n]*$/,
    );
  });
});

describe('the keys of credentials', () => {
  let dataDir: string;
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'coordinator-config-'))));
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it('are those of CREDENTIALS_KEYS, in their order', () => {
    const { credentialsKeys = '' } = readConfig({ CREDENTIALS_KEYS: `new:${keyOf(2)} , old:${keyOf(1)}` });
    expect(credentialsKeysOf({ dataDir, credentialsKeys })).toEqual([
      { id: 'new', key: Buffer.alloc(32, 2) },
      { id: 'old', key: Buffer.alloc(32, 1) },
    ]);
  });

  it('are one that is made once, kept, and readable by its owner only', () => {
    const [first, ...others] = credentialsKeysOf({ dataDir });
    expect(others).toEqual([]);
    expect(first.id).toMatch(/^generated-[\da-f]{8}$/);
    expect(first.key).toHaveLength(32);
    expect(credentialsKeysOf({ dataDir })).toEqual([first]);
    expect(statSync(join(dataDir, 'credentials-key.json')).mode & 0o777).toBe(0o600);
    expect(credentialsKeysOf({ dataDir: join(dataDir, 'other') })).not.toEqual([first]);
    expect(jwtSecretOf({ dataDir })).toHaveLength(64);
  });

  it.each(['', '{', '[]', '{"credentialsKey":"hush-hush"}', '{"credentialsKey":42}', '"hush-hush'])(
    'refuses a file that holds %j, and does not repeat it',
    (content) => {
      writeFileSync(join(dataDir, 'credentials-key.json'), content);
      expect(() => credentialsKeysOf({ dataDir })).toThrow(
        /^[^\n]*credentials-key\.json cannot be used: it holds no usable secret\. [^\n]*CREDENTIALS_KEYS$/,
      );
    },
  );
});
