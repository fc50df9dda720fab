/** The one configuration of every process, read from the environment and nowhere else. */

import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** The brokers whose address may be another than the real one. */
export const configurableBrokers = ['upstox', 'zerodha', 'fyers', 'angelone'] as const;
export type ConfigurableBroker = (typeof configurableBrokers)[number];

/** Seals the credentials of brokers. `id` is stored with what it sealed, so that keys can be exchanged. */
export interface CredentialsKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface Config {
  /** Address to listen on. */
  readonly host: string;
  readonly commandPort: number;
  readonly queryPort: number;
  readonly projectorPort: number;
  readonly relayPort: number;
  /** Proxies whose word on a client's address counts: addresses, networks, or `loopback`, `uniquelocal`. None by default. */
  readonly trustedProxies?: string;
  /** Absolute path: embedded Postgres, generated secrets, demo credentials. */
  readonly dataDir: string;
  /** Postgres of the event log and the read models; absent means the embedded one in `dataDir`. */
  readonly databaseUrl?: string;
  /** EventStoreDB as event log; absent means the tables of Postgres. */
  readonly eventStoreUrl?: string;
  /** `host:port,host:port`. Kafka between the event log and the projections; absent means a direct subscription. */
  readonly kafkaBrokers?: string;
  /** Partitions of the event topic, when this process is the one that makes it. */
  readonly eventPartitions: number;
  /** Hot state shared between processes; absent means each has its own. */
  readonly redisUrl?: string;
  /** For how long a page of the order book may be served again; 0 reads each anew. */
  readonly orderBookCacheMs: number;
  readonly logLevel: LogLevel;
  /** Signs access tokens; absent means the one `jwtSecretOf` generates once into `dataDir`. */
  readonly jwtSecret?: string;
  /** `id:base64,id:base64`: the first seals credentials, all open them; absent means the one `credentialsKeysOf` generates. */
  readonly credentialsKeys?: string;
  /** First of the five ports of the broker simulator. */
  readonly brokerSimPort: number;
  /** Pace at which the simulated brokers play recorded prices. */
  readonly simTickMs: number;
  /** Between which minutes after midnight IST the recorded day is replayed. */
  readonly replayHours: { readonly fromMinute: number; readonly untilMinute: number };
  /**
   * Where brokers are to be found: base URLs without a slash at the end, or `real` for their own hosts. Absent means these,
   * too, but in the standalone process, which brings simulated brokers along.
   */
  readonly brokerUrls: Readonly<Partial<Record<ConfigurableBroker, string>>>;
  /** How long one call to a broker may take, all included. */
  readonly brokerTimeoutMs: number;
  /** After which an order that a broker does not show is absent; absent means what is known of each broker. */
  readonly brokerSettleMs?: number;
  /** How often orders are compared with the books of the brokers. */
  readonly reconcileMs: number;
  /** For how long a repeated Idempotency-Key gets the stored response word for word. */
  readonly idempotencyWindowSec: number;
  readonly maxOrdersPerBatch: number;
  /** Pace at which the paper broker plays recorded prices. */
  readonly paperTickMs: number;
  /** Instrument master to load instead of the one in the repository: a file, or an http(s) URL that is read anew every morning. */
  readonly instrumentsFile?: string;
  /** How Zerodha, Fyers and Angel One name instruments: their master files instead of those in the repository. */
  readonly listingsFiles?: readonly string[];
  /** Bands, surveillance, eligibility, closes, margin rates: what exchange and broker publish for the day. */
  readonly referenceFiles?: readonly string[];
  /** Recorded prices for the paper broker instead of the ones in the repository. */
  readonly pricesFile?: string;
  /** How long requests in flight may take to finish once the process was asked to stop. */
  readonly shutdownTimeoutMs: number;
}

/** Injects the process's configuration. */
export const CONFIG = Symbol('Config');

/** One line that names every variable that is wrong. Never contains a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration. A variable that is set to the empty string counts as unset.
 * @throws ConfigError naming each variable that cannot be used, and why.
 */
