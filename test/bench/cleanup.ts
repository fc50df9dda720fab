/** What must be undone, last thing first, however the run ends. */
export class Cleanup {
  private readonly undos: (() => Promise<unknown>)[] = [];
  private running: Promise<void> | undefined;

  add(undo: () => Promise<unknown>): void {
    this.undos.push(undo);
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
