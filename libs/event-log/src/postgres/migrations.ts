import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The log's table and the one function that writes it.
 *
 * Positions have no gaps and appear in order: a writer takes the lock, reads the newest position, writes on from there
 * and commits before the next writer of any process gets the lock. A reader at `position > checkpoint` therefore
 * never misses one that commits late, as it would with a sequence.
 */
export class EventLog1767225600000 implements MigrationInterface {
  readonly name = 'EventLog1767225600000';

  async up(queryRunner: QueryRunner): Promise<void> {
    // `json`, not `jsonb`: what was written is kept to the letter, and it is the cheaper one to write and to read.
    await queryRunner.query(`
      create table events (
        position bigint primary key,
        stream text collate "C" not null,
        revision int not null,
        id uuid not null,
        type text not null,
        data json not null,
        meta json not null,
        recorded_at timestamptz not null default now(),
        constraint events_stream_revision unique (stream, revision)
      )`);

    // A function, because the snapshot of a single statement is taken before it waits for the lock: it would not see
    // what the writer before it committed. In a volatile function every statement has a snapshot of its own.
    //
    // A unit is one append call: all of its writes or none, whatever becomes of its neighbours. No two units of one
    // call name the same stream. One element per write in write_*, one per event in event_*; -1 is "no stream".
    //
    // Planned for a long table from the first call on: plans are kept, and an empty table would get another one.
    await queryRunner.query(`
      create function append_events(
        write_unit int[], write_stream text[], write_expected int[],
        event_unit int[], event_stream text[], event_revision int[],
        event_id uuid[], event_type text[], event_data json[], event_meta json[],
        out before_first bigint,
        out refused_unit int[], out refused_write int[], out refused_actual int[], out refused_next_id uuid[]
      )
      language plpgsql volatile
      set enable_seqscan = off
      set enable_bitmapscan = off
      as $$
      begin
        perform pg_advisory_xact_lock(4991526044102915);

        select array_agg(w.unit order by w.n), array_agg(w.n - 1 order by w.n), array_agg(head.revision order by w.n),
          array_agg((
            select e.id from events e where e.stream = w.stream collate "C" and e.revision = w.expected + 1
          ) order by w.n)
        into refused_unit, refused_write, refused_actual, refused_next_id
        from unnest(write_unit, write_stream, write_expected) with ordinality as w (unit, stream, expected, n)
        cross join lateral (
          select coalesce((
            select e.revision from events e where e.stream = w.stream collate "C" order by e.revision desc limit 1
          ), -1) as revision
        ) head
        where head.revision <> w.expected;

        select coalesce(max(e.position), 0) into before_first from events e;

        insert into events (position, stream, revision, id, type, data, meta)
        select before_first + row_number() over (order by e.n), e.stream, e.revision, e.id, e.type, e.data, e.meta
        from unnest(event_unit, event_stream, event_revision, event_id, event_type, event_data, event_meta)
          with ordinality as e (unit, stream, revision, id, type, data, meta, n)
        where refused_unit is null or e.unit <> all (refused_unit);

        if found then
          perform pg_notify('event_log', '');
        end if;
      end
      $$`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop function append_events');
    await queryRunner.query('drop table events');
  }
}
