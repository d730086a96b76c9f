import type { Approval } from '../../access/approval.ts'
import type { AccessRequest } from '../../access/request.ts'
import { targetNames } from '../../access/requested-targets.ts'
import type { Login } from '../../identity/login.ts'
import { findGrants } from '../../storage/grants.ts'
import { addPastUse, pastUse, type PastUse } from '../../storage/past-use.ts'
import type { ApiDeps } from '../deps.ts'
import { reviewToJson } from './to-json.ts'
import type { Review } from '../schemas/review.ts'

/** Reviews as one caller sees them in one answer. Past use is looked up once for each person and target. */
export class ReviewView {
  readonly #login: Login
  readonly #now: number
  readonly #deps: Pick<ApiDeps, 'db' | 'registry' | 'readings' | 'settings'>
  readonly #past = new Map<string, Promise<PastUse>>()

  /** `now`: milliseconds since 1970. */
  constructor(login: Login, now: number, deps: Pick<ApiDeps, 'db' | 'registry' | 'readings' | 'settings'>) {
    this.#login = login
    this.#now = now
    this.#deps = deps
  }

  /** A review of another person's session is a reading of its record, and noted as one. */
  async toJson(review: AccessRequest | Approval): Promise<Review> {
    const { db, registry, readings, settings } = this.#deps
    const login = this.#login
    const names = targetNames(review)
    const targets = settings().targets.filter(({ name }) => names.includes(name))
    const lately = addPastUse(await Promise.all(names.map((name) => this.#pastOn(name, review))))
    if (!('sessionId' in review)) return reviewToJson(review, login, this.#now, { targets, lately })
    const live = registry.find(review.sessionId)
    const grant = live && (await findGrants(db.read, live.grantId))[0]
    if (review.requester.id !== login.person.id)
      await readings.noteOften(login, 'recording.viewed', review.sessionId, { approval: review.id })
    return reviewToJson(review, login, this.#now, {
      targets,
      held: registry.held(review),
      grant,
      recent: live?.recent(review.id),
      lately,
    })
  }

  #pastOn(target: string, { requester }: AccessRequest | Approval): Promise<PastUse> {
    const key = JSON.stringify([requester.id, target])
    const found = this.#past.get(key) ?? pastUse(this.#deps.db.read, requester.id, target, this.#now - PAST_USE_MS)
    this.#past.set(key, found)
    return found
  }
}

const PAST_USE_MS = 30 * 86_400_000