export const readConfig = (environment: Environment): Config => {
  const wrong: string[] = [];
  const text = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    return value === '' ? undefined : value;
  };
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const value = text(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    wrong.push(`${name} must be a whole number from ${String(min)} to ${String(max)}, not ${quoted(value)}`);
    return fallback;
  };

  const host = text('HOST') ?? '127.0.0.1';
  if (/[\s/]/.test(host)) wrong.push(`HOST must be an address or a host name, not ${quoted(host)}`);

  const level = text('LOG_LEVEL') ?? 'info';
  const logLevel = logLevels.find((known) => known === level);
  if (logLevel === undefined) wrong.push(`LOG_LEVEL must be one of ${logLevels.join(', ')}, not ${quoted(level)}`);

  const databaseUrl = text('DATABASE_URL');
  if (databaseUrl !== undefined && !isPostgresUrl(databaseUrl)) {
    wrong.push('DATABASE_URL must look like postgres://user:password@host:5432/database');
  }

  const eventStoreUrl = text('EVENTSTORE_URL');
  if (eventStoreUrl !== undefined && !/^(esdb|kurrentdb)(\+discover)?:\/\/[^\s/]+/.test(eventStoreUrl)) {
    wrong.push('EVENTSTORE_URL must look like esdb://user:password@host:2113?tls=false');
  }

  const kafkaBrokers = text('KAFKA_BROKERS')?.replace(/\s*,\s*/g, ',');
  if (kafkaBrokers?.split(',').every(isBroker) === false) {
    wrong.push('KAFKA_BROKERS must look like host:9092,host:9092');
  }

  const redisUrl = text('REDIS_URL');
  if (redisUrl !== undefined && !(URL.canParse(redisUrl) && /^rediss?:$/.test(new URL(redisUrl).protocol))) {
    wrong.push('REDIS_URL must look like redis://:password@host:6379');
  }

  const trustedProxies = text('TRUSTED_PROXIES')?.replace(/\s*,\s*/g, ',');
  if (trustedProxies?.split(',').every(isProxy) === false) {
    wrong.push('TRUSTED_PROXIES must look like 10.0.0.7,172.16.0.0/12,loopback,uniquelocal');
  }

  const jwtSecret = text('JWT_SECRET');
  if (jwtSecret !== undefined && jwtSecret.length < 32) wrong.push('JWT_SECRET must have at least 32 characters');

  const credentialsKeys = text('CREDENTIALS_KEYS')?.replace(/\s*,\s*/g, ',');
  if (credentialsKeys !== undefined && readKeys(credentialsKeys) === undefined) {
    wrong.push('CREDENTIALS_KEYS must look like new:BASE64,old:BASE64 with different names and 32 bytes each');
  }

  const brokerUrls = Object.fromEntries(
    configurableBrokers.flatMap((broker) => {
      const url = text(`${broker.toUpperCase()}_URL`);
      if (url === undefined) return [];
      if (url !== 'real' && !isBaseUrl(url))
        wrong.push(`${broker.toUpperCase()}_URL must be 'real' or look like http://127.0.0.1:3901`);
      return [[broker, url.replace(/\/+$/, '')]];
    }),
  );

  const brokerSettleMs =
    text('BROKER_SETTLE_MS') === undefined ? undefined : integer('BROKER_SETTLE_MS', 10_000, 500, 600_000);

  const hours = text('REPLAY_HOURS');
  const replayHours = hours === undefined ? REPLAY_HOURS : readHours(hours);
  if (replayHours === undefined) wrong.push('REPLAY_HOURS must look like 09:15-15:30');

  const instrumentsFile = text('INSTRUMENTS_FILE');
  const listingsFiles = text('LISTINGS_FILES')
    ?.split(',')
    .map((file) => fileOrUrl(file.trim()));
  const referenceFiles = text('REFERENCE_FILES')
    ?.split(',')
    .map((file) => resolve(file.trim()));
  const pricesFile = text('PRICES_FILE');

  const config: Config = {
    host,
    commandPort: integer('COMMAND_PORT', 3000, 0, 65_535),
    queryPort: integer('QUERY_PORT', 3001, 0, 65_535),
    projectorPort: integer('PROJECTOR_PORT', 3002, 0, 65_535),
    relayPort: integer('RELAY_PORT', 3003, 0, 65_535),
    eventPartitions: integer('EVENT_PARTITIONS', 12, 1, 1_000),
    dataDir: resolve(text('DATA_DIR') ?? '.data'),
    logLevel: logLevel ?? 'info',
    // What only this process knows to be fresh saves little; what all processes share saves the database.
    orderBookCacheMs: integer('ORDER_BOOK_CACHE_MS', redisUrl === undefined ? 0 : 2_000, 0, 60_000),
    idempotencyWindowSec: integer('IDEMPOTENCY_WINDOW_SEC', 86_400, 1, 31_536_000),
    maxOrdersPerBatch: integer('MAX_ORDERS_PER_BATCH', 20, 1, 100),
    paperTickMs: integer('PAPER_TICK_MS', 5_000, 1, 3_600_000),
    brokerSimPort: integer('BROKER_SIM_PORT', 3900, 0, 65_531),
    simTickMs: integer('SIM_TICK_MS', 1_000, 1, 3_600_000),
    replayHours: replayHours ?? REPLAY_HOURS,
    brokerUrls,
    // Longer, and other processes would take over what is still under way.
    brokerTimeoutMs: integer('BROKER_TIMEOUT_MS', 5_000, 100, 6_000),
    reconcileMs: integer('RECONCILE_MS', 30_000, 250, 600_000),
    shutdownTimeoutMs: integer('SHUTDOWN_TIMEOUT_MS', 10_000, 0, 600_000),
    ...(trustedProxies !== undefined && { trustedProxies }),
    ...(databaseUrl !== undefined && { databaseUrl }),
    ...(eventStoreUrl !== undefined && { eventStoreUrl }),
    ...(kafkaBrokers !== undefined && { kafkaBrokers }),
    ...(redisUrl !== undefined && { redisUrl }),
    ...(jwtSecret !== undefined && { jwtSecret }),
    ...(credentialsKeys !== undefined && { credentialsKeys }),
    ...(brokerSettleMs !== undefined && { brokerSettleMs }),
    ...(instrumentsFile !== undefined && { instrumentsFile: fileOrUrl(instrumentsFile) }),
    ...(listingsFiles !== undefined && { listingsFiles }),
    ...(referenceFiles !== undefined && { referenceFiles }),
    ...(pricesFile !== undefined && { pricesFile: resolve(pricesFile) }),
  };
  if (config.commandPort === config.queryPort && config.commandPort !== 0) {
    wrong.push(`COMMAND_PORT and QUERY_PORT must differ, both are ${String(config.commandPort)}`);
  }
  if (wrong.length > 0) throw new ConfigError(wrong.join('; '));
  return config;
};

