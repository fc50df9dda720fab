import { spent } from './meter';

describe('what was spent between two readings', () => {
  it('is told by process', () =>
    expect(spent({ relay: 1, others: 5 }, { relay: 3, others: 5.5 })).toEqual({ relay: 2, others: 0.5 }));
  it('is nothing for what was not read before', () => expect(spent({}, { relay: 3 })).toEqual({ relay: 0 }));
  it('is never negative: a process may be gone', () => expect(spent({ relay: 3 }, { relay: 1 })).toEqual({ relay: 0 }));
});
