/** What counts for an account once everybody has had their say: the user, the house's defaults, and its ceilings. */

import type { Halt, Limits } from '../risk/limits';

/** Whose word a limit is. */
export type LimitSource = 'user' | 'ceiling' | 'default';

export interface HouseLimits {
  /** What nobody may go beyond. */
  readonly ceilings: Limits;
  /** What a user has who set nothing. */
  readonly defaults: Limits;
}

export interface EffectiveLimits {
  readonly limits: Limits;
  /** By path: `orderValueMaxE4`, `priceDeviationMaxBp.cash`, `symbolCaps.NSE:TCS.quantityMax`. */
  readonly sources: Readonly<Record<string, LimitSource>>;
}

/** Which way a limit is tighter: a longer time for taking a repetition for a mistake catches more of them. */
type Tighter = 'lower' | 'higher';

type Structured = 'priceDeviationMaxBp' | 'intradayVar' | 'symbolCaps';

const SCALARS: Readonly<Record<Exclude<keyof Limits, Structured>, Tighter>> = {
  dailyLossMaxE4: 'lower',
  orderValueMaxE4: 'lower',
  orderQuantityMax: 'lower',
  exposureMaxE4: 'lower',
  openOrdersMax: 'lower',
  openOrderValueMaxE4: 'lower',
  ordersPerDayMax: 'lower',
  modificationsPerOrderMax: 'lower',
  marginUtilisationMaxBp: 'lower',
  duplicateWindowMs: 'higher',
};

type Deviation = NonNullable<Limits['priceDeviationMaxBp']>;
type Var = NonNullable<Limits['intradayVar']>;
type Cap = NonNullable<Limits['symbolCaps']>[string];

const DEVIATION: readonly (keyof Deviation)[] = ['cash', 'futures', 'options'];
const CAP: readonly (keyof Cap)[] = ['quantityMax', 'valueMaxE4', 'positionMax'];

/** Field by field the tightest of what the user set (else the default) and the ceiling. */
export const effectiveLimits = (user: Limits, { ceilings, defaults }: HouseLimits): EffectiveLimits => {
  const sources: [string, LimitSource][] = [];
  const pick = (path: string, tighter: Tighter, mine?: number, standard?: number, ceiling?: number) => {
    const wanted = mine ?? standard;
    const isCapped = ceiling !== undefined && (wanted === undefined || isLooser(wanted, ceiling, tighter));
    const value = isCapped ? ceiling : wanted;
    if (value !== undefined) sources.push([path, isCapped ? 'ceiling' : mine === undefined ? 'default' : 'user']);
    return value;
  };
  const fieldsOf = <Name extends string>(
    names: readonly Name[],
    path: string,
    ...from: readonly (Readonly<Partial<Record<Name, number>>> | undefined)[]
  ): Partial<Record<Name, number>> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const tighter: Tighter = name === 'duplicateWindowMs' ? SCALARS[name] : 'lower';
        const [mine, standard, ceiling] = from.map((one) => one?.[name]);
        const value = pick(`${path}${name}`, tighter, mine, standard, ceiling);
        return value === undefined ? [] : [[name, value]];
      }),
    ) as Partial<Record<Name, number>>;

  const all = [user, defaults, ceilings];
  const scalars = fieldsOf(SCALAR_NAMES, '', ...all);
  const deviation = fieldsOf(
    DEVIATION,
    'priceDeviationMaxBp.',
    ...all.map(({ priceDeviationMaxBp }) => priceDeviationMaxBp),
  );
  const intradayVar = tightestVar(user.intradayVar, defaults.intradayVar, ceilings.intradayVar, pick);
  const symbols = new Set(all.flatMap(({ symbolCaps }) => Object.keys(symbolCaps ?? {})));
  const caps = [...symbols].map((symbol) => [
    symbol,
    fieldsOf(CAP, `symbolCaps.${symbol}.`, ...all.map(({ symbolCaps }) => capOf(symbolCaps, symbol))),
  ]);
  return {
    limits: {
      ...scalars,
      ...(isComplete(deviation) && { priceDeviationMaxBp: deviation }),
      ...(intradayVar && { intradayVar }),
      ...(caps.length > 0 && { symbolCaps: Object.fromEntries(caps) as NonNullable<Limits['symbolCaps']> }),
    },
    sources: Object.fromEntries(sources),
  };
};

const SCALAR_NAMES = Object.keys(SCALARS) as (keyof typeof SCALARS)[];

const isLooser = (value: number, ceiling: number, tighter: Tighter): boolean =>
  tighter === 'lower' ? value > ceiling : value < ceiling;

const isComplete = (deviation: Partial<Deviation>): deviation is Deviation =>
  DEVIATION.every((kind) => deviation[kind] !== undefined);

const capOf = (caps: Limits['symbolCaps'], symbol: string): Cap | undefined =>
  caps !== undefined && Object.hasOwn(caps, symbol) ? caps[symbol] : undefined;

