import type { AuditEventType } from '../recording/audit-event-types.ts'
import type { Login } from '../identity/login.ts'
import { canonicalJson } from '../shared/canonical-json.ts'
import type { Clock } from '../shared/clock.ts'
import { appendAudit, type AuditEntry } from '../storage/audit.ts'
import type { Database } from '../storage/database.ts'

/**
 * Puts in the audit chain who reads what was recorded, before they get it. Pages of the same reading share an entry for a minute: an
 * entry for each would drown the others, and a reading of the chain itself would never end.
 */
export class ReadingLog {
  readonly #db: Database
  readonly #clock: Clock
  /** What was noted in this minute, and what is being noted. */
  readonly #noted = new Map<string, Promise<void>>()
  #minute = 0

  constructor(db: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  /** Each time. */
  async note(login: Login, type: AuditEventType, subject: string, data: AuditEntry['data'] = {}): Promise<void> {
    const entry = { type, actor: login.person.id, subject, data }
    await this.#db.change((tx) => appendAudit(tx, this.#clock.now(), entry))
  }

  /** Once a minute for the same reader and the same things. */
  async noteOften(login: Login, type: AuditEventType, subject: string, data: AuditEntry['data'] = {}): Promise<void> {
    const minute = Math.floor(this.#clock.now() / 60_000)
    if (minute !== this.#minute) this.#noted.clear()
    this.#minute = minute
    const key = canonicalJson([login.person.id, type, subject, data])
    const noting = this.#noted.get(key) ?? this.note(login, type, subject, data)
    this.#noted.set(key, noting)
    try {
      await noting
    } catch (error) {
      this.#noted.delete(key)
      throw error
    }
  }
}
