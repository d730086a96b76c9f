import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Passkey } from '../../identity/passkeys/passkey.ts'
import { PamError } from '../../shared/errors.ts'
import { findPeople } from '../../storage/logins.ts'
import type { Reader } from '../../storage/page.ts'
import { passkeysOf, removePasskeys } from '../../storage/passkeys.ts'
import type { ApiDeps } from '../deps.ts'
import { needBrowser } from '../passkey-challenge.ts'
import { beginRegistration, finishRegistration, removeOwn } from '../passkey-registration.ts'
import { provenLogin } from '../proven-login.ts'
import { needRole } from '../role-acts.ts'
import { idParams } from '../schemas/common.ts'
import {
  creationOptionsSchema,
  newPasskeySchema,
  passkeySchema,
  passkeysSchema,
  removalSchema,
  type Passkey as PasskeyJson,
} from '../schemas/passkey.ts'
import type { App } from './app.ts'
import { iso } from './to-json.ts'

/** Passkeys: registering and removing one's own; and, for operators, removing those of somebody who has lost them. */
export const passkeyRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  listRoute(app, deps)
  registrationRoutes(app, deps)
  removalRoute(app, deps)
}

function listRoute(app: App, deps: ApiDeps): void {
  const querystring = z.object({ person: z.string().min(1).max(300).optional() })
  app.get('/v1/passkeys', { schema: { querystring, response: { 200: passkeysSchema } } }, async (request) => {
    const login = request.login()
    const { person } = request.query
    if (person !== undefined) needRole(login, 'passkeys.read', deps)
    const id = person === undefined ? login.person.id : await personOf(deps.db.read, person)
    return { items: (await passkeysOf(deps.db.read, id)).map(toJson) }
  })
}

function registrationRoutes(app: App, deps: ApiDeps): void {
  app.post('/v1/passkeys/registration', { schema: { response: { 200: creationOptionsSchema } } }, async (request) => {
    const sessionId = needBrowser(request.browser, deps)
    return beginRegistration({ loginId: request.login().id, sessionId, from: request.ip }, deps)
  })

  app.post(
    '/v1/passkeys',
    { schema: { body: newPasskeySchema, response: { 201: passkeySchema } } },
    async (request, reply) => {
      const sessionId = needBrowser(request.browser, deps)
      const call = { loginId: request.login().id, sessionId, from: request.ip }
      return reply.status(201).send(toJson(await finishRegistration(request.body, call, deps)))
    },
  )

  app.delete(
    '/v1/passkeys/:id',
    { schema: { params: idParams, response: { 204: z.null() } } },
    async (request, reply) => {
      const sessionId = needBrowser(request.browser, deps)
      await removeOwn(request.params.id, { loginId: request.login().id, sessionId, from: request.ip }, deps)
      return reply.status(204).send(null)
    },
  )
}

/** Who has lost their passkeys registers another one: nobody registers one for somebody else. */
function removalRoute(app: App, deps: ApiDeps): void {
  const { db, clock } = deps
  app.post(
    '/v1/passkeys/removal',
    { schema: { body: removalSchema, response: { 200: passkeysSchema } } },
    async (request) => {
      const { id: loginId } = request.login()
      const { person, reason } = request.body
      return db.change(async (tx) => {
        const login = await provenLogin(tx, loginId, clock.now())
        needRole(login, 'passkeys.remove', deps)
        const removed = await passkeysOf(tx, await personOf(tx, person))
        const by = { actor: login.person.id, why: reason, now: clock.now(), from: request.ip }
        await removePasskeys(tx, removed, by)
        return { items: removed.map(toJson) }
      })
    },
  )
}

/** The id of one person who has signed in. */
async function personOf(reader: Reader, name: string): Promise<string> {
  const people = await findPeople(reader, name)
  const [found, other] = people
  if (found === undefined)
    throw new PamError('NOT_FOUND', `nobody called "${name}" has ever signed in`, {
      hint: 'give the name, e-mail address or id that sessions and the audit log show',
    })
  if (other === undefined) return found.id
  throw new PamError('AMBIGUOUS', `several people are or were called "${name}"`, {
    hint: `give one of these ids: ${people.map(({ id }) => id).join(', ')}`,
  })
}

const toJson = ({ id, credentialId, name, person, createdAt, lastUsedAt, backedUp }: Passkey): PasskeyJson => ({
  id,
  credential: credentialId,
  name,
  person,
  createdAt: iso(createdAt),
  ...(lastUsedAt === undefined ? {} : { lastUsedAt: iso(lastUsedAt) }),
  backedUp,
})
