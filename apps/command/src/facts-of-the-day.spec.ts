import type { Instrument } from '#domain/instruments/instrument';
import { Catalogue } from '#instruments/catalogue';
import { ReferenceHolder } from '#instruments/reference/holder';
import { RELIANCE } from '../../../test/support/write-side';
import { FactsOfTheDay } from './facts-of-the-day';

const DAY = '2026-01-02';
const funded = (marginBp: number): Instrument => ({ ...RELIANCE, funded: { marginBp } });

let instruments: { catalogue: Catalogue; tradingDate: () => string };
let holder: ReferenceHolder;
let errors: unknown[];
let nowMs: number;
let facts: FactsOfTheDay;
beforeEach(async () => {
  instruments = { catalogue: new Catalogue([funded(2_500)]), tradingDate: () => DAY };
  holder = new ReferenceHolder();
  errors = [];
  nowMs = 0;
  const logger = { info: () => undefined, error: (error: unknown) => errors.push(error) };
  facts = new FactsOfTheDay({ instruments, holder, configured: [], logger, now: () => nowMs });
  await facts.refresh(DAY);
});

/** What instruments and facts say: of one and the same master, always. */
const said = () => {
  const { resolve, facts: of } = facts.files();
  const { instrumentKey } = RELIANCE;
  return [resolve(instrumentKey)?.funded?.marginBp, of.of(instrumentKey).funded?.marginBp];
};
const asked = async () => {
  facts.files();
  await facts.idle();
  return said();
};

it('the facts of the day are those of the instruments of the day', () => expect(said()).toEqual([2_500, 2_500]));

it('new instruments are used as soon as the facts are tied to them, and not before', async () => {
  instruments.catalogue = new Catalogue([funded(4_000)]);
  expect(said()).toEqual([2_500, 2_500]);
  await facts.idle();
  expect(said()).toEqual([4_000, 4_000]);
});

it('what could not be tied is tied again after a while, and those of before stay until then', async () => {
  const replace = jest.spyOn(holder, 'replace').mockRejectedValueOnce(new Error('out of memory'));
  instruments.catalogue = new Catalogue([funded(4_000)]);
  expect(await asked()).toEqual([2_500, 2_500]);
  expect(errors).toHaveLength(1);
  expect(await asked()).toEqual([2_500, 2_500]);
  expect(replace).toHaveBeenCalledTimes(1);
  nowMs += 5_000;
  expect(await asked()).toEqual([4_000, 4_000]);
});

it('instruments that come while the files are read are used with what these say', async () => {
  const refreshing = facts.refresh(DAY);
  instruments.catalogue = new Catalogue([funded(4_000)]);
  expect(said()).toEqual([2_500, 2_500]);
  await refreshing;
  expect(await asked()).toEqual([4_000, 4_000]);
});

it('instruments of an earlier day than the files are tied to them as well', async () => {
  await facts.refresh('2026-01-05');
  instruments.catalogue = new Catalogue([funded(4_000)]);
  expect(await asked()).toEqual([4_000, 4_000]);
});
