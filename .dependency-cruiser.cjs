/**
 * The boundaries of the house, each as a sentence. When one complains, the design is talking.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */

/** Specs, contracts and stories may reach further than the code they prove. */
const proof = '\\.(spec|contract|story)\\.ts$|^test/';

module.exports = {
  forbidden: [
    {
      name: 'the-domain-is-pure',
      comment: 'The domain imports only the domain and its persistent maps: no Node, no framework, no clock.',
      severity: 'error',
      from: { path: '^libs/domain/src', pathNot: proof },
      to: { pathNot: '^libs/domain/src|^node_modules/immutable/' },
    },
    {
      name: 'libs-lie-below-apps',
      comment: 'A library never imports an app, nor a test.',
      severity: 'error',
      from: { path: '^libs', pathNot: proof },
      to: { path: '^(apps|test)/' },
    },
    {
      name: 'one-app-never-imports-another',
      comment: 'Only the standalone process puts apps together; a controller of one app is no library of another.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: ['^apps/standalone/', proof] },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'the-event-log-knows-nobody',
      comment: 'The event log stores events of any kind: of our other libraries it knows only what a decider is.',
      severity: 'error',
      from: { path: '^libs/event-log/', pathNot: proof },
      to: { path: '^libs/', pathNot: '^libs/(event-log/|domain/src/decider\\.ts$)' },
    },
    {
      name: 'messaging-knows-only-the-event-log',
      comment: 'A transport carries what the log recorded, whatever it is: it knows no order and serves no HTTP.',
      severity: 'error',
      from: { path: '^libs/messaging/', pathNot: proof },
      to: { path: '^libs/', pathNot: '^libs/(messaging/|event-log/src/event-log\\.ts$)' },
    },
    {
      name: 'instruments-know-only-the-domain',
      comment: 'Loading and finding instruments needs the words of the domain and nothing else of ours.',
      severity: 'error',
      from: { path: '^libs/instruments/', pathNot: proof },
      to: { path: '^libs/', pathNot: '^libs/(instruments|domain)/' },
    },
    {
      name: 'brokers-know-only-the-domain-and-instruments',
      comment: 'A broker adapter translates orders: it neither stores events nor serves HTTP.',
      severity: 'error',
      from: { path: '^libs/brokers/', pathNot: proof },
      to: { path: '^libs/', pathNot: '^libs/(brokers|instruments|domain)/' },
    },
    {
      name: 'read-models-fold-domain-events',
      comment: 'A read model knows the events of the domain and the shape in which the log recorded them.',
      severity: 'error',
      from: { path: '^libs/read-models/', pathNot: proof },
      to: { path: '^libs/', pathNot: '^libs/(read-models|domain)/|^libs/event-log/src/event-log\\.ts$' },
    },
    {
      name: 'the-platform-serves-every-app-alike',
      comment: 'Configuration, identity, logs and HTTP know nothing of orders.',
      severity: 'error',
      from: { path: '^libs/platform/', pathNot: proof },
      to: { path: '^libs/', pathNot: '^libs/platform/' },
    },
    {
      name: 'the-framework-stays-at-the-edge',
      comment: 'Nest and Fastify belong to apps and to the platform; the other libraries are plain TypeScript.',
      severity: 'error',
      from: { path: '^libs/', pathNot: ['^libs/platform/', proof] },
      to: { path: 'node_modules/(@nestjs|@fastify|fastify)/' },
    },
    {
      name: 'the-read-side-never-calls-a-broker',
      comment: 'What is read was recorded: neither projections nor queries ask a broker.',
      severity: 'error',
      from: { path: '^(apps/(query|projector)|libs/read-models)/', pathNot: proof },
      to: { path: '^libs/brokers/' },
    },
    {
      name: 'the-read-side-never-writes',
      comment:
        'Only the write side appends: read-decide-append (`execute`) is out of reach of projections and queries.',
      severity: 'error',
      from: { path: '^(apps/(query|projector)|libs/read-models)/', pathNot: proof },
      to: { path: '^libs/event-log/src/execute\\.ts$' },
    },
    {
      name: 'queries-read-tables-not-the-log',
      comment: 'A query may know the shape of an event, but holds no event log: whoever holds one can append.',
      severity: 'error',
      from: { path: '^apps/query/', pathNot: ['\\.module\\.ts$', proof] },
      to: { path: '^libs/event-log/', pathNot: '^libs/event-log/src/event-log\\.ts$' },
    },
    {
      name: 'the-write-side-reads-no-read-model',
      comment:
        'A decision rests on streams, never on a projection that may lag. The module alone takes the to-do list from there.',
      severity: 'error',
      from: {
        path: '^(apps/command|libs/(domain|event-log|brokers|instruments))/',
        pathNot: [proof, '^apps/command/src/(command\\.module|main)\\.ts$'],
      },
      to: { path: '^libs/read-models/' },
    },
    {
      name: 'adapters-are-chosen-in-modules',
      comment: 'Only a module, a main file or a command names an event log or a transport; all others hold the port.',
      severity: 'error',
      from: {
        path: '^(apps|libs)/',
        pathNot: [
          '(\\.module|/main|/rebuild|/migrations)\\.ts$',
          '/bench/',
          '^libs/(event-log|messaging)/|/hot-state-',
          proof,
        ],
      },
      to: {
        path: '^libs/(event-log/src/(postgres|eventstore)|messaging/src/(direct|kafka|parking|relay-checkpoint)|platform/src/hot-state-)',
      },
    },
    {
      name: 'one-event-log-never-imports-another',
      comment: 'Each adapter of the event log stands alone, and the port knows none of them.',
      severity: 'error',
      from: { path: '^libs/event-log/src/([^/]+)', pathNot: ['\\.module\\.ts$', proof] },
      to: { path: '^libs/event-log/src/[^/]+/', pathNot: '^libs/event-log/src/$1/' },
    },
    {
      name: 'one-broker-never-imports-another',
      comment: 'Each broker folder stands alone: what two of them share moves up.',
      severity: 'error',
      from: { path: '^libs/brokers/src/([^/]+)/' },
      to: { path: '^libs/brokers/src/[^/]+/', pathNot: '^libs/brokers/src/$1/' },
    },
    {
      name: 'no-circles',
      comment: 'Two files that need each other are one file, or miss a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that imports nobody is forgotten, or not yet finished.',
      severity: 'error',
      from: { orphan: true, path: '^(apps|libs|test)/', pathNot: ['/main\\.ts$', '\\.d\\.ts$', proof] },
      to: {},
    },
    {
      name: 'production-code-uses-no-dev-dependency',
      comment: 'What runs in production is listed under dependencies.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: proof },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'every-library-is-listed',
      comment: 'A package that happens to be installed because another one needs it may vanish tomorrow.',
      severity: 'error',
      from: { path: '^(apps|libs|test)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'every-import-exists',
      comment: 'An import that cannot be resolved is checked by no other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // `#domain/*` and its like: package.json `imports`, whose `types` condition names the source.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'require', 'node', 'default'],
      mainFields: ['main', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
