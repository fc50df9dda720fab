import { LRUCache } from 'lru-cache';
import { type Decider, type DomainEvent, fold, refuse } from '#domain/decider';
import type { FieldChange, Versioned } from '#domain/settings/document';
import { type EffectiveLimits, effectiveLimits } from '#domain/settings/effective';
import { type ConfiguredHouse, houseSettings, type HouseSettings } from '#domain/settings/house-settings';
import { type UserSettings, userSettings } from '#domain/settings/user-settings';
import type { EventLog, EventMeta } from '#event-log/event-log';
import { execute } from '#event-log/execute';

/** What one user's orders are judged by: their settings and the house's, as of one moment. */
export interface KnownSettings {
  readonly user: UserSettings;
  readonly userVersion: number;
  readonly house: HouseSettings;
  readonly houseVersion: number;
  readonly effective: EffectiveLimits;
}

/** One change of a document, for whoever asks who did it. */
export interface RecordedChange {
  /** Of the document after it. */
  readonly version: number;
  readonly at: number;
  readonly userId: string;
  readonly changes: readonly FieldChange[];
}

/** A document after a change, and the position of that in the log: 0 if nothing had to be changed. */
export interface Changed<Document> extends Versioned<Document> {
  readonly position: number;
}

/** Who changes a document, and which version of it they have seen. */
export interface Author {
  readonly expectedVersion: number;
  readonly meta: EventMeta;
}

/** A document as it was read last; current until its stream is seen to have moved on. */
interface Known {
  readonly read: Versioned<object>;
  readonly isCurrent: boolean;
}

/** Settings that another process changed are known here so much later at most. */
const BELIEVED_MS = 1_000;
/** After so long without a question it is cheaper to forget everything than to look through what was written meanwhile. */
const FORGET_MS = 30_000;
const USERS_MAX = 50_000;
const PAGE = 1_000;

export const HOUSE_STREAM = 'settings-house';
export const userStreamOf = (userId: string): string => `settings-user-${userId}`;

/**
 * The settings of users and of the house, from their streams. However many users there are, one look at the end of the
 * log each second tells whose settings have changed since; only these, and those of users not seen before, are read.
 */
