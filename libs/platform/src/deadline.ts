/** Nothing outside of this process is waited for without end. */

export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/** The result of `work`, or a rejection after `timeoutMs`; what `work` does later is nobody's concern any more. */
export const withDeadline = async <Result>(work: Promise<Result>, timeoutMs: number, what = 'it'): Promise<Result> => {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineExceeded(`${what} took longer than ${String(timeoutMs)} ms`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
};
