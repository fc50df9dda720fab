import { figure, type Measure, ratio } from '../report';
import type { LoadShape, Stage } from '../stage';

const CONNECTIONS = 64;
const PAGE = 50;

/** A page of the order book, beside a bare handler that selects the same rows. */
export const read = async (stage: Stage): Promise<Measure> => {
  const load: LoadShape = {
    connections: CONNECTIONS,
    requests: { kind: 'book', accounts: stage.accounts, limit: PAGE },
  };
  const ceiling = await stage.run('bare handler', stage.bare, load);
  const ours = await stage.run('order book', stage.query, load);
  return {
    name: 'read',
    title: 'GET /v2/orders?limit=50',
    figures: [
      figure('pages', ours.perSec, '/s'),
      figure('p50', ours.latencies.p50Ms, 'ms'),
      figure('p99', ours.latencies.p99Ms, 'ms'),
      figure('size of a page', ours.bodyBytes, 'bytes'),
      figure('bare pages', ceiling.perSec, '/s'),
      figure('p99 of bare pages', ceiling.latencies.p99Ms, 'ms'),
      figure('size of a bare page', ceiling.bodyBytes, 'bytes'),
      ratio('ratio to the bare handler', ours.perSec, ceiling.perSec, { atLeast: 0.6 }),
    ],
    costs: [ceiling.cost, ours.cost],
  };
};
