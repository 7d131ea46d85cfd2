// What became of each mail, in PostgreSQL. Every change of state is one statement.
import type { TemplateName } from '@mcpshield/contracts/mailer'
import type { Db } from '@mcpshield/db/connect'
import type { MailState } from './entities.ts'

export type MailKey = { jobId: string; recipient: string }

export type MailRecord = {
  state: MailState
  tries: number
  sequence: number
  failure: string | null
  createdMs: number
  changedMs: number
}

export type Mails = {
  read(key: MailKey): Promise<MailRecord | undefined>
  /**
   * Takes the mail for one sending: true for exactly one of those who ask at once. A dead one is given only to a
   * replay, and begins anew.
   */
  claim(
    key: MailKey,
    by: { claim: string; sequence: number; template: TemplateName; replayed: boolean },
  ): Promise<boolean>
  /** It has left: true whatever else was noted meanwhile. */
  markSent(key: MailKey, claim: string): Promise<void>
  /** It has certainly not left, and may be tried again. */
  release(key: MailKey, claim: string, failure: string, counts: boolean): Promise<void>
  /** It is not to be tried again of our own accord. */
  markDead(key: MailKey, claim: string, failure: string): Promise<void>
  /** Somebody's claim of before that time is given up as dead; false when it has changed meanwhile. */
  abandon(key: MailKey, claimedBeforeMs: number, failure: string): Promise<boolean>
  /** It is not to be sent at all. No effect on one that is being sent, was sent or is dead, unless by a replay. */
  skip(
    key: MailKey,
    by: { sequence: number; template: TemplateName; replayed: boolean },
    why: string,
  ): Promise<void>
  /** Forgets what changed last before that time; returns how many. */
  sweep(beforeMs: number): Promise<number>
}

type Row = {
  state: MailState
  tries: number
  sequence: string
  failure: string | null
  created_ms: string
  changed_ms: string
}

const MAY_BE_CLAIMED = `mails.state = 'waiting' or (mails.state = 'dead' and ?)`

export function mailsStore(db: Db, now: () => Date): Mails {
  const execute = <T extends object>(sql: string, values: unknown[]) =>
    db.fork().getConnection().execute<T[]>(sql, values)
  return {
    async read({ jobId, recipient }) {
      const [row] = await execute<Row>(
        `select state, tries, sequence, failure, extract(epoch from created_at) * 1000 as created_ms,
                extract(epoch from changed_at) * 1000 as changed_ms
         from mails where job_id = ? and recipient = ?`,
        [jobId, recipient],
      )
      return row === undefined ? undefined : recordOf(row)
    },

    async claim({ jobId, recipient }, { claim, sequence, template, replayed }) {
      const rows = await execute(
        `insert into mails (job_id, recipient, template, state, tries, sequence, claim, created_at, changed_at)
         values (?, ?, ?, 'sending', 0, ?, ?, ?, ?)
         on conflict (job_id, recipient) do update set state = 'sending', sequence = excluded.sequence,
           claim = excluded.claim, changed_at = excluded.changed_at,
           tries = case mails.state when 'dead' then 0 else mails.tries end
         where ${MAY_BE_CLAIMED} returning job_id`,
        [jobId, recipient, template, sequence, claim, now(), now(), replayed],
      )
      return rows.length === 1
    },

    async markSent({ jobId, recipient }, claim) {
      await execute(
        `update mails set state = 'sent', failure = null, changed_at = ?
         where job_id = ? and recipient = ? and claim = ? returning job_id`,
        [now(), jobId, recipient, claim],
      )
    },

    async release({ jobId, recipient }, claim, failure, counts) {
      await execute(
        `update mails set state = 'waiting', failure = ?, tries = tries + ?, changed_at = ?
         where job_id = ? and recipient = ? and claim = ? and state = 'sending' returning job_id`,
        [cut(failure), counts ? 1 : 0, now(), jobId, recipient, claim],
      )
    },

    async markDead({ jobId, recipient }, claim, failure) {
      await execute(
        `update mails set state = 'dead', failure = ?, changed_at = ?
         where job_id = ? and recipient = ? and claim = ? and state = 'sending' returning job_id`,
        [cut(failure), now(), jobId, recipient, claim],
      )
    },

    async abandon({ jobId, recipient }, claimedBeforeMs, failure) {
      const rows = await execute(
        `update mails set state = 'dead', failure = ?, changed_at = ?
         where job_id = ? and recipient = ? and state = 'sending' and changed_at < ? returning job_id`,
        [cut(failure), now(), jobId, recipient, new Date(claimedBeforeMs)],
      )
      return rows.length === 1
    },

    async skip({ jobId, recipient }, { sequence, template, replayed }, why) {
      await execute(
        `insert into mails (job_id, recipient, template, state, tries, sequence, failure, created_at, changed_at)
         values (?, ?, ?, 'skipped', 0, ?, ?, ?, ?)
         on conflict (job_id, recipient) do update set state = 'skipped', failure = excluded.failure,
           changed_at = excluded.changed_at
         where ${MAY_BE_CLAIMED} returning job_id`,
        [jobId, recipient, template, sequence, cut(why), now(), now(), replayed],
      )
    },

    async sweep(beforeMs) {
      const rows = await execute(
        `delete from mails where (job_id, recipient) in
           (select job_id, recipient from mails where changed_at < ? limit 10000) returning job_id`,
        [new Date(beforeMs)],
      )
      return rows.length
    },
  }
}

function recordOf(row: Row): MailRecord {
  return {
    state: row.state,
    tries: row.tries,
    sequence: Number(row.sequence),
    failure: row.failure,
    createdMs: Number(row.created_ms),
    changedMs: Number(row.changed_ms),
  }
}

const cut = (text: string) => text.slice(0, 300)
