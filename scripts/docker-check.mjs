/**
 * `npm run docker:check`: what can be said about docker/ without an engine. Compose reads its files itself (the plugin, or
 * the docker-compose of the system); versions are pinned, paths exist, secrets have no value, nothing runs as root.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KAFKA_VERSION } from './infra/kafka.mjs';
import { root, SetupError, withSetup } from './setup.mjs';

const COMMAND_TIMEOUT_MS = 60_000;
const SETS = [['compose.yaml'], ['compose.yaml', 'compose.ports.yaml'], ['compose.yaml', 'compose.scale.yaml']];
const FILES = [...new Set(SETS.flat())];
/** What must be said from outside, and must not be guessed. */
const SECRETS = ['CREDENTIALS_KEYS', 'JWT_SECRET', 'POSTGRES_PASSWORD'];

const complaints = [];
const complain = (where, what) => complaints.push(`${where}: ${what}`);
const read = (file) => readFileSync(join(root, 'docker', file), 'utf8');
const run = (program, args, environment = {}) =>
  spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
  });

/* ------------------------------------------------------------------------------------------------------ compose */

const findCompose = () => {
  const candidates = [['docker', 'compose'], ['docker-compose']];
  const found = candidates.find(([program, ...args]) => run(program, [...args, 'version']).status === 0);
  if (found) return found;
  throw new SetupError("Docker Compose is missing: install its plugin (or Debian's package docker-compose)");
};

const checkCompose = () => {
  const [program, ...prefix] = findCompose();
  // Not what a developer has in docker/.env.
  const config = (files, environment) =>
    run(
      program,
      [
        ...prefix,
        '--env-file',
        join('docker', '.env.example'),
        ...files.flatMap((file) => ['-f', join('docker', file)]),
        'config',
      ],
      environment,
    );
  const secrets = Object.fromEntries(SECRETS.map((name) => [name, 'x'.repeat(40)]));
  for (const files of SETS) {
    const { status, stderr, error } = config(files, secrets);
    if (status !== 0) complain(files.join(' + '), error?.message ?? stderr.trim());
    for (const secret of SECRETS)
      if (config(files, { ...secrets, [secret]: '' }).status === 0)
        complain(files.join(' + '), `is content without ${secret}`);
  }

  for (const file of FILES) {
    const text = read(file);
    for (const [, image] of text.matchAll(/^\s*image:\s*(\S+)/gm))
      if (!image.startsWith('coordinator:') && !isPinned(image)) complain(file, `${image} is not pinned to a version`);
    for (const [, app] of text.matchAll(/dist\/apps\/(\w+)\/src\/main\.js/g)) checkApp(file, app);
    for (const [, path] of text.matchAll(/^\s*- (\.\.?\/[^:]+):/gm))
      if (!existsSync(join(root, 'docker', path))) complain(file, `${path} does not exist`);
  }
  if (!read('compose.yaml').includes(`image: apache/kafka:${KAFKA_VERSION}\n`))
    complain(
      'compose.yaml',
      `its Kafka is not ${KAFKA_VERSION}, which scripts/infra/kafka.mjs runs and the tests prove`,
    );

  const example = new Map([...read('.env.example').matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, ...entry]) => entry));
  const used = FILES.flatMap((file) => [...read(file).matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name));
  for (const name of new Set(used)) if (!example.has(name)) complain('.env.example', `does not tell of ${name}`);
  for (const name of SECRETS)
    if (example.get(name) !== '') complain('.env.example', `${name} must be there, and empty`);
};

/** Both parts of a version at least; `latest`, `18` and the like are another program tomorrow. */
const isPinned = (image) => /:v?\d+\.\d+[\w.-]*$/.test(image) || /@sha256:[0-9a-f]{64}$/.test(image);

const checkApp = (where, app) => {
  if (!existsSync(join(root, 'apps', app, 'src/main.ts'))) complain(where, `there is no apps/${app}/src/main.ts`);
};

/* --------------------------------------------------------------------------------------------------- Dockerfile */

const checkDockerfile = () => {
  const instructions = read('Dockerfile')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => line.split(/\s+/));
  const allowed = read('Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const stages = new Set();
  let user;
  for (const [instruction, ...args] of instructions) {
    if (instruction === 'FROM') {
      if (!isPinned(args[0])) complain('Dockerfile', `${args[0]} is not pinned to a version`);
      if (args[1] === 'AS') stages.add(args[2]);
      user = undefined;
    }
    if (instruction === 'USER') user = args[0];
    if (instruction === 'COPY' && args[0].startsWith('--from=')) {
      const stage = args[0].slice('--from='.length);
      if (!stages.has(stage)) complain('Dockerfile', `copies from ${stage}, which is no stage before it`);
    } else if (instruction === 'COPY') {
      for (const source of args.slice(0, -1)) {
        if (!existsSync(join(root, source))) complain('Dockerfile', `copies ${source}, which does not exist`);
        if (!allowed.some((path) => source === path || source.startsWith(`${path}/`)))
          complain('Dockerfile.dockerignore', `hides ${source}, which the Dockerfile copies`);
      }
    }
  }
  if (user === undefined || user === 'root' || user === '0') complain('Dockerfile', 'its programs run as root');
  if (!instructions.some(([instruction]) => instruction === 'HEALTHCHECK'))
    complain('Dockerfile', 'has no HEALTHCHECK');
  for (const [, app] of read('Dockerfile').matchAll(/"dist\/apps\/(\w+)\/src\/main\.js"/g)) checkApp('Dockerfile', app);

  const { error, status, stdout } = run('hadolint', ['--no-color', join('docker', 'Dockerfile')]);
  if (error?.code === 'ENOENT') console.error('hadolint is not installed: the Dockerfile is checked without it');
  else if (status !== 0) complain('Dockerfile', `hadolint: ${error?.message ?? stdout.trim()}`);
};

await withSetup(() => {
  checkCompose();
  checkDockerfile();
  if (complaints.length > 0) throw new SetupError(complaints.join('\n'));
  console.log(`docker/: ${FILES.length} compose files and the Dockerfile are in order`);
});
