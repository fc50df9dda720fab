/** Exact: the remainder is taken off first, so that the division is one of whole numbers. A half rounds up. */
export const dividedHalfUp = (amountE4: number, quantity: number): number => {
  const remainder = amountE4 % quantity;
  return (amountE4 - remainder) / quantity + (2 * remainder >= quantity ? 1 : 0);
};
