/**
 * A real Kafka without containers: Apache Kafka's own jars, resolved by Maven into a cache, run as one KRaft node.
 *
 *   node scripts/infra/kafka.mjs fetch                                  fills the cache
 *   node scripts/infra/kafka.mjs find --json                            { libs, java } or { missing }
 *   node scripts/infra/kafka.mjs run --dir DIR [--port N] [--json]      a broker until SIGTERM, or until who started it is gone
 */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SetupError } from '../setup.mjs';
import { asProgram, firstComplaint, portFrom, runServer, startServer, stopServerIn } from './servers.mjs';

/** The container of docker/compose.yaml is of the same version. */
export const KAFKA_VERSION = '3.9.2';
const SLF4J_VERSION = '1.7.36'; // the API that this Kafka is built with

const JAVA_MIN = 17;
const FETCH_TIMEOUT_MS = 600_000;
const FORMAT_TIMEOUT_MS = 60_000;
/** A broker is ready in some 4 s on a quiet machine; after a kill it first reads its segments again. */
const READY_TIMEOUT_MS = 120_000;
/** Of a metadata request. */
const ANSWER_TIMEOUT_MS = 2_000;
/** An abandoned download this old belongs to nobody. */
const DRAFT_AGE_MAX_MS = 3_600_000;

/* --------------------------------------------------------------------------------------------------- the jars */

const cacheDir = () => resolve(process.env.COORDINATOR_CACHE || join(homedir(), '.cache/coordinator'));
const libsDir = () => join(cacheDir(), `kafka-${KAFKA_VERSION}`);

/** `{ libs, java }`: the folder of the jars and the program that runs them; undefined when one is missing. */
export const findKafka = () => {
  const found = lookForKafka();
  return 'missing' in found ? undefined : found;
};

/** What is missing and how to get it, in one line; undefined when Kafka can be started. */
export const whyNoKafka = () => lookForKafka().missing;

/**
 * Puts the jars into the cache unless they are there. The folder appears complete or not at all; of two that fetch at
 * once, the later one keeps what the first has made.
 * @throws SetupError when Java or Maven is missing, or Maven cannot get them.
 */
