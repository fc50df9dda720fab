/** Figures for Prometheus. One registry per process: whoever measures declares, `/metrics` shows all. */

import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Public } from './identity';

export const registry = new Registry();

interface Declaration<Label extends string> {
  /** `coordinator_…`, with the unit last: `coordinator_append_seconds`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** Seconds from 0.1 ms to 10 s: appends, requests, lag. */
const secondsBuckets = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
] as const;

/** Something that only grows: `counter.inc({ outcome: 'accepted' })`. Declare each once, at the top of a file. */
export const counter = <Label extends string>({ name, help, labels = [] }: Declaration<Label>): Counter<Label> =>
  new Counter({ name, help, labelNames: labels, registers: [registry] });

/** A level, measured when it is asked for (`collect`) or set when it changes. */
export const gauge = <Label extends string>({
  name,
  help,
  labels = [],
  collect,
}: Declaration<Label> & { readonly collect?: (this: Gauge<Label>) => void | Promise<void> }): Gauge<Label> =>
  new Gauge({ name, help, labelNames: labels, registers: [registry], ...(collect !== undefined && { collect }) });

/** A spread of durations in seconds, or of anything else when `buckets` are given. */
export const histogram = <Label extends string>({
  name,
  help,
  labels = [],
  buckets = secondsBuckets,
}: Declaration<Label> & { readonly buckets?: readonly number[] }): Histogram<Label> =>
  new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers: [registry] });

let collecting = false;

/** Memory, CPU, event loop and garbage collection of this process; called by the first app that shows metrics. */
const collectProcessMetrics = (): void => {
  if (collecting) return;
  collecting = true;
  collectDefaultMetrics({ register: registry });
};

@Public()
@ApiExcludeController()
@Controller('metrics')
export class MetricsController {
  constructor() {
    collectProcessMetrics();
  }

  @Get()
  @Header('content-type', registry.contentType)
  metrics(): Promise<string> {
    return registry.metrics();
  }
}
