import { parseE4 } from '#domain/money';

import { refuseRow, readRow, type RowRefusal, isRefusal } from '../row';
import { InstrumentFileError } from '../source';
import { Tally, type TableSummary } from '../table';
import { dateIn } from './dates';
import { computedE4, fraction } from './figures';
import { XmlReader, type XmlHandler } from './xml';

/** One contract's risk array as the clearing house published it. */
export interface SpanContract {
  /** The product: `USDINR`. */
  readonly pfCode: string;
  readonly kind: 'FUT' | 'CE' | 'PE';
  /** The settlement date the file prints, `YYYY-MM-DD`. */
  readonly expiry: string;
  readonly strikeE4?: number;
  readonly priceE4?: number;
  /** Units of one contract. The losses are for one contract. */
  readonly units: number;
  /** What one contract, bought, loses in each of the sixteen scenarios, 1/10,000 rupee; negative is a gain. */
  readonly scenarioLossE4: readonly number[];
  /** The composite delta. */
  readonly delta: number;
}

export interface SpanFile {
  /** The day the file is for, `YYYY-MM-DD`. */
  readonly asOf: string;
  readonly contracts: readonly SpanContract[];
}

const SCENARIOS = 16;
const OPTION = new Map([
  ['C', 'CE'],
  ['P', 'PE'],
] as const);

export const spanKey = ({ pfCode, kind, expiry, strikeE4 }: SpanContract): string =>
  `${pfCode}|${kind}|${expiry}|${String(strikeE4 ?? '')}`;

/**
 * Collects futures and options out of a PC-SPAN file. What stands above contracts (product, series) holds for all below it;
 * a contract that makes no sense is counted and left out.
 */
class SpanCollector implements XmlHandler {
  readonly tally = new Tally();
  readonly contracts = new Map<string, SpanContract>();
  asOf: string | undefined;
  private product: Record<string, string> = {};
  private series: Record<string, string> = {};
  private contract: Record<string, string> = {};
  private losses: string[] = [];
  private rows = 0;

  open(path: readonly string[]): void {
    const name = path.at(-1);
    if (path.length === 1 && name !== 'spanFile')
      throw new InstrumentFileError(`not a file we know: XML whose root is <${name ?? ''}>`, { byte: 0 });
    if (isProduct(name)) this.product = {};
    else if (name === 'series') this.series = {};
    else if (isContract(name)) {
      this.contract = {};
      this.losses = [];
    }
  }

  close(path: readonly string[], text: string): void {
    const [name = '', parent, grandparent] = path.slice(-3).reverse();
    if (name === 'date' && parent === 'pointInTime') this.asOf = dateIn(text);
    else if (isProduct(parent)) this.product[name] = text;
    else if (parent === 'series') this.series[name] = text;
    else if (isContract(parent)) this.contract[name] = text;
    else if (parent === 'ra' && isContract(grandparent)) {
      if (name === 'a') this.losses.push(text);
      else if (name === 'd') this.contract['composite delta'] = text;
    }
    if (isContract(name)) this.finish(name, path.includes('series'));
  }

  private finish(name: string, inSeries: boolean): void {
    this.rows += 1;
    const row = {
      ...(inSeries ? this.series : {}),
      ...this.contract,
      pfCode: this.product['pfCode'],
      cvf: this.unitsOf(inSeries),
    };
    const read = readContract(row, name === 'opt', this.losses);
    const found = isRefusal(read) ? read : this.keep(read);
    if (found === undefined) this.tally.loaded += 1;
    else this.tally.refuse(found, { row: this.rows, byte: 0 });
  }

  private keep(contract: SpanContract): RowRefusal | undefined {
    const key = spanKey(contract);
    if (this.contracts.has(key)) return { reason: 'the contract stands in an earlier row', detail: key };
    this.contracts.set(key, contract);
    return undefined;
  }

  private unitsOf(inSeries: boolean): string | undefined {
    return this.contract['cvf'] ?? (inSeries ? this.series['cvf'] : undefined) ?? this.product['cvf'];
  }
}

const isProduct = (name: string | undefined): boolean => name === 'futPf' || name === 'oopPf' || name === 'oofPf';
const isContract = (name: string | undefined): boolean => name === 'fut' || name === 'opt';

const readContract = (
  row: Readonly<Record<string, string | undefined>>,
  isOption: boolean,
  losses: readonly string[],
): SpanContract | RowRefusal =>
  readRow(row, (fields) => {
    const expiry = dateIn(fields.text('setlDate'));
    if (expiry?.length !== 10) return refuseRow('setlDate is not a date', row['setlDate']);
    const scenarioLossE4 = losses.map((loss) => computedE4(loss) ?? refuseRow('a loss is not an amount', loss));
    if (scenarioLossE4.length !== SCENARIOS) return refuseRow('not sixteen scenarios', losses.length);
    const price = row['p'];
    const priceE4 = price === undefined ? undefined : (parseE4(price) ?? refuseRow('p is not a price', price));
    return {
      pfCode: fields.text('pfCode'),
      kind: isOption ? fields.lookup('o', OPTION) : 'FUT',
      expiry,
      ...(isOption && { strikeE4: fields.priceE4('k', 'rupees') }),
      ...(priceE4 !== undefined && { priceE4 }),
      units: fields.count('cvf'),
      scenarioLossE4,
      delta:
        fraction(row['composite delta'] ?? '') ?? refuseRow('the composite delta is missing', row['composite delta']),
    };
  });

/** Reads a PC-SPAN file that arrives in pieces. @throws InstrumentFileError when it is cut, no XML, or holds no contract. */
export const readSpan = async (
  pieces: AsyncIterable<Buffer>,
): Promise<{ span: SpanFile; summary: Omit<TableSummary, 'bytes'> }> => {
  const collector = new SpanCollector();
  const reader = new XmlReader(collector);
  const text = new TextDecoder();
  for await (const piece of pieces) reader.push(text.decode(piece, { stream: true }));
  reader.end();
  const { asOf, tally, contracts } = collector;
  if (asOf === undefined) throw new InstrumentFileError('the file does not say for which day it is');
  if (tally.loaded === 0) throw new InstrumentFileError('holds no contract that can be used');
  const { loaded, refused } = tally;
  return {
    span: { asOf, contracts: [...contracts.values()] },
    summary: { format: 'pc-span', rows: loaded + refused, loaded, refused, refusals: tally.refusals() },
  };
};