export class Settings {
  private readonly houseDecider;
  private readonly documents = new LRUCache<string, Known>({ max: USERS_MAX });
  private readonly readings = new Map<string, Promise<Versioned<object>>>();
  private readonly together = new WeakMap<object, { house: object; known: KnownSettings }>();
  /** The log was looked through up to here. */
  private after = 0;
  private lookedAtMs = -Infinity;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly log: EventLog,
    /** What counts until somebody has set something. */
    readonly configured: ConfiguredHouse,
    /** Milliseconds that only ever go forward. */
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.houseDecider = houseSettings(configured);
  }

  user(userId: string): Promise<Versioned<UserSettings>> {
    return this.believed(userSettings, userStreamOf(userId));
  }

  house(): Promise<Versioned<HouseSettings>> {
    return this.believed(this.houseDecider, HOUSE_STREAM);
  }

  /** Brings into memory what `known` answers from. Costs nothing while that is fresh. */
  async prepare(userId: string): Promise<KnownSettings> {
    const [user, house] = await Promise.all([this.user(userId), this.house()]);
    return this.combined(user, house);
  }

  /** What was read last, without waiting: for who has awaited `prepare` a moment ago. */
  known(userId: string): KnownSettings {
    const user = this.documents.get(userStreamOf(userId))?.read as Versioned<UserSettings> | undefined;
    const house = this.documents.get(HOUSE_STREAM)?.read as Versioned<HouseSettings> | undefined;
    if (!user || !house) throw new Error(`the settings of ${userId} were not prepared`);
    return this.combined(user, house);
  }

  /** The house's settings as they were read last, without waiting: for who has awaited `house` before. */
  knownHouse(): HouseSettings {
    const read = this.documents.get(HOUSE_STREAM)?.read as Versioned<HouseSettings> | undefined;
    if (!read) throw new Error('the settings of the house were not read yet');
    return read.document;
  }

  /**
   * Replaces a user's document by what `next` makes of it.
   * @throws Refused `settings.stale`, or what is wrong with the new document.
   */
  async changeUser(
    userId: string,
    { expectedVersion, meta }: Author,
    next: (present: UserSettings) => UserSettings,
  ): Promise<Changed<UserSettings>> {
    const { ceilings } = (await this.house()).document;
    return this.change(userSettings, userStreamOf(userId), { expectedVersion, meta }, (present) => ({
      type: 'SetUserSettings',
      data: { settings: next(present), expectedVersion, ceilings },
    }));
  }

  /** @throws Refused `settings.stale`, or what is wrong with the new document. */
  changeHouse(author: Author, next: (present: HouseSettings) => HouseSettings): Promise<Changed<HouseSettings>> {
    const { expectedVersion } = author;
    return this.change(this.houseDecider, HOUSE_STREAM, author, (present) => ({
      type: 'SetHouseSettings',
      data: { settings: next(present), expectedVersion },
    }));
  }

  /** Every change of a document, oldest first. */
  async history(stream: string): Promise<readonly RecordedChange[]> {
    const events = await this.log.readStream(stream);
    return events.map(({ revision, meta, data }) => ({
      version: revision + 1,
      at: meta.at,
      userId: meta.userId,
      changes: (data as { readonly changes: readonly FieldChange[] }).changes,
    }));
  }

  private async change<Document extends object, Command, Event extends DomainEvent>(
    decider: Decider<Versioned<Document>, Command, Event>,
    stream: string,
    { expectedVersion, meta }: Author,
    commandOn: (present: Document) => Command,
  ): Promise<Changed<Document>> {
    const { version, document } = await this.read(decider, stream);
    // A version that was read too early to be there: what `next` makes of an older document must not pass for it.
    if (version < expectedVersion) refuse('settings.stale', { version, expected: expectedVersion });
    const { state, events, position } = await execute(this.log, decider, stream, commandOn(document), meta);
    this.forget(stream);
    return { ...state, position: events.length === 0 ? 0 : position };
  }

  /** What follows from the two is computed once. */
  private combined(user: Versioned<UserSettings>, house: Versioned<HouseSettings>): KnownSettings {
    const before = this.together.get(user);
    if (before?.house === house) return before.known;
    const known = {
      user: user.document,
      userVersion: user.version,
      house: house.document,
      houseVersion: house.version,
      effective: effectiveLimits(user.document.limits, house.document),
    };
    this.together.set(user, { house, known });
    return known;
  }

  private async believed<Document extends object, Command, Event extends DomainEvent>(
    decider: Decider<Versioned<Document>, Command, Event>,
    stream: string,
  ): Promise<Versioned<Document>> {
    if (this.clock() - this.lookedAtMs >= BELIEVED_MS) await this.look();
    const known = this.documents.get(stream);
    const read = known?.isCurrent === true ? known.read : await this.readOnce(decider, stream);
    return read as Versioned<Document>; // a stream belongs to one decider
  }

  /** Reads a document that is not known; who asks for it meanwhile waits for the same answer. */
  private async readOnce<Document extends object, Command, Event extends DomainEvent>(
    decider: Decider<Versioned<Document>, Command, Event>,
    stream: string,
  ): Promise<Versioned<object>> {
    const reading = this.readings.get(stream) ?? this.read(decider, stream);
    this.readings.set(stream, reading);
    try {
      const document = await reading;
      // Not if it was changed since it was asked for.
      if (this.readings.get(stream) === reading) this.documents.set(stream, { read: document, isCurrent: true });
      return document;
    } finally {
      if (this.readings.get(stream) === reading) this.readings.delete(stream);
    }
  }

  private async read<Document, Command, Event extends DomainEvent>(
    decider: Decider<Versioned<Document>, Command, Event>,
    stream: string,
  ): Promise<Versioned<Document>> {
    const events = await this.log.readStream(stream);
    return fold(
      decider,
      decider.initial,
      events.map((event) => event as DomainEvent as Event),
    );
  }

  private look(): Promise<void> {
    this.looking ??= this.lookForChanges().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async lookForChanges(): Promise<void> {
    const startedAtMs = this.clock();
    if (startedAtMs - this.lookedAtMs > FORGET_MS) {
      this.after = await this.log.head();
      for (const stream of [...this.documents.keys(), ...this.readings.keys()]) this.forget(stream);
    } else
      for (let atEnd = false; !atEnd;) {
        const page = await this.log.readAll({ after: this.after, limit: PAGE, streamPrefixes: ['settings-'] });
        for (const { stream } of page.events) this.forget(stream);
        this.after = page.next;
        atEnd = page.atEnd;
      }
    this.lookedAtMs = startedAtMs;
  }

  /** What is known of it, or is being read, may be older than what the log has now: the next who asks waits for that. */
  private forget(stream: string): void {
    const known = this.documents.peek(stream);
    if (known) this.documents.set(stream, { ...known, isCurrent: false });
    this.readings.delete(stream);
  }
}