/** The configuration as lines `name: value` for a log or a terminal: no secret, no password in a URL. */
export const describeConfig = (config: Config): readonly string[] => [
  `host: ${config.host}`,
  `command port: ${String(config.commandPort)}`,
  `query port: ${String(config.queryPort)}`,
  `projector port: ${String(config.projectorPort)}`,
  `relay port: ${String(config.relayPort)}`,
  `trusted proxies: ${config.trustedProxies ?? 'none'}`,
  `data directory: ${config.dataDir}`,
  `database: ${config.databaseUrl === undefined ? 'embedded Postgres' : withoutPassword(config.databaseUrl)}`,
  `event log: ${config.eventStoreUrl === undefined ? 'in the database' : masked(config.eventStoreUrl)}`,
  `transport to projections: ${config.kafkaBrokers === undefined ? 'direct' : `Kafka at ${config.kafkaBrokers}`}`,
  `partitions of the event topic: ${String(config.eventPartitions)}, when it has to be made`,
  `hot state: ${config.redisUrl === undefined ? 'in each process' : masked(config.redisUrl)}`,
  `order book: ${config.orderBookCacheMs === 0 ? 'never from the cache' : `from the cache for at most ${String(config.orderBookCacheMs)} ms`}`,
  `log level: ${config.logLevel}`,
  `token secret: ${config.jwtSecret === undefined ? 'generated' : 'from JWT_SECRET'}`,
  `keys of credentials: ${config.credentialsKeys === undefined ? 'generated' : 'from CREDENTIALS_KEYS'}`,
  `brokers: ${configurableBrokers.map((broker) => `${broker} at ${(config.brokerUrls[broker] ?? 'real').replace(/^real$/, 'its real hosts')}`).join(', ')}`,
  `broker calls: at most ${String(config.brokerTimeoutMs)} ms`,
  `an order is absent: ${config.brokerSettleMs === undefined ? 'when its broker can be sure' : `after ${String(config.brokerSettleMs)} ms`}`,
  `books of the brokers: compared every ${String(config.reconcileMs)} ms`,
  `broker simulator: port ${String(config.brokerSimPort)} and the four after it`,
  `idempotency window: ${String(config.idempotencyWindowSec)} s`,
  `orders per batch: at most ${String(config.maxOrdersPerBatch)}`,
  `paper prices: one tick per ${String(config.paperTickMs)} ms from ${config.pricesFile ?? 'the repository'}`,
  `files of the day: ${config.referenceFiles?.join(', ') ?? 'the repository'}`,
  `recorded day: replayed from ${clockTime(config.replayHours.fromMinute)} to ${clockTime(config.replayHours.untilMinute)} IST`,
  `instruments: ${masked(config.instrumentsFile?.replace(/\?.*$/, '') ?? 'the repository')}`,
  `shutdown: at most ${String(config.shutdownTimeoutMs)} ms`,
];

