import { hasFields, type Child, startChild } from './child';

export type ProjectionWork =
  /** Rebuild all views of this database from its log. */
  | { readonly kind: 'rebuild'; readonly databaseUrl: string }
  /** Write the rows of one database's views into empty ones of another, as fast as Postgres takes them. */
  | { readonly kind: 'bulk-upsert'; readonly fromUrl: string; readonly toUrl: string };

export interface ProjectionWorkDone {
  readonly seconds: number;
  /** Seconds by part of the work. */
  readonly phases: Readonly<Record<string, number>>;
  readonly events?: number;
  readonly rows?: number;
}

export const startProjectionWorker = (): Child<ProjectionWork, ProjectionWorkDone> =>
  startChild('projection-worker.js', hasFields<ProjectionWorkDone>('seconds', 'phases'));