/** How a value at risk is measured is the house's word where it has one; more confidence makes the same limit tighter. */
const tightestVar = (
  mine: Var | undefined,
  standard: Var | undefined,
  ceiling: Var | undefined,
  pick: (path: string, tighter: Tighter, mine?: number, standard?: number, ceiling?: number) => number | undefined,
): Var | undefined => {
  const from = ceiling ?? mine ?? standard;
  if (from === undefined) return undefined;
  const limitE4 = pick('intradayVar.limitE4', 'lower', mine?.limitE4, standard?.limitE4, ceiling?.limitE4);
  const confidenceBp = pick(
    'intradayVar.confidenceBp',
    'higher',
    mine?.confidenceBp,
    standard?.confidenceBp,
    ceiling?.confidenceBp,
  );
  return { limitE4: limitE4 ?? from.limitE4, method: from.method, confidenceBp: confidenceBp ?? from.confidenceBp };
};

/** A limit that goes beyond the house's ceiling. */
export interface Beyond {
  /** Its path within the limits. */
  readonly field: string;
  readonly ceiling: number | string;
  /** How the limit must compare to the ceiling. */
  readonly rule: 'at-most' | 'at-least' | 'exactly';
}

/** Every limit that would not count as it stands, because the house allows less. */
export const beyondCeilings = (limits: Limits, ceilings: Limits): readonly Beyond[] => {
  const { sources, limits: allowed } = effectiveLimits(limits, { ceilings, defaults: {} });
  const asked = new Set(pathsOf(limits));
  const beyond = Object.entries(sources)
    .filter(([field, source]) => source === 'ceiling' && asked.has(field))
    .map(([field]): Beyond => ({ field, ceiling: valueAt(allowed, field), rule: ruleOf(field) }));
  const method = ceilings.intradayVar?.method;
  return limits.intradayVar !== undefined && method !== undefined && limits.intradayVar.method !== method
    ? [...beyond, { field: 'intradayVar.method', ceiling: method, rule: 'exactly' }]
    : beyond;
};

const ruleOf = (field: string): Beyond['rule'] =>
  field === 'duplicateWindowMs' || field === 'intradayVar.confidenceBp' ? 'at-least' : 'at-most';

/** A symbol may have a dot in its name; a field has none. */
const splitPath = (field: string): readonly string[] => {
  if (!field.startsWith(CAPS)) return field.split('.');
  const end = field.lastIndexOf('.');
  return ['symbolCaps', field.slice(CAPS.length, end), field.slice(end + 1)];
};
const CAPS = 'symbolCaps.';

const valueAt = (limits: Limits, field: string): number => {
  const value = splitPath(field).reduce<unknown>(
    (part, name) => (typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined),
    limits,
  );
  return Number(value);
};

/** The paths of all limits that are set. */
export const pathsOf = ({ priceDeviationMaxBp, intradayVar, symbolCaps, ...scalars }: Limits): readonly string[] => [
  ...Object.keys(scalars),
  ...Object.keys(priceDeviationMaxBp ?? {}).map((kind) => `priceDeviationMaxBp.${kind}`),
  ...Object.keys(intradayVar ?? {}).map((name) => `intradayVar.${name}`),
  ...Object.entries(symbolCaps ?? {}).flatMap(([symbol, cap]) =>
    Object.keys(cap).map((name) => `symbolCaps.${symbol}.${name}`),
  ),
];

/* ------------------------------------------------------------------------------------------------------- halts */

export type HaltState = Halt['state'];

/** The house's switches; who is not named is open. */
export interface HouseHalts {
  readonly house: HaltState;
  readonly brokers: Readonly<Record<string, HaltState>>;
  readonly strategies: Readonly<Record<string, HaltState>>;
  readonly accounts: Readonly<Record<string, HaltState>>;
}

export interface HaltQuestion {
  readonly house: { readonly halts: HouseHalts };
  readonly user: { readonly halt: HaltState };
  readonly accountId: string;
  readonly broker?: string | undefined;
  readonly strategyId?: string | undefined;
}

const SEVERITY: Readonly<Record<HaltState, number>> = { open: 0, 'reduce-only': 1, killed: 2 };

/** The most severe of all switches that an order passes; among equals the one that reaches furthest. */
export const haltOf = ({ house: { halts }, user, accountId, broker, strategyId }: HaltQuestion): Halt => {
  const at = (states: Readonly<Record<string, HaltState>>, name: string | undefined): HaltState =>
    (name !== undefined && Object.hasOwn(states, name) ? states[name] : undefined) ?? 'open';
  const switches: readonly Halt[] = [
    { state: halts.house, by: 'house' },
    { state: at(halts.brokers, broker), by: `broker ${broker ?? ''}` },
    { state: at(halts.strategies, strategyId), by: `strategy ${strategyId ?? ''}` },
    { state: at(halts.accounts, accountId), by: 'account' },
    { state: user.halt, by: 'user' },
  ];
  return switches.reduce((worst, one) => (SEVERITY[one.state] > SEVERITY[worst.state] ? one : worst));
};
