import { allAimsMet, type BenchReport, figure, type Measure, ratio, reportTable } from './report';

const measure = (...figures: Measure['figures']): Measure => ({
  name: 'read',
  title: 'The order book',
  figures,
  costs: [],
});

describe('an aim', () => {
  it('is met from its own value on', () => {
    expect(figure('requests', 3_000, '/s', { atLeast: 3_000 }).met).toBe(true);
    expect(figure('requests', 2_999, '/s', { atLeast: 3_000 }).met).toBe(false);
    expect(figure('p99', 5, 'ms', { atMost: 5 }).met).toBe(true);
    expect(figure('p99', 5.01, 'ms', { atMost: 5 }).met).toBe(false);
  });

  it('that nobody set is neither met nor missed', () => expect(figure('p50', 1, 'ms')).not.toHaveProperty('met'));

  it('is judged by the figure as it is shown', () =>
    expect(figure('ratio', 0.59999, '', { atLeast: 0.6 })).toMatchObject({ value: 0.6, met: true }));
});

describe('a figure', () => {
  it('shows three digits, and all of them from a thousand on', () => {
    expect(figure('p99', 4.56789, 'ms').value).toBe(4.57);
    expect(figure('requests', 3_456.7, '/s').value).toBe(3_457);
    expect(figure('requests', 123_456.7, '/s').value).toBe(123_457);
  });
});

describe('a ratio', () => {
  it('is ours over the ceiling', () =>
    expect(ratio('ratio', 3, 10, { atLeast: 0.3 })).toMatchObject({ value: 0.3, met: true }));

  it('to a ceiling of nothing is nothing', () =>
    expect(ratio('ratio', 3, 0, { atLeast: 0.3 })).toMatchObject({ value: 0, met: false }));
});

describe('all aims are met', () => {
  const met = figure('requests', 10, '/s', { atLeast: 5 });
  const missed = figure('p99', 10, 'ms', { atMost: 5 });

  it('when none was missed', () => expect(allAimsMet([measure(met, figure('p50', 1, 'ms')), measure()])).toBe(true));

  it('not when one was missed', () => expect(allAimsMet([measure(met), measure(met, missed)])).toBe(false));
});

describe('the table', () => {
  const report: BenchReport = {
    profile: 'embedded',
    takenAt: '2026-01-02T03:04:05.000Z',
    quick: false,
    machine: {
      cpu: 'Some CPU',
      cores: 2,
      memoryMb: 8_000,
      node: 'v20',
      postgres: 'PostgreSQL 18',
      kernel: 'Linux 6',
      commit: 'abc',
    },
    dataset: { orders: 200_000 },
    measures: [
      {
        name: 'read',
        title: 'The order book',
        figures: [
          figure('requests', 1_234.5, '/s', { atLeast: 2_000 }),
          figure('p50', 1.5, 'ms'),
          figure('p99', 4, 'ms', { atMost: 5 }),
        ],
        costs: [{ of: 'ours', seconds: 10, units: 30_000, serverCpuSec: 9, postgresCpuSec: 5, serverRssMb: 300 }],
      },
    ],
    allMet: false,
    seconds: 61.2,
  };
  const lines = reportTable(report).split('\n');
  const lineWith = (text: string) => lines.find((line) => line.includes(text));

  it('says of each figure what was aimed at and whether it was met', () => {
    expect(lineWith('requests')).toMatch(/read.*1,235 \/s.*≥ 2,000.*missed/);
    expect(lineWith('p99')).toMatch(/4 ms.*≤ 5.*met/);
    expect(lineWith('p50')).not.toMatch(/met|missed|≥|≤/);
  });

  it('shows CPU in percent of one core and per unit, and leaves out what nobody knows', () => {
    expect(lineWith('ours')).toMatch(/10\.0.*90 %.*50 %.*300 µs.*167 µs.*300 MB/);
    expect(lineWith('ours')).not.toContain('NaN');
  });

  it('names machine, commit and sizes', () => {
    expect(lines.slice(0, 3).join()).toMatch(/commit abc.*2 cores of Some CPU.*orders: 200,000/);
  });

  it('says when the run was a quick one', () => {
    expect(reportTable(report)).not.toContain('QUICK');
    expect(reportTable({ ...report, quick: true })).toContain('QUICK');
  });

  it('shows each process of a distributed run with its share and with what a unit cost until it was through', () => {
    const processes = [
      { name: 'command 1', cpuSec: 8, rssMb: 250 },
      { name: 'projector', cpuSec: 5, unitsCpuSec: 6 },
    ];
    const distributed = { of: 'two', seconds: 10, units: 20_000, processes };
    const shown = reportTable({ ...report, measures: [{ ...measure(), processCosts: [distributed] }] }).split('\n');
    expect(shown.find((line) => line.includes('command 1'))).toMatch(/two.*10\.0.*80 %.*400 µs.*250 MB/);
    expect(shown.find((line) => line.includes('projector'))).toMatch(/50 %.*300 µs/);
  });

  it('shows no empty table, and every note', () => {
    const shown = reportTable({ ...report, measures: [{ ...measure(), notes: ['all hashes are equal'] }] });
    expect(shown).not.toContain('CPU in percent');
    expect(shown).toContain('read: all hashes are equal');
  });
});
