import { loadInstruments } from '#instruments/load';
import { SearchIndex } from '#instruments/search';
import { answerQuestions, hasFields } from './child';
import type { MasterFigures, MasterWork } from './master';

/** What traders type: each is searched after every letter. */
const QUERIES = [
  ...[
    'reliance',
    'hdfc bank',
    'tata motors',
    'infosys ltd',
    'state bank of india',
    'bajaj-auto',
    'm&m',
    'icici prudential',
  ],
  ...['nifty 26000ce', 'NIFTY 27 JAN 26000 CE', 'banknifty fut', 'NIFTY26JANFUT', 'bank nifty', 'sensex 85000 pe'],
  ...['gold fut feb', 'usdinr 90 ce', 'crudeoil 5000 pe', 'INE002A01018', '2885', 'NSE:SBIN'],
];
const TURNS = 20;
const LIMIT = 20;

const work = async ({ kind, file, day }: MasterWork): Promise<MasterFigures> => {
  const startedAt = performance.now();
  const { instruments, summary } = await loadInstruments(file, { validFrom: day });
  const loadedAt = performance.now();
  if (kind === 'load') return figuresOf(summary.rows, loadedAt - startedAt, []);
  const index = await SearchIndex.build(instruments);
  const buildMs = performance.now() - loadedAt;
  const durationsMs: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1)
    for (const query of QUERIES)
      for (let length = 1; length <= query.length; length += 1) {
        const askedAt = performance.now();
        index.search(query.slice(0, length), { limit: LIMIT, date: day });
        durationsMs.push(performance.now() - askedAt);
      }
  return figuresOf(index.size, buildMs, durationsMs);
};

const figuresOf = (rows: number, ms: number, durationsMs: readonly number[]): MasterFigures => ({
  rows,
  seconds: ms / 1_000,
  peakRssMb: process.resourceUsage().maxRSS / 1_024,
  durationsMs,
});

answerQuestions(hasFields<MasterWork>('kind', 'file', 'day'), work);
