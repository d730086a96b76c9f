import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  createLock,
  describeSubject,
  keepsOut,
  liftLock,
  lockState,
  type Lock,
  type LockSubject,
} from '../../access/lock.ts'
import type { Login } from '../../identity/login.ts'
import { decideAccess } from '../../policy/decide.ts'
import { PamError } from '../../shared/errors.ts'
import { appendAudit } from '../../storage/audit.ts'
import { findLocks, listLocks, lockData, saveLock } from '../../storage/locks.ts'
import { findPeople } from '../../storage/logins.ts'
import { onlyOne, type Reader } from '../../storage/page.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { provenLogin } from '../proven-login.ts'
import { needRole } from '../role-acts.ts'
import { reasonBody } from '../schemas/access.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { lockSchema, locksSchema, newLockSchema, type Lock as LockJson } from '../schemas/lock.ts'
import { maySeeAll } from '../visible-session.ts'
import type { App } from './app.ts'
import { iso, nextOf, toPage } from './to-json.ts'

/** Locks: keeping a person, a target or everything under a label out, at once. */
export const lockRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  locksRoute(app, deps)
  newLockRoute(app, deps)
  liftRoute(app, deps)
}

function locksRoute(app: App, deps: ApiDeps): void {
  const listQuery = cursorQuery.extend({ active: z.stringbool().default(true) })
  /** Those who lock, operate or audit see every lock; everybody sees which of their targets are locked. */
  app.get('/v1/locks', { schema: { querystring: listQuery, response: { 200: locksSchema } } }, async (request) => {
    const login = request.login()
    const now = deps.clock.now()
    const rows = await listLocks(deps.db.read, { active: request.query.active }, toPage(request.query))
    const shown = rows.filter((lock) => maySee(lock, login, deps))
    return {
      items: shown
        .filter((lock) => !request.query.active || lockState(lock, now) === 'active')
        .map((lock) => toJson(lock, now)),
      ...nextOf(
        rows.map(({ id, createdAt }) => ({ id, at: createdAt })),
        request.query.limit,
      ),
    }
  })
}

const maySee = (lock: Lock, login: Login, deps: ApiDeps): boolean => {
  if (maySeeAll(login, deps) || hasRole(login, 'lock', deps)) return true
  const { policy, targets } = deps.settings()
  return targets.some(
    (target) => keepsOut(lock, login.person.id, target) && decideAccess(policy, login.person, target) !== undefined,
  )
}

function newLockRoute(app: App, deps: ApiDeps): void {
  const { db, clock, registry } = deps
  app.post('/v1/locks', { schema: { body: newLockSchema, response: { 201: lockSchema } } }, async (request, reply) => {
    const { id: loginId } = request.login()
    const { reason, lengthMs, includingSelf } = request.body
    const now = clock.now()
    const lock = await db.change(async (tx) => {
      const login = await provenLogin(tx, loginId, clock.now())
      needRole(login, 'locks.change', deps)
      const created = createLock(
        {
          subject: await subjectOf(tx, request.body, deps),
          reason,
          by: { id: login.person.id, label: login.person.label },
          length: lengthMs,
          includingSelf,
        },
        now,
      )
      await saveLock(tx, created, now)
      await appendAudit(tx, now, {
        type: 'lock.created',
        actor: login.person.id,
        subject: created.id,
        data: { ...lockData(created), reason: created.reason, endsAt: created.endsAt, from: request.ip },
      })
      return created
    })
    const endedSessions = registry.locked([lock], deps.settings().targets)
    return reply.status(201).send({ ...toJson(lock, now), endedSessions })
  })
}

function liftRoute(app: App, deps: ApiDeps): void {
  const { db, clock } = deps
  app.post(
    '/v1/locks/:id/lift',
    { schema: { params: idParams, body: reasonBody, response: { 200: lockSchema } } },
    async (request) => {
      const { id: loginId } = request.login()
      const now = clock.now()
      const lifted = await db.change(async (tx) => {
        const login = await provenLogin(tx, loginId, clock.now())
        needRole(login, 'locks.change', deps)
        // A lock only takes away; lifting one gives back, as an approval does.
        if (login.authTime === undefined || now - login.authTime > deps.settings().recentSignIn)
          throw new PamError('SIGN_IN_TOO_OLD', 'lifting a lock needs a recent sign-in', {
            hint: 'sign in again with "pamctl login --fresh", then unlock',
          })
        const lock = onlyOne(await findLocks(tx, request.params.id), request.params.id)
        const by = { id: login.person.id, label: login.person.label }
        const changed = liftLock(lock, by, request.body.reason, now)
        await saveLock(tx, changed, now)
        await appendAudit(tx, now, {
          type: 'lock.lifted',
          actor: login.person.id,
          subject: changed.id,
          data: { ...lockData(changed), reason: request.body.reason, from: request.ip },
        })
        return changed
      })
      return toJson(lifted, now)
    },
  )
}

/** Who or what is meant: one person who is known, a target that is configured, a label that some target has. */
async function subjectOf(
  reader: Reader,
  { person, target, label }: z.output<typeof newLockSchema>,
  deps: ApiDeps,
): Promise<LockSubject> {
  const { targets } = deps.settings()
  if (person !== undefined) {
    const people = await findPeople(reader, person)
    const [found, other] = people
    if (found === undefined)
      throw new PamError('NOT_FOUND', `nobody called "${person}" has ever signed in`, {
        hint: 'give the name, e-mail address or id that sessions and the audit log show',
      })
    if (other !== undefined)
      throw new PamError('AMBIGUOUS', `several people are or were called "${person}"`, {
        hint: `give one of these ids: ${people.map(({ id }) => id).join(', ')}`,
      })
    return { type: 'person', ...found }
  }
  if (target !== undefined) {
    if (!targets.some(({ name }) => name === target))
      throw new PamError('TARGET_UNKNOWN', `no target is named "${target}"`)
    return { type: 'target', name: target }
  }
  if (label === undefined) return { type: 'all' }
  if (!targets.some(({ labels }) => labels[label.name] === label.value))
    throw new PamError('NOT_FOUND', `no target has the label ${label.name}=${label.value}`)
  return { type: 'label', ...label }
}

function toJson(lock: Lock, now: number): LockJson {
  const { id, subject, reason, by, createdAt, endsAt, lifted } = lock
  return {
    id,
    subject,
    what: describeSubject(subject),
    reason,
    by: by.label,
    state: lockState(lock, now),
    createdAt: iso(createdAt),
    ...(endsAt === undefined ? {} : { endsAt: iso(endsAt) }),
    ...(lifted === undefined ? {} : { lifted: { ...lifted, at: iso(lifted.at) } }),
  }
}
