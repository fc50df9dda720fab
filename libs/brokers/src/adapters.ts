import { angelone } from './angelone/angelone';
import type { BrokerAdapter, BrokerName } from './client';
import { fyers } from './fyers/fyers';
import { upstox } from './upstox/upstox';
import { zerodha } from './zerodha/zerodha';

/** Every broker that can be connected. */
export const adapters: Readonly<Record<BrokerName, BrokerAdapter>> = { upstox, zerodha, fyers, angelone };
