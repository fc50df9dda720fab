import { basename } from 'node:path';
import type { Catalogue } from '#instruments/catalogue';
import { demoReferenceFiles } from '#instruments/demo-data';
import type { ReferenceHolder } from '#instruments/reference/holder';
import { InstrumentFileError } from '#instruments/source';
import type { Logger } from '#platform/logging';
import type { InstrumentService } from './instrument-service';
import { type MarketFiles, marketFilesOf } from './market-day';

export interface FactsOptions {
  readonly instruments: Pick<InstrumentService, 'catalogue' | 'tradingDate'>;
  readonly holder: Pick<ReferenceHolder, 'current' | 'replace'>;
  /** Paths or URLs; absent: the files in the repository. */
  readonly configured: readonly string[] | undefined;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly now: () => number;
}

/** Before facts that could not be tied to new instruments are tied again. */
const AGAIN_MS = 5_000;

/**
 * What the files of the day say of the instruments of the day. The two belong together: a key that was freed and used again
 * names another contract. Until facts are tied to new instruments, the pair of before stays in use.
 */
export class FactsOfTheDay {
  private pair: { readonly catalogue: Catalogue; readonly files: MarketFiles };
  /** Facts are replaced, or tied anew, one after the other. */
  private working: Promise<void> | undefined;
  private notBeforeMs = -Infinity;

  constructor(private readonly options: FactsOptions) {
    this.pair = this.pairWith(options.instruments.catalogue);
  }

  files(): MarketFiles {
    const { instruments, now } = this.options;
    if (this.pair.catalogue !== instruments.catalogue && this.working === undefined && now() >= this.notBeforeMs)
      this.working = this.tie().finally(() => (this.working = undefined));
    return this.pair.files;
  }

  /** Resolves when it is not at work. */
  async idle(): Promise<void> {
    while (this.working !== undefined) await this.working.catch(() => undefined); // told to whoever asked for it
  }

  /** @throws InstrumentFileError naming each file that was kept as it was. */
  async refresh(day: string): Promise<void> {
    await this.idle();
    this.working = this.replace(day).finally(() => (this.working = undefined));
    await this.working;
  }

  private async replace(day: string): Promise<void> {
    const { configured, instruments, holder, logger } = this.options;
    const files = configured?.map((file) => ({ name: basename(file), source: file })) ?? demoReferenceFiles();
    const { catalogue } = instruments;
    const before = holder.current;
    const { files: outcomes, difference } = await holder.replace(files, { catalogue, effectiveFrom: day });
    const kept = outcomes.flatMap((one) => (one.outcome === 'kept' ? [`${one.file}: ${one.reason}`] : []));
    if (holder.current !== before) this.pair = this.pairWith(catalogue);
    const { added, changed, removed } = difference;
    logger.info(
      {
        day,
        files: outcomes.length - kept.length,
        added: added.length,
        changed: changed.length,
        removed: removed.length,
      },
      'what the files of the day say was read',
    );
    if (kept.length > 0) throw new InstrumentFileError(kept.join('; '));
  }

  /** New instruments: what the files say is tied to them. */
  private async tie(): Promise<void> {
    const { instruments, holder, logger, now } = this.options;
    const { catalogue } = instruments;
    try {
      // Facts of a later day than the instruments are tied as well: they count from their own day on.
      const [day = ''] = [instruments.tradingDate(), holder.current.effectiveFrom].sort().reverse();
      await holder.replace([], { catalogue, effectiveFrom: day });
      this.pair = this.pairWith(catalogue);
    } catch (error) {
      this.notBeforeMs = now() + AGAIN_MS;
      logger.error(
        { err: error },
        'the files of the day could not be tied to the new instruments; those of before stay',
      );
    }
  }

  private pairWith(catalogue: Catalogue): { readonly catalogue: Catalogue; readonly files: MarketFiles } {
    return { catalogue, files: marketFilesOf(catalogue, this.options.holder.current) };
  }
}
