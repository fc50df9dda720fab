import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { banner } from './banner';

const credentials = {
  email: 'demo-0a1b2c@coordinator.example',
  password: 'correct horse battery staple',
  apiKey: 'ck_live_0123456789',
  accountId: '3f0a2c51-6f0e-4e8e-9f0e-1f2a3b4c5d6e',
};

const shown = (credentialsFile: string): string =>
  banner({
    commandUrl: 'http://127.0.0.1:3000',
    queryUrl: 'http://127.0.0.1:3001',
    credentialsFile,
    credentials,
  });

/** The commands between the lines of prose, as somebody would select them. */
const commandsIn = (text: string): readonly string[] => text.split('\n\n').filter((part) => part.startsWith('  curl '));

/** What `curl` would have been called with, one argument a line. */
const argumentsOf = (command: string): readonly string[] =>
  execFileSync('bash', ['-c', `curl() { printf '%s\\n' "$@"; }\n${command}`], { encoding: 'utf8', timeout: 20_000 })
    .trim()
    .split('\n');

describe('the banner', () => {
  let folder: string;
  let credentialsFile: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "it's a $HOME "));
    credentialsFile = join(folder, 'demo-credentials.json');
    writeFileSync(credentialsFile, JSON.stringify(credentials));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('says where everything is', () => {
    const text = shown('/srv/.data/demo-credentials.json');
    for (const place of [
      'The Coordinator is ready.',
      'http://127.0.0.1:3000/v2/orders',
      'http://127.0.0.1:3001/v2/orders',
      'http://127.0.0.1:3000/docs',
      'http://127.0.0.1:3001/docs',
      'http://127.0.0.1:3000/health/ready',
      'http://127.0.0.1:3001/health/ready',
      credentials.email,
      credentials.accountId,
      '/srv/.data/demo-credentials.json',
    ])
      expect(text).toContain(place);
  });

  it('shows neither the password nor the API key', () => {
    const text = shown(credentialsFile);
    expect(text).not.toContain(credentials.password);
    expect(text).not.toContain(credentials.apiKey);
  });

  it('prints a first order that bash understands, wherever the credentials lie', () => {
    const [order] = commandsIn(shown(credentialsFile));
    const told = argumentsOf(order ?? '');
    expect(told).toContain('http://127.0.0.1:3000/v2/orders');
    expect(told).toContain(`X-Api-Key: ${credentials.apiKey}`);
    expect(told).toContain('Content-Type: application/json');
    expect(JSON.parse(told[told.indexOf('-d') + 1] ?? '')).toEqual({
      symbol: 'NSE:RELIANCE',
      side: 'BUY',
      product: 'CNC',
      orderType: 'MARKET',
      quantity: 10,
    });
  });

  it('makes another order each time the first one is pasted', () => {
    const [order] = commandsIn(shown(credentialsFile));
    const keyOf = () => argumentsOf(order ?? '').find((argument) => argument.startsWith('Idempotency-Key: '));
    const first = keyOf();
    expect(first).toMatch(/^Idempotency-Key: [0-9a-f-]{36}$/);
    expect(keyOf()).not.toBe(first);
  });

  it('prints a command for the order book that stands alone', () => {
    const [, book] = commandsIn(shown(credentialsFile));
    const told = argumentsOf(book ?? '');
    expect(told).toContain('http://127.0.0.1:3001/v2/orders');
    expect(told).toContain(`X-Api-Key: ${credentials.apiKey}`);
  });

  it('is plain text without colours', () => {
    expect(shown(credentialsFile)).toMatch(/^[\n\x20-\x7E]+$/);
  });
});
