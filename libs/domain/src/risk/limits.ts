/**
 * What bounds an account. Amounts in 1/10,000 rupee, shares in basis points; what is absent is not limited. A user sets
 * their own below what an admin allows (`tightest`), and both are settings with a history: see `settings/`.
 */
export interface Limits {
  /** Realised and unrealised loss and charges of the trading day, above which nothing opens a position. */
  readonly dailyLossMaxE4?: number;
  readonly orderValueMaxE4?: number;
  readonly orderQuantityMax?: number;
  /** Value of all positions and open orders together, each at its absolute value. */
  readonly exposureMaxE4?: number;
  readonly openOrdersMax?: number;
  /** Value of what is ordered and not executed yet, this order included. */
  readonly openOrderValueMaxE4?: number;
  readonly ordersPerDayMax?: number;
  readonly modificationsPerOrderMax?: number;
  /** Distance from the last price, basis points, by kind of instrument. */
  readonly priceDeviationMaxBp?: { readonly cash: number; readonly futures: number; readonly options: number };
  /** Share of the balance that margin may take. */
  readonly marginUtilisationMaxBp?: number;
  /** The same symbol, side, quantity and price again within this time is taken for a mistake. */
  readonly duplicateWindowMs?: number;
  /** Value at risk until the end of the session. */
  readonly intradayVar?: {
    readonly limitE4: number;
    readonly method: 'parametric' | 'historical';
    /** 9,500 or 9,900. */
    readonly confidenceBp: number;
  };
  /** By symbol (`NSE:RELIANCE`), or by underlying (`NIFTY`) for all contracts on it. */
  readonly symbolCaps?: Readonly<
    Record<string, { readonly quantityMax?: number; readonly valueMaxE4?: number; readonly positionMax?: number }>
  >;
}

/** Who may trade at all. `killed`: nothing new is sent. `reduceOnly`: only what closes a position. */
export interface Halt {
  readonly state: 'open' | 'reduce-only' | 'killed';
  /** Whose switch it is: `house`, `broker zerodha`, `strategy s1`, `account`. */
  readonly by: string;
  readonly reason?: string;
}