export const fetchKafka = () => {
  const libs = libsDir();
  const java = findJava();
  if (java.missing) throw new SetupError(java.missing);
  if (isComplete(libs)) return { libs, java: java.path };

  console.error(`Fetching Apache Kafka ${KAFKA_VERSION} (Maven) …`);
  mkdirSync(cacheDir(), { recursive: true });
  removeOldDrafts();
  const draft = mkdtempSync(join(cacheDir(), 'draft-kafka-'));
  try {
    writeFileSync(join(draft, 'pom.xml'), POM);
    const { status, error, stdout } = spawnSync(
      'mvn',
      ['--quiet', '--batch-mode', 'dependency:copy-dependencies', `-DoutputDirectory=${join(draft, 'libs')}`],
      { cwd: draft, encoding: 'utf8', timeout: FETCH_TIMEOUT_MS, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (error?.code === 'ENOENT') throw new SetupError("Maven is missing: install it (Debian's package maven)");
    if (error !== undefined) throw new SetupError(`Maven could not fetch Kafka: ${error.message}`);
    if (status !== 0) throw new SetupError(`Maven could not fetch Kafka: ${firstErrorOf(stdout)}`);

    const jars = readdirSync(join(draft, 'libs')).map((name) => [name, statSync(join(draft, 'libs', name)).size]);
    writeFileSync(join(draft, 'libs', LIST), JSON.stringify(Object.fromEntries(jars)));
    // What stands there although it is not complete has been damaged since: nobody else would repair it.
    if (existsSync(libs) && !isComplete(libs)) renameSync(libs, join(draft, 'damaged'));
    try {
      renameSync(join(draft, 'libs'), libs);
    } catch (error) {
      if (!isComplete(libs)) throw error; // else another one was first
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return { libs, java: java.path };
};

const LIST = 'jars.json';

const isComplete = (libs) => {
  if (!existsSync(join(libs, LIST))) return false;
  const jars = Object.entries(JSON.parse(readFileSync(join(libs, LIST), 'utf8')));
  return jars.every(([name, bytes]) => statSync(join(libs, name), { throwIfNoEntry: false })?.size === bytes);
};

const removeOldDrafts = () => {
  for (const name of readdirSync(cacheDir()).filter((entry) => entry.startsWith('draft-kafka-'))) {
    const path = join(cacheDir(), name);
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (changedMs < Date.now() - DRAFT_AGE_MAX_MS) rmSync(path, { recursive: true, force: true });
  }
};

const firstErrorOf = (output) =>
  /^\[ERROR\] (.*?)(?: -> \[Help.*)?$/m.exec(output)?.[1]?.trim() ?? 'it ended without a word';

const dependency = (group, name, version) =>
  `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>coordinator</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    ${dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION)}
    ${dependency('org.slf4j', 'slf4j-simple', SLF4J_VERSION)}
  </dependencies>
</project>
`;

const lookForKafka = () => {
  const java = findJava();
  if (java.missing) return { missing: java.missing };
  const libs = libsDir();
  if (isComplete(libs)) return { libs, java: java.path };
  return { missing: `Kafka ${KAFKA_VERSION} is not in ${cacheDir()}: run \`npm run infra:fetch\`` };
};

/** Java does not change while a program runs. */
const findJava = () => (javaFound ??= lookForJava());
let javaFound;

const lookForJava = () => {
  const path = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin/java') : 'java';
  const { stderr, error } = spawnSync(path, ['-version'], { encoding: 'utf8', timeout: 30_000 });
  const howTo = `Kafka needs Java ${JAVA_MIN} or newer: install it (Debian's package openjdk-17-jre-headless)`;
  if (error !== undefined) return { missing: howTo };
  const major = Number(/version "(\d+)/.exec(stderr)?.[1]);
  return major >= JAVA_MIN ? { path } : { missing: `${howTo}; ${path} is ${major || 'of an unknown version'}` };
};

/* ------------------------------------------------------------------------------------------------- the broker */

/**
 * Starts a broker on 127.0.0.1, or takes over the one that runs in `dataDir`, and resolves once it answers a metadata
 * request. What else is in that folder, and what becomes of the broker: see `startServer`.
 *
 * @param {{ dataDir: string, port?: number, controllerPort?: number, outlive?: boolean }} options
 * @returns {Promise<{ brokers: string, port: number, pid: number, startedAt: string, exited(): Promise<void>,
 *   stop(): Promise<void>, kill(): Promise<void> }>}
 * @throws SetupError in one line.
 */
export const startKafka = async ({ dataDir, port, controllerPort, outlive = false }) => {
  const kafka = lookForKafka();
  if (kafka.missing) throw new SetupError(kafka.missing);
  const home = resolve(dataDir);
  mkdirSync(home, { recursive: true });
  format(kafka, home);
  const broker = await startServer({
    ...identityOf(home),
    ports: { port, controllerPort },
    command: (ports) => {
      writeFileSync(propertiesFile(home), propertiesOf(logDir(home), ports));
      return [kafka.java, ...JVM, ...JVM_BROKER, '-cp', join(kafka.libs, '*'), 'kafka.Kafka', propertiesFile(home)];
    },
    answers,
    readyTimeoutMs: READY_TIMEOUT_MS,
    outlive,
  });
  return { brokers: `127.0.0.1:${broker.port}`, ...broker };
};

/** Stops the broker of this folder, whoever started it. @returns its pid, or undefined when none ran. */
export const stopKafkaIn = (dataDir) => stopServerIn(identityOf(resolve(dataDir)));

const logDir = (home) => join(home, 'log');
const propertiesFile = (home) => join(home, 'server.properties');
const identityOf = (home) => ({ name: 'Kafka', home, mark: `kafka.Kafka ${propertiesFile(home)}` });

/** Gives the storage its cluster id. Under another name first: what bears the name is formatted. */
const format = ({ java, libs }, home) => {
  if (existsSync(logDir(home))) return;
  const draft = mkdtempSync(join(home, 'draft-log-'));
  const properties = join(draft, 'format.properties');
  const storage = join(draft, 'log');
  mkdirSync(storage);
  writeFileSync(properties, propertiesOf(storage, { port: 1, controllerPort: 2 }));
  const clusterId = `k${randomBytes(16).toString('base64url').slice(1)}`; // an id that begins with - is an option
  const { status, error, stderr, stdout } = spawnSync(
    java,
    [
      ...JVM,
      '-Xmx256m',
      '-cp',
      join(libs, '*'),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId,
      '-c',
      properties,
    ],
    { encoding: 'utf8', timeout: FORMAT_TIMEOUT_MS },
  );
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw new SetupError(
      `Kafka's storage could not be made: ${error?.message ?? firstComplaint(`${stdout}\n${stderr}`)}`,
    );
  }
  try {
    renameSync(storage, logDir(home));
  } catch (error) {
    if (!existsSync(logDir(home))) throw error; // else another one was first; the broker itself locks the folder
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
};

const JVM = [
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
];
const JVM_BROKER = ['-Xms256m', '-Xmx512m', '-XX:+ExitOnOutOfMemoryError'];

const propertiesOf = (logDirectory, { port, controllerPort }) =>
  Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': logDirectory,
    // Topics are made on purpose, with the partitions and the retention that they are to have.
    'auto.create.topics.enable': false,
    // One node: nothing to replicate to, nobody to wait for.
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    // After a kill the node must not wait for its own old session.
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 500,
    // Small machines.
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

/** True once the broker names itself in its metadata: then it takes part. */
const answers = async (port) => {
  const { Kafka, logLevel } = (await import('kafkajs')).default;
  const admin = new Kafka({
    brokers: [`127.0.0.1:${port}`],
    connectionTimeout: ANSWER_TIMEOUT_MS,
    requestTimeout: ANSWER_TIMEOUT_MS,
    enforceRequestTimeout: true,
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const { brokers, controller } = await admin.describeCluster();
    return controller !== null && brokers.some((broker) => broker.port === port);
  } catch {
    return false; // not yet; whether it still may, its process and the deadline tell
  } finally {
    await admin.disconnect();
  }
};

/* -------------------------------------------------------------------------------------------- as a program */

const main = async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dir: { type: 'string' },
      port: { type: 'string' },
      'controller-port': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const print = (document, text) => console.log(values.json ? JSON.stringify(document) : text);
  switch (positionals[0]) {
    case 'fetch': {
      const kafka = fetchKafka();
      return print(kafka, `Apache Kafka ${KAFKA_VERSION} in ${kafka.libs}`);
    }
    case 'find': {
      const kafka = lookForKafka();
      return print(kafka, kafka.missing ?? `Apache Kafka ${KAFKA_VERSION} in ${kafka.libs}`);
    }
    case 'run': {
      const { dir, port, 'controller-port': controllerPort } = values;
      if (dir === undefined) throw new SetupError('run needs --dir');
      const options = { dataDir: dir, port: portFrom(port), controllerPort: portFrom(controllerPort) };
      return runServer(
        'Kafka',
        () => startKafka(options),
        ({ brokers, pid }) => print({ brokers, pid }, `Kafka on ${brokers} (process ${pid}); Ctrl-C ends it`),
      );
    }
    default:
      throw new SetupError('usage: node scripts/infra/kafka.mjs fetch | find | run --dir DIR [--port N] [--json]');
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await asProgram(main);