/**
 * The secret that signs access tokens: `JWT_SECRET`, or else the one in `secrets.json` of the data directory, which
 * is made at the first start and readable by its owner only. Processes that start at once agree on one secret.
 * @throws ConfigError when the file cannot be made or read, or does not hold a secret.
 */
export const jwtSecretOf = (config: Pick<Config, 'jwtSecret' | 'dataDir'>): string =>
  config.jwtSecret ??
  generatedOnce(config.dataDir, 'secrets.json', {
    variable: 'JWT_SECRET',
    generate: () => ({ jwtSecret: randomBytes(48).toString('base64url') }),
    read: (stored) => textOf(stored, 'jwtSecret', (secret) => (secret.length < 32 ? undefined : secret)),
  });

/**
 * The keys that seal credentials of brokers, the one for new seals first: those of `CREDENTIALS_KEYS`, or else the one in
 * `credentials-key.json` of the data directory, made like the secret above. Whoever loses it has to log in to the
 * brokers again.
 * @throws ConfigError when the file cannot be made or read, or does not hold a key.
 */
export const credentialsKeysOf = (
  config: Pick<Config, 'credentialsKeys' | 'dataDir'>,
): readonly [CredentialsKey, ...CredentialsKey[]] => {
  const given = config.credentialsKeys === undefined ? undefined : readKeys(config.credentialsKeys);
  return (
    given ??
    generatedOnce(config.dataDir, 'credentials-key.json', {
      variable: 'CREDENTIALS_KEYS',
      // A name of its own: what another system's key has sealed is told from what was tampered with.
      generate: () => ({
        credentialsKey: `generated-${randomBytes(4).toString('hex')}:${randomBytes(KEY_BYTES).toString('base64')}`,
      }),
      read: (stored) => textOf(stored, 'credentialsKey', readKeys),
    })
  );
};

/** The hours of continuous trading, the shortest of all segments and days on record. */
const REPLAY_HOURS = { fromMinute: 9 * 60 + 15, untilMinute: 15 * 60 + 30 };

/** `undefined` for what is no window within one day. */
const readHours = (text: string): { fromMinute: number; untilMinute: number } | undefined => {
  const [, ...parts] = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  const [h1 = 0, m1 = 0, h2 = 0, m2 = 0] = parts.map(Number);
  const found = { fromMinute: h1 * 60 + m1, untilMinute: h2 * 60 + m2 };
  return parts.length === 4 && found.fromMinute < found.untilMinute ? found : undefined;
};

const clockTime = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

const KEY_BYTES = 32;

