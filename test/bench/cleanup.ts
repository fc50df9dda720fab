/** What must be undone, last thing first, however the run ends. */
export class Cleanup {
  private readonly undos: (() => Promise<unknown>)[] = [];
  private running: Promise<void> | undefined;
  private breakOff: (error: Error) => void = () => undefined;
  /** Rejects when something that was started has failed in the background: nothing that is waited for may come any more. */
  readonly broken = new Promise<never>((_, reject) => (this.breakOff = reject));

  constructor() {
    this.broken.catch(() => undefined); // may come when nobody waits any more
  }

  /**
   * To be called before what is to be undone begins, so that a run that is broken off meanwhile leaves nothing behind.
   * @throws Error when the undoing has begun: nothing new is started then.
   */
  add(undo: () => Promise<unknown>): void {
    if (this.hasBegun) throw new Error('the run was broken off');
    this.undos.push(undo);
  }

  fail(error: Error): void {
    this.breakOff(error);
  }

  get hasBegun(): boolean {
    return this.running !== undefined;
  }

  /** Every step is tried. Safe to call twice. @throws the first error, after all steps. */
  run(): Promise<void> {
    return (this.running ??= this.undoAll());
  }

  private async undoAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const undo of this.undos.reverse()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
