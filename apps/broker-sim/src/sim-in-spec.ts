/** The simulator for specs: on free ports, silent, stopped at the end, and a way to ask it. */

import { request } from 'undici';
import { createLogger } from '#platform/logging';
import { startBrokerSim, type BrokerSim, type BrokerSimOptions } from './sim';

/** A tick that lasts for ever: the market stands at the day's open. */
const FROZEN_TICK_MS = 1e13;

export interface SimInSpec {
  readonly sim: BrokerSim;
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  stop(): Promise<void>;
}

export const startSimInSpec = async (options: Partial<BrokerSimOptions> = {}): Promise<SimInSpec> => {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  const starting = startBrokerSim(
    {
      host: '127.0.0.1',
      port: 0,
      tickMs: FROZEN_TICK_MS,
      seed: 1,
      logger: createLogger({ name: 'broker-sim', level: 'silent' }),
      ...options,
    },
    (each) => stops.push(each),
  );
  const sim = await starting.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    sim,
    control: async (method, path, body) => {
      const answer = await request(`${sim.controlUrl}${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        signal: AbortSignal.timeout(5_000),
      });
      return { status: answer.statusCode, body: await answer.body.json() };
    },
    stop,
  };
};

/** Polls until `ask` gives something. @throws when it does not in time. */
export const eventually = async <Value>(
  what: string,
  ask: () => Value | undefined | Promise<Value | undefined>,
): Promise<Value> => {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
