/** What is going on, for whoever waits: standard output belongs to the report. */
export const tell = (text: string): void => {
  process.stderr.write(`bench: ${text}\n`);
};
