/** A value does not fit its column: Postgres would have refused it, too. */
export class DoesNotFit extends Error {
  override readonly name = 'DoesNotFit';
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const NULL_LENGTH = -1;
const END_OF_ROWS = -1;
const FIRST_BYTES = 1 << 20;

/** 1 January 2000, from which Postgres counts its microseconds. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
const MS_PER_DAY = 86_400_000;
const INSTANT_EXACT_MS = Number.MAX_SAFE_INTEGER / 1_000;
/** The end of the year 9999: as far as `insert` is exact, too. */
const INSTANT_MAX_MS = 253_402_300_799_999;
const TWO_32 = 2 ** 32;

const INT4_MIN = -(2 ** 31);
const INT4_MAX = 2 ** 31 - 1;

/** Of a numeric: digits to the base of 10,000, so that what stands behind the point is exactly one of them. */
const BASE = 10_000;
const SCALE = 4;
const NEGATIVE = 0x4000;

/**
 * Rows as `COPY … (format binary)` takes them: nothing is quoted, parsed or printed on either side. Every field is its size
 * in bytes and the bytes.
 */
export class CopyBuffer {
  private buffer = Buffer.allocUnsafe(FIRST_BYTES);
  private at = SIGNATURE.copy(this.buffer);

  row(fields: number): void {
    this.reserve(2);
    this.at = this.buffer.writeInt16BE(fields, this.at);
  }

  null(): void {
    this.reserve(4);
    this.at = this.buffer.writeInt32BE(NULL_LENGTH, this.at);
  }

  /** @throws DoesNotFit beyond 32 bits. */
  int4(value: number): void {
    if (!(value >= INT4_MIN && value <= INT4_MAX)) throw new DoesNotFit(`${String(value)} is out of range for integer`);
    this.size(4);
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  int8(value: number): void {
    this.size(8);
    const high = Math.floor(value / TWO_32);
    this.buffer.writeInt32BE(high, this.at);
    this.at = this.buffer.writeUInt32BE(value - high * TWO_32, this.at + 4);
  }

  boolean(value: boolean): void {
    this.size(1);
    this.at = this.buffer.writeUInt8(value ? 1 : 0, this.at);
  }

  /** @throws DoesNotFit for what is not 32 hexadecimal digits with or without dashes. */
  uuid(value: string): void {
    this.size(16);
    if (this.buffer.write(value.replaceAll('-', ''), this.at, 16, 'hex') !== 16)
      throw new DoesNotFit(`${value} is not a UUID`);
    this.at += 16;
  }

  text(value: string): void {
    this.reserve(4 + 3 * value.length); // a UTF-16 unit is at most three bytes of UTF-8
    const bytes = this.buffer.write(value, this.at + 4);
    this.buffer.writeInt32BE(bytes, this.at);
    this.at += 4 + bytes;
  }

  /** @param valueE4 an integer of 1/10,000 */
  numericE4(valueE4: number): void {
    const digits: number[] = []; // the least first
    for (let rest = Math.abs(valueE4); rest > 0; rest = Math.floor(rest / BASE)) digits.push(rest % BASE);
    const weight = digits.length === 0 ? 0 : digits.length - 2; // of the greatest; the one behind the point weighs -1
    while (digits[0] === 0) digits.shift();
    this.size(8 + 2 * digits.length);
    this.at = this.buffer.writeInt16BE(digits.length, this.at);
    this.at = this.buffer.writeInt16BE(weight, this.at);
    this.at = this.buffer.writeUInt16BE(valueE4 < 0 ? NEGATIVE : 0, this.at);
    this.at = this.buffer.writeInt16BE(SCALE, this.at);
    for (let index = digits.length - 1; index >= 0; index--)
      this.at = this.buffer.writeInt16BE(digits[index] ?? 0, this.at);
  }

  /**
   * @param ms since 1970.
   * @throws DoesNotFit beyond the year 9999.
   */
  instant(ms: number): void {
    if (!(Math.abs(ms) <= INSTANT_MAX_MS)) throw new DoesNotFit(`${String(ms)} ms is no date to store`);
    const sinceMs = ms - POSTGRES_EPOCH_MS;
    if (Math.abs(sinceMs) <= INSTANT_EXACT_MS) {
      this.int8(sinceMs * 1_000);
      return;
    }
    this.size(8);
    this.at = this.buffer.writeBigInt64BE(BigInt(sinceMs) * 1_000n, this.at);
  }

  /**
   * @param day `YYYY-MM-DD`
   * @throws DoesNotFit for what is no day.
   */
  date(day: string): void {
    const ms = Date.parse(`${day}T00:00:00Z`);
    if (Number.isNaN(ms)) throw new DoesNotFit(`${day} is no day`);
    this.int4((ms - POSTGRES_EPOCH_MS) / MS_PER_DAY);
  }

  /** Everything so far, with an end behind it. */
  end(): Buffer {
    this.reserve(2);
    this.at = this.buffer.writeInt16BE(END_OF_ROWS, this.at);
    return this.buffer.subarray(0, this.at);
  }

  private size(bytes: number): void {
    this.reserve(4 + bytes);
    this.at = this.buffer.writeInt32BE(bytes, this.at);
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
