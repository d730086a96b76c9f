import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ApiDeps } from '../../src/api/deps.ts'
import { samlRoutes } from '../../src/api/routes/saml.ts'
import { authenticateBrowser } from '../../src/api/web-sessions.ts'
import type { DirectoryJoin } from '../../src/identity/login-origin.ts'
import type { Login } from '../../src/identity/login.ts'
import type { SignInProvider } from '../../src/identity/sign-in-provider.ts'
import { openLoginsOf } from '../../src/storage/logins.ts'
import type { ResponseParts } from '../helpers/saml-provider.ts'
import { browse, IDP, PUBLIC, samlAnswer, samlProvider, serveRoutes, type Jar } from '../helpers/saml-routes.ts'
import {
  GROUP_SCHEMA,
  OTHER_TOKEN,
  patchOf,
  source,
  startScim,
  userOf,
  type ScimService,
} from '../helpers/scim-service.ts'

/** People who sign in with SAML, and the directory of their provider. */
const RULES = `access: [{ name: devs, who: { groups: [dev] }, grant: standing }]
commands: [{ name: careful, who: { groups: [ops] }, match: { kinds: [delete] }, allow: true }]`
const BY_NAME_ID: DirectoryJoin = { source: 'okta', claim: 'sub', isCaseExact: true }
const MAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'
const JANE = `saml:${IDP}|jane-0001`

let scim: ScimService
let app: FastifyInstance
let deps: ApiDeps
let providers: SignInProvider[]
let jane: string
let dev: string
beforeAll(async () => {
  scim = await startScim(RULES)
  deps = {
    ...scim.deps,
    webKey: Buffer.alloc(32, 9),
    publicUrl: () => PUBLIC,
    settings: () => ({
      ...scim.deps.settings(),
      web: { providers, idle: 3_600_000, maxDuration: 12 * 3_600_000 },
    }),
  } as unknown as ApiDeps
  app = await serveRoutes([samlRoutes], deps)
})
/** Nobody is left from the case before. */
beforeEach(async () => {
  await scim.db.change(async (tx) => {
    for (const table of ['directory_users', 'directory_groups', 'directory_members', 'logins', 'sign_outs'] as const)
      await tx.deleteFrom(table).execute()
  })
  scim.ended.length = 0
  scim.sources = [source()]
  scim.clock.time = Date.now() // The library looks at the clock of the wall.
  providers = [provider()]
  jane = await made('/Users', userOf('jane-0001'))
  dev = await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'dev', members: [{ value: jane }] })
})
afterAll(async () => {
  await app.close()
  await scim.close()
})

