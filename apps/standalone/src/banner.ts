import { dirname } from 'node:path';
import type { DemoConnections } from './demo-connections';
import type { DemoCredentials } from './demo-trader';

export interface Ready {
  /** Where orders are placed, `http://127.0.0.1:3000`. */
  readonly commandUrl: string;
  /** Where they are read. */
  readonly queryUrl: string;
  /** Absolute path of `demo-credentials.json`, which lies in the data directory. */
  readonly credentialsFile: string;
  /** What of the credentials may be shown: the password and the API key stay in their file. */
  readonly credentials: Pick<DemoCredentials, 'email' | 'accountId'>;
  /** Absent where no broker is simulated. */
  readonly connections?: DemoConnections | undefined;
}

/**
 * What `npm start` tells the person at the terminal once everything runs: where things are, and a first order that works
 * when it is pasted into a shell as it stands. Plain text that ends with a line break.
 */
export const banner = ({ commandUrl, queryUrl, credentialsFile, credentials, connections }: Ready): string => {
  const apiKey = `X-Api-Key: $(node -p 'require(process.argv[1]).apiKey' ${quoted(credentialsFile)})`;
  return `
The Coordinator is ready.

  place orders   ${commandUrl}/v2/orders
  order book     ${queryUrl}/v2/orders
  API            ${commandUrl}/docs  ${queryUrl}/docs
  health         ${commandUrl}/health/ready  ${queryUrl}/health/ready
  demo trader    ${credentials.email}, paper account ${credentials.accountId}
  credentials    ${credentialsFile}
${connections === undefined ? '' : brokersOf(connections)}
Your first order, from another terminal:

  curl -sS ${quoted(`${commandUrl}/v2/orders`)} \\
    -H "${apiKey}" \\
    -H "Idempotency-Key: $(node -p 'crypto.randomUUID()')" \\
    -H 'Content-Type: application/json' -w '\\n' \\
    -d '${FIRST_ORDER}'

and the order book:

  curl -sS ${quoted(`${queryUrl}/v2/orders`)} -w '\\n' \\
    -H "${apiKey}"

Ctrl-C stops everything; the data stays in ${dirname(credentialsFile)}
`;
};

const brokersOf = ({ accountId, brokers, simUrl }: DemoConnections): string => `
  live account   ${accountId}, connected to simulated brokers: ${brokers.join(', ')}
  simulator      ${simUrl}/_sim  (name the account and a broker: "accountId":"${accountId}","broker":"${String(brokers[0])}")
`;

const FIRST_ORDER = JSON.stringify({
  symbol: 'NSE:RELIANCE',
  side: 'BUY',
  product: 'CNC',
  orderType: 'MARKET',
  quantity: 10,
});

/** One word for a POSIX shell, quoted only where it must be. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
