import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import type { ApiDeps } from '../../src/api/deps.ts'
import type { ProvisioningSource } from '../../src/api/directory-standing.ts'
import { proveIdentity } from '../../src/api/prove-identity.ts'
import { RefusalCounter } from '../../src/api/refusal-counter.ts'
import { scimRoutes } from '../../src/api/routes/scim.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { ProvenIdentity } from '../../src/identity/identity-token.ts'
import type { Login } from '../../src/identity/login.ts'
import { listAudit } from '../../src/storage/audit.ts'
import type { Database } from '../../src/storage/database.ts'
import { HandClock } from './hand-clock.ts'
import { policyOf } from './session-parts.ts'
import { testStore } from './test-store.ts'

export const TOKEN = 'okta-token-0123456789abcdef0123456789'
export const OTHER_TOKEN = 'entra-token-0123456789abcdef012345678'

export const source = (given: Partial<ProvisioningSource> = {}): ProvisioningSource => ({
  name: 'okta',
  token: () => TOKEN,
  attribute: 'externalId',
  groups: 'scim',
  groupName: 'displayName',
  required: true,
  always: [],
  known: undefined,
  ...given,
})

/** An answer of the endpoint. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Record<string, unknown>
}

/** The SCIM endpoint over a store of its own, with live sessions that are lists of reasons, and a provider that says what it is told to. */
export interface ScimService {
  readonly db: Database
  readonly deps: ApiDeps
  readonly clock: HandClock
  sources: readonly ProvisioningSource[]
  /** `session code: message` of each live session that was ended. */
  readonly ended: string[]
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Signs in whom the issuer calls `subject`, at a key of that name. */
  signIn(subject: string, given?: SignInAs): Promise<Login>
  /** A live session of a login to the target `store`. */
  connect(login: Login, grantId?: string): string
  audited(): Promise<string[]>
  close(): Promise<void>
}

export interface SignInAs {
  readonly groups?: readonly string[]
  readonly personId?: string
  readonly key?: string
  readonly directory?: string | null
  readonly name?: string
  readonly session?: string
  readonly issuer?: string
}

export async function startScim(rules: string): Promise<ScimService> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-scim-'))
  const db = await testStore(join(directory, 'state.db'))
  const clock = new HandClock()
  const registry = new SessionRegistry()
  const policy = policyOf(rules)
  const targets = [{ name: 'store', type: 'postgres', labels: {} }]
  const ended: string[] = []
  let tokens = 0
  let next: ProvenIdentity | undefined
  const deps = {
    db,
    clock,
    registry,
    refusals: new RefusalCounter(),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    connections: { settled: () => {} },
    publicUrl: () => 'https://pam.example.com',
    identities: () => ({ verify: () => Promise.resolve(next) }),
    settings: () => ({ policy, targets, reproof: 300_000, provisioning: service.sources }),
  } as unknown as ApiDeps
  const app = Fastify({ routerOptions: { maxParamLength: 64 } })
  await app.register(scimRoutes, deps)
  await app.ready()
  const service: ScimService = {
    db,
    deps,
    clock,
    sources: [source()],
    ended,
    async call(method, path, body, headers = { authorization: `Bearer ${TOKEN}` }) {
      const response = await app.inject({
        method: method as 'GET',
        url: `/scim/v2${path}`,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }), ...headers },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = response.body
      return {
        status: response.statusCode,
        headers: response.headers,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      }
    },
    async signIn(subject, given = {}) {
      const { groups = [], issuer = 'https://okta.example.com', name = subject, directory: from = 'okta' } = given
      const personId = given.personId ?? `${issuer}|${subject}`
      next = {
        id: personId,
        kind: 'person',
        label: subject,
        groups,
        email: undefined,
        authTime: clock.now(),
        issuedAt: clock.now(),
        expiresAt: clock.now() + 3_600_000,
        digest: `token ${tokens++}`,
        origin: {
          issuer,
          subject,
          session: given.session,
          directory: from === null ? undefined : { source: from, key: name === '' ? undefined : name },
          groups,
        },
      }
      return proveIdentity('token', given.key ?? `key of ${subject}`, 'here', deps)
    },
    connect({ id, person }, grantId = 'grt_none') {
      const session = `ses_${registry.size + 1}`
      registry.add({
        id: session,
        person,
        loginId: id,
        grantId,
        target: 'store',
        account: 'app',
        tally: () => ({ commands: 0, denied: 0, held: 0 }),
        activity: () => undefined,
        recent: () => [],
        end: ({ code, message }) => {
          ended.push(`${session} ${code}: ${message}`)
          registry.over(session)
          registry.remove(session)
        },
        extend: () => {},
        decided: () => {},
        isAsBegun: () => true,
        held: () => undefined,
      })
      return session
    },
    audited: async () =>
      (await listAudit(db.read, {}, { after: 0, limit: 1000 })).map(({ type, actor }) => `${type} by ${actor}`),
    async close() {
      await app.close()
      await db.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return service
}

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group'

export const userOf = (externalId: string, more: object = {}): object => ({
  schemas: [USER_SCHEMA],
  userName: `${externalId}@example.com`,
  externalId,
  active: true,
  ...more,
})

export const patchOf = (...Operations: object[]): object => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations,
})
