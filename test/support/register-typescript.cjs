/**
 * Lets a child process of a test run the sources as they are: `node -r register-typescript.cjs file.ts`. Compiles
 * with the compiler Jest uses, and maps `#lib/file` to the source of the library as Jest does.
 */
const { transformFileSync } = require('@swc/core');
const { existsSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const jest = require('../../jest.config.cjs');

const root = path.resolve(__dirname, '../..');
const [, options] = Object.values(jest.transform)[0];

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformFileSync(filename, { ...options, swcrc: false });
  module._compile(code, filename);
};

const resolveAsBefore = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  const library = /^#([^/]+)\/(.*)$/.exec(request);
  const source = library && path.join(root, 'libs', library[1], 'src', `${library[2]}.ts`);
  return source && existsSync(source) ? source : resolveAsBefore(request, ...rest);
};
