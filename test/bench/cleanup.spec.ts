import { Cleanup } from './cleanup';

describe('what a run must undo', () => {
  it('is undone in reverse, all of it even when a step fails, and once', async () => {
    const undone: string[] = [];
    const cleanup = new Cleanup();
    cleanup.add(() => Promise.resolve(undone.push('server')));
    cleanup.add(() => Promise.reject(new Error('client is gone')));
    cleanup.add(() => Promise.resolve(undone.push('load')));
    await expect(cleanup.run()).rejects.toThrow('client is gone');
    await expect(cleanup.run()).rejects.toThrow('client is gone');
    expect(undone).toEqual(['load', 'server']);
  });

  it('does not grow once the undoing has begun: nothing new is started then', async () => {
    const cleanup = new Cleanup();
    const over = cleanup.run();
    expect(() => {
      cleanup.add(() => Promise.resolve());
    }).toThrow('broken off');
    await over;
  });

  it('tells who waits for the run that something has failed in the background', async () => {
    const cleanup = new Cleanup();
    cleanup.fail(new Error('relay ended by itself'));
    await expect(cleanup.broken).rejects.toThrow('relay ended by itself');
  });
});
