import { ConfigError, readConfig } from '#platform/config';
import { createLogger } from '#platform/logging';
import { run } from '#platform/run';
import { startBrokerSim } from './sim';

const integerOf = (name: string, fallback: number, min: number, max: number): number => {
  const text = process.env[name]?.trim() ?? '';
  if (text === '') return fallback;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new ConfigError(`${name} must be a whole number from ${String(min)} to ${String(max)}`);
};

/** The simulated brokers, in a process of their own. */
void run(async (onStop) => {
  const { host, logLevel, instrumentsFile, pricesFile } = readConfig(process.env);
  await startBrokerSim(
    {
      host,
      port: integerOf('BROKER_SIM_PORT', 3900, 0, 65_531),
      tickMs: integerOf('SIM_TICK_MS', 1_000, 1, 3_600_000),
      logger: createLogger({ name: 'broker-sim', level: logLevel }),
      ...(instrumentsFile !== undefined && { instrumentsFile }),
      ...(pricesFile !== undefined && { pricesFile }),
    },
    onStop,
  );
});
