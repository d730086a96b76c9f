import type { Login } from '../identity/login.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import { UsageError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import { findApprovals } from '../storage/approvals.ts'
import { listAudit } from '../storage/audit.ts'
import { findBreakGlass } from '../storage/break-glass.ts'
import { auditHead } from '../storage/audit-head.ts'
import type { Database } from '../storage/database.ts'
import { findGrants } from '../storage/grants.ts'
import { findRequests } from '../storage/requests.ts'
import { findSessions } from '../storage/sessions.ts'

/** Something has changed: what kind of thing, and which. What it is now is asked for; nothing of it is in here. */
export interface LiveEvent {
  /** Its place in the audit chain: the same after a restart. */
  readonly seq: number
  readonly kind: LiveKind
  readonly id: string
  /** What happened, as the audit chain calls it. */
  readonly change: string
}

export type LiveKind = 'review' | 'session' | 'grant' | 'lock' | 'break-glass' | 'config'

/** Who may hear of something: those whose it is, who decide on it, and who may see everything of its kind. */
interface Audience {
  readonly everybody?: boolean
  readonly person?: string
  readonly groups?: readonly string[]
  readonly roles: readonly ('audit' | 'operate')[]
}

interface Announcement {
  readonly event: LiveEvent
  readonly audience: Audience
}

type Listener = (event: LiveEvent) => void

/** Somebody's place in the stream. */
interface Listening {
  /** What they missed; nothing where it was too much to tell: then they look at everything again. */
  readonly past: readonly LiveEvent[]
  readonly tooMuch: boolean
  /** Where the chain was when they came. */
  readonly seq: number
  /** From here on the listener is called. */
  readonly start: () => void
  readonly stop: () => void
}
type HasRole = (login: Login, role: 'audit' | 'operate') => boolean

/**
 * Tells those who listen what has changed. Every change of state is in the audit chain, so the chain is what is told:
 * nothing can change without being announced, and whoever was away is told what they missed, in order.
 */
export class LiveEvents {
  readonly #db: Database
  readonly #logger: Logger
  readonly #hasRole: HasRole
  readonly #listeners = new Map<
    Listener,
    { readonly login: Login; readonly from: number; readonly ended: () => void }
  >()
  /** All up to here has been told. */
  #told = -1
  #running: Promise<void> | undefined
  #again = false

  constructor(db: Database, hasRole: HasRole, logger: Logger) {
    this.#db = db
    this.#hasRole = hasRole
    this.#logger = logger
    db.onCommitted(() => this.#kick())
  }

  /**
   * What came after `after`, and from then on, once started, what happens; in order. `ended` is called when the login
   * ends, and when its person or their groups change.
   */
  async listen(login: Login, after: number | undefined, listener: Listener, ended: () => void): Promise<Listening> {
    const head = (await auditHead(this.#db.read))?.seq ?? 0
    // Nobody listened for a while: what happened meanwhile is read for whoever asks for it.
    if (this.#listeners.size === 0) this.#told = head
    if (after !== undefined && after > head)
      throw new UsageError(
        `event ${after} does not exist: the audit chain ends at ${head}`,
        'leave out the id, and read all events again',
      )
    const isNew = after === undefined
    const tooMuch = !isNew && head - after > MAX_MISSED
    const from = isNew || tooMuch ? head : after
    // What happens while the past is read waits: who loses the stream goes on from the last number that they heard.
    let late: LiveEvent[] | undefined = []
    const receive: Listener = (event) => (late === undefined ? listener(event) : void late.push(event))
    const stop = (): void => void this.#listeners.delete(receive)
    this.#listeners.set(receive, { login, from: head, ended })
    try {
      const past: LiveEvent[] = []
      const records = from < head ? await listAudit(this.#db.read, {}, { after: from, limit: MAX_MISSED }) : []
      for (const record of records.filter(({ seq }) => seq <= head)) {
        const announcement = await this.#announcementOf(record)
        if (announcement !== undefined && this.#mayHear(login, announcement.audience)) past.push(announcement.event)
      }
      this.#kick()
      const start = (): void => {
        const waiting = late ?? []
        late = undefined
        waiting.forEach(listener)
      }
      return { past, tooMuch, seq: head, start, stop }
    } catch (error) {
      stop()
      throw error
    }
  }

  #kick(): void {
    if (this.#listeners.size === 0) return
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.#running = this.#tell()
      .catch((error: unknown) => this.#logger.error({ cause: error }, 'events.failed'))
      .finally(() => {
        this.#running = undefined
        if (!this.#again) return
        this.#again = false
        this.#kick()
      })
  }

  async #tell(): Promise<void> {
    for (;;) {
      const records = await listAudit(this.#db.read, {}, { after: this.#told, limit: 200 })
      if (records.length === 0) return
      for (const record of records) {
        // Other groups may hear of other things: the next stream begins with them.
        if (record.type === 'login.ended' || record.type === 'login.changed')
          for (const { login, ended } of this.#listeners.values()) if (login.id === record.subject) ended()
        const announcement = await this.#announcementOf(record)
        this.#told = record.seq
        if (announcement === undefined) continue
        for (const [listener, { login, from }] of this.#listeners)
          if (record.seq > from && this.#mayHear(login, announcement.audience)) listener(announcement.event)
      }
    }
  }

  async #announcementOf({ seq, subject, type }: AuditRecord): Promise<Announcement | undefined> {
    const told = (kind: LiveKind, audience: Audience): Announcement => ({
      event: { seq, kind, id: subject, change: type },
      audience,
    })
    switch (subject.slice(0, 4)) {
      case 'req_':
      case 'apr_': {
        const find = subject.startsWith('req_') ? findRequests : findApprovals
        const review = (await find(this.#db.read, subject)).find(({ id }) => id === subject)
        return (
          review && told('review', { person: review.requester.id, groups: review.approvers.groups, roles: ['audit'] })
        )
      }
      case 'ses_': {
        if (!type.startsWith('session.')) return undefined
        const session = (await findSessions(this.#db.read, subject)).find(({ id }) => id === subject)
        return session && told('session', { person: session.person.id, roles: ['audit', 'operate'] })
      }
      case 'grt_': {
        const grant = (await findGrants(this.#db.read, subject)).find(({ id }) => id === subject)
        return grant && told('grant', { person: grant.person.id, roles: ['audit', 'operate'] })
      }
      case 'brk_': {
        const use = (await findBreakGlass(this.#db.read, subject)).find(({ id }) => id === subject)
        return use && told('break-glass', { person: use.person.id, groups: use.reviewers, roles: ['audit', 'operate'] })
      }
      case 'lck_':
        return told('lock', { everybody: true, roles: [] })
      default:
        return type === 'config.reloaded' ? told('config', { everybody: true, roles: [] }) : undefined
    }
  }

  #mayHear(login: Login, { everybody, person, groups = [], roles }: Audience): boolean {
    return (
      everybody === true ||
      person === login.person.id ||
      groups.some((group) => login.person.groups.includes(group)) ||
      roles.some((role) => this.#hasRole(login, role))
    )
  }
}

/** Entries of the audit chain that are read again for somebody who was away. */
const MAX_MISSED = 2000
