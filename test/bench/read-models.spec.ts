import { countUpTo } from './read-models';

describe('how many positions lie behind a checkpoint', () => {
  it('counts the checkpoint itself', () => expect(countUpTo([2, 3, 7], 3)).toBe(2));
  it('counts what lies before a position that holds no event', () => expect(countUpTo([2, 3, 7], 6)).toBe(2));
  it('is none at the beginning, and all at the end', () => {
    expect(countUpTo([2, 3, 7], 0)).toBe(0);
    expect(countUpTo([2, 3, 7], 7)).toBe(3);
  });
  it('is none of none', () => expect(countUpTo([], 5)).toBe(0));
});