function provider(join: DirectoryJoin | undefined = BY_NAME_ID, more: object = {}): SignInProvider {
  const made = samlProvider('corp', { idpInitiated: true, ...more })
  return made.kind === 'saml' ? { ...made, client: { ...made.client, provisioning: join } } : made
}
const made = async (path: string, body: object, token?: string): Promise<string> => {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` }
  return String((await scim.call('POST', path, body, headers)).body['id'])
}
const setActive = (active: boolean, id = jane) =>
  scim.call('PATCH', `/Users/${id}`, patchOf({ op: 'replace', path: 'active', value: active }))

/** Where the browser goes with the answer of the provider. */
const deliver = async (more: Partial<ResponseParts> = {}): Promise<string> => {
  const SAMLResponse = samlAnswer(scim.clock.time, undefined, more)
  return String((await browse(app, '/auth/saml/corp/acs', new Map(), { SAMLResponse })).headers.location)
}
async function signIn(more: Partial<ResponseParts> = {}, jar: Jar = new Map()) {
  const answer = await browse(app, await deliver(more), jar)
  return { status: answer.statusCode, body: answer.body, jar }
}
const who = (jar: Jar) =>
  authenticateBrowser(
    { method: 'GET', headers: { cookie: `__Host-pam_session=${jar.get('__Host-pam_session') ?? ''}` }, from: 'here' },
    deps,
  )
const loginOf = async (personId: string): Promise<Login> => {
  const [login] = await openLoginsOf(scim.db.read, personId)
  if (login === undefined) throw new Error(`${personId} is not signed in`)
  return login
}

describe('the directory of a SAML provider', () => {
  it('ends browsers and what is live when it disables somebody, and keeps them out until it enables them', async () => {
    const { status, jar } = await signIn()
    expect([status, (await who(jar)).login.person.groups]).toEqual([303, ['dev']])
    scim.connect(await loginOf(JANE))
    await setActive(false)
    expect(scim.ended).toEqual(['ses_1 IDENTITY_LOST: the directory "okta" has disabled your account'])
    await expect(who(jar)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    expect(await signIn()).toMatchObject({ status: 403, body: expect.stringContaining('has disabled your account') })
    await setActive(true)
    scim.clock.time += 1000
    expect((await signIn()).status).toBe(303)
  })

  it('adds groups, and removes them together with what is live under them', async () => {
    const { jar } = await signIn()
    scim.connect(await loginOf(JANE))
    await scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'remove', path: `members[value eq "${jane}"]` }))
    expect((await who(jar)).login.person.groups).toEqual([])
    expect(scim.ended).toEqual([expect.stringMatching(/^ses_1 /)])
  })

  it('refuses people it does not know, where they must be known', async () => {
    expect((await signIn({ nameId: 'kim' })).status).toBe(403)
    scim.sources = [source({ required: false })]
    expect((await signIn({ nameId: 'kim' })).status).toBe(303)
  })

  it('is queried by an attribute where that is configured', async () => {
    providers = [provider({ ...BY_NAME_ID, claim: 'objectId' })]
    const as = (...objectId: string[]) => signIn({ nameId: 'opaque', attributes: { objectId } })
    expect((await as('jane-0001')).status).toBe(303)
    // None, two of which either could count, and one that is no name.
    for (const values of [[], ['jane-0001', 'bob'], [' jane-0001'], ['']])
      expect(await as(...values)).toMatchObject({
        status: 403,
        body: expect.stringContaining('does not have the claim'),
      })
    // The NameID is another claim.
    expect((await signIn({ attributes: {} })).status).toBe(403)
  })

  it('is not asked by what was asserted of another claim: a session from before a change signs in again', async () => {
    const { jar } = await signIn({ attributes: { objectId: ['jane-0001'] } })
    providers = [provider({ ...BY_NAME_ID, claim: 'objectId' })]
    scim.clock.time += 301_000
    await expect(who(jar)).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
  })
})

describe('attacks on the directory of a SAML provider', () => {
  it('a pending sign-in is refused once its person is disabled', async () => {
    const waiting = await deliver()
    await setActive(false)
    expect((await browse(app, waiting, new Map())).statusCode).toBe(403)
  })

  it('the directory of another issuer says nothing of a NameID that is also a name of its own', async () => {
    scim.sources = [source(), source({ name: 'entra', token: () => OTHER_TOKEN })]
    const { jar } = await signIn()
    const other = await made('/Users', userOf('jane-0001'), OTHER_TOKEN)
    const headers = { authorization: `Bearer ${OTHER_TOKEN}` }
    await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'ops', members: [{ value: other }] }, OTHER_TOKEN)
    await scim.call('DELETE', `/Users/${other}`, undefined, headers)
    scim.clock.time += 301_000
    expect((await who(jar)).login.person.groups).toEqual(['dev'])
    await setActive(false)
    await expect(who(jar)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })

  it('a new userName takes the old one’s sessions, whatever capitals a NameID is written in', async () => {
    scim.sources = [source({ attribute: 'userName', required: false })]
    providers = [provider({ ...BY_NAME_ID, isCaseExact: false }, { nameIdFormat: 'emailAddress' })]
    const as = (nameId: string) => signIn({ nameId, nameIdFormat: MAIL })
    const { jar } = await as('JANE-0001@example.com')
    expect((await who(jar)).login.person.groups).toEqual(['dev'])
    await scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'replace', path: 'userName', value: 'j@example.com' }))
    expect((await who(jar)).login.person.groups).toEqual([])
    // The user is still this person's, by either name.
    await setActive(false)
    await expect(who(jar)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    for (const name of ['jane-0001@example.com', 'Jane-0001@Example.com', 'J@example.com'])
      expect([name, (await as(name)).status]).toEqual([name, 403])
  })

  it('a name in capitals is another one where names are compared exactly, and is refused', async () => {
    expect((await signIn({ nameId: 'JANE-0001' })).status).toBe(403)
  })

  it('a name that is equivalent to another one in Unicode belongs to nobody', async () => {
    scim.sources = [source({ attribute: 'userName', required: false })]
    providers = [provider({ ...BY_NAME_ID, isCaseExact: false })]
    await made('/Users', userOf('kim', { userName: 'Kim' }))
    expect((await signIn({ nameId: 'kim' })).status).toBe(303)
    expect((await signIn({ nameId: '\u212Aim' })).status).toBe(403)
  })
})
