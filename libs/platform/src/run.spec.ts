import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(__dirname, '../../..');

interface Outcome {
  readonly code: number | null;
  readonly output: string[];
}

/** Runs `body` as the main file of a process; each line it prints may be answered with a signal. */
const runProcess = (body: string, signals: Readonly<Record<string, NodeJS.Signals>> = {}): Promise<Outcome> =>
  new Promise((done) => {
    const source = `
      const { run } = require('./libs/platform/src/run');
      const say = (text) => process.stderr.write(text + '\\n');
      const idle = () => setInterval(() => undefined, 1000);
      ${body}`;
    const child = spawn(process.execPath, ['-r', './test/support/register-typescript.cjs', '-e', source], {
      cwd: root,
    });
    let text = '';
    const hear = (chunk: Buffer): void => {
      text += chunk.toString();
      for (const line of chunk.toString().split('\n')) {
        const signal = signals[line];
        if (signal !== undefined) child.kill(signal);
      }
    };
    child.stderr.on('data', hear);
    child.on('close', (code) => done({ code, output: text.split('\n').filter((line) => line !== '') }));
  });

describe('a process', () => {
  const twoParts = `
    run(async (onStop) => {
      onStop(async () => say('first part stopped'));
      onStop(async () => say('second part stopped'));
      idle();
      say('ready');
    });`;

  it.each(['SIGTERM', 'SIGINT'] as const)('stops its parts in reverse order on %s and exits with 0', async (signal) => {
    expect(await runProcess(twoParts, { ready: signal })).toEqual({
      code: 0,
      output: ['ready', 'second part stopped', 'first part stopped'],
    });
  });

  it('that fails to start says why in one line and stops what was started', async () => {
    const failed = await runProcess(`
      class PortTaken extends Error { name = 'PortTaken' }
      run(async (onStop) => {
        onStop(async () => say('stopped'));
        idle();
        throw new PortTaken('port 3000 is in use\\nby somebody');
      });`);
    expect(failed).toEqual({ code: 1, output: ['port 3000 is in use; by somebody', 'stopped'] });
  });

  it('shows the stack of an error that only a programmer can put right', async () => {
    const failed = await runProcess(`run(async () => undefined.x);`);
    expect(failed.code).toBe(1);
    expect(failed.output.join('\n')).toMatch(/^TypeError: [^]*\n {4}at /);
  });

  it.each([
    ['an error nobody caught', `setTimeout(() => { throw new Error('lost') })`],
    ['a promise nobody awaited', `Promise.reject(new Error('lost'))`],
  ])('stops in order after %s, and exits with 1', async (_, accident) => {
    const failed = await runProcess(`
      run(async (onStop) => { onStop(async () => say('stopped')); idle(); ${accident}; });`);
    expect(failed.code).toBe(1);
    expect(failed.output[0]).toBe('Error: lost');
    expect(failed.output.at(-1)).toBe('stopped');
  });

  it('told to stop while it starts gets to a point where that is possible first', async () => {
    const body = `
      run(async (onStop) => {
        idle();
        say('starting');
        await new Promise((resolve) => process.once('SIGTERM', resolve));
        onStop(async () => say('stopped'));
        say('started');
      });`;
    expect(await runProcess(body, { starting: 'SIGTERM' })).toEqual({
      code: 0,
      output: ['starting', 'started', 'stopped'],
    });
  });

  it('stops all the same when one part cannot', async () => {
    const body = `
      run(async (onStop) => {
        onStop(async () => say('first part stopped'));
        onStop(() => Promise.reject(Object.assign(new Error('stuck'), { name: 'Stuck' })));
        idle();
        say('ready');
      });`;
    expect(await runProcess(body, { ready: 'SIGTERM' })).toEqual({
      code: 1,
      output: ['ready', 'stuck', 'first part stopped'],
    });
  });

  it('told twice ends at once', async () => {
    const body = `
      run(async (onStop) => {
        onStop(() => { say('stopping'); return new Promise(() => undefined); });
        idle();
        say('ready');
      });`;
    expect(await runProcess(body, { ready: 'SIGTERM', stopping: 'SIGINT' })).toEqual({
      code: 1,
      output: ['ready', 'stopping', 'ended at once'],
    });
  });

  it('told twice in one breath, by a terminal and by npm, stops as if it were told once', async () => {
    const body = `
      run(async (onStop) => {
        onStop(async () => { say('stopping'); await new Promise((resolve) => setTimeout(resolve, 300)); });
        idle();
        say('ready');
      });`;
    expect(await runProcess(body, { ready: 'SIGINT', stopping: 'SIGINT' })).toEqual({
      code: 0,
      output: ['ready', 'stopping'],
    });
  });
});