/** `undefined` for what is no list of keys. */
const readKeys = (list: string): readonly [CredentialsKey, ...CredentialsKey[]] | undefined => {
  const keys = list.split(',').flatMap((entry): CredentialsKey[] => {
    const [, id, base64] = /^([\w.-]{1,64}):([A-Za-z0-9+/]{43}=?)$/.exec(entry) ?? [];
    return id === undefined || base64 === undefined ? [] : [{ id, key: Buffer.from(base64, 'base64') }];
  });
  const [first, ...others] = keys;
  const areAllRead = keys.length === list.split(',').length && keys.every(({ key }) => key.length === KEY_BYTES);
  const areDifferent = new Set(keys.map(({ id }) => id)).size === keys.length;
  return first && areAllRead && areDifferent ? [first, ...others] : undefined;
};

interface Generated<Value> {
  /** What can be set instead. */
  readonly variable: string;
  readonly generate: () => Readonly<Record<string, string>>;
  /** `undefined` when it is not what was generated. */
  readonly read: (stored: unknown) => Value | undefined;
}

const generatedOnce = <Value>(dataDir: string, name: string, kind: Generated<Value>): Value => {
  const file = join(dataDir, name);
  const refuse = (reason: string): never => {
    throw new ConfigError(`${file} cannot be used: ${reason}. Repair or remove it, or set ${kind.variable}`);
  };
  const read = (): Value | undefined => {
    const content = contentOf(file);
    return content === undefined ? undefined : (kind.read(JSON.parse(content)) ?? refuse('it holds no usable secret'));
  };
  try {
    mkdirSync(dataDir, { recursive: true });
    const known = read();
    if (known !== undefined) return known;
    createOnce(file, kind.generate());
    return read() ?? refuse('it has vanished');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // What cannot be parsed is a secret all the same: the reason must not quote it.
    return refuse(error instanceof SyntaxError ? 'it holds no usable secret' : String(error));
  }
};

/** Writes the whole file under another name first and links it: whoever comes second keeps the first one's secret. */
const createOnce = (file: string, secrets: Readonly<Record<string, string>>): void => {
  const draft = `${file}.${String(process.pid)}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(secrets)}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft);
  }
};

const contentOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

const textOf = <Value>(
  stored: unknown,
  field: string,
  read: (text: string) => Value | undefined,
): Value | undefined => {
  const text: unknown = typeof stored === 'object' && stored !== null ? Reflect.get(stored, field) : undefined;
  return typeof text === 'string' ? read(text) : undefined;
};

const hasCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;

/** The grammar of `parseBrokers`, which makes connections of them. */
const isBroker = (value: string): boolean => {
  const port = Number(/^(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(value)?.[1]);
  return port > 0 && port < 65_536;
};

const isPostgresUrl = (value: string): boolean =>
  URL.canParse(value) && ['postgres:', 'postgresql:'].includes(new URL(value).protocol);

/** A file as an absolute path; what is on another machine stays as it is. */
const fileOrUrl = (value: string): string => (/^https?:\/\//i.test(value) ? value : resolve(value));

const isBaseUrl = (value: string): boolean => {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && username + password + search + hash === '';
};

const withoutPassword = (databaseUrl: string): string => {
  const url = new URL(databaseUrl);
  if (url.password !== '') url.password = '***';
  // `?password=` and the like are accepted by Postgres clients too.
  return url.href.replace(url.search, '');
};

const isProxy = (proxy: string): boolean => {
  const [address = '', bits, ...more] = proxy.split('/');
  if (['loopback', 'linklocal', 'uniquelocal'].includes(proxy)) return true;
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    longest > 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest))
  );
};

/** For URLs that name several hosts, which `URL` does not read. */
const masked = (url: string): string => url.replace(/\/\/([^:/@?]*):[^?]*@/, '//$1:***@');

/**
 * The database of a process that has no embedded one.
 * @throws ConfigError when none is configured.
 */
export const requireDatabaseUrl = ({ databaseUrl }: Pick<Config, 'databaseUrl'>): string => {
  if (databaseUrl === undefined)
    throw new ConfigError('DATABASE_URL must be set: the embedded database belongs to `npm start`');
  return databaseUrl;
};

const quoted = (value: string): string => JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
