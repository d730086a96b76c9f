import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mintGrant, grantState } from '../../src/access/grant.ts'
import { createRequest } from '../../src/access/request.ts'
import type { Passkey } from '../../src/identity/passkeys/passkey.ts'
import { lastAudit } from '../../src/storage/audit.ts'
import { addPasskey, passkeysOf } from '../../src/storage/passkeys.ts'
import { findGrants, saveGrant, standingBlock } from '../../src/storage/grants.ts'
import { findRequests, saveRequest } from '../../src/storage/requests.ts'
import { findLogin } from '../../src/storage/logins.ts'
import { saveWebSession, findWebSession } from '../../src/storage/web-sessions.ts'
import {
  GROUP_SCHEMA,
  OTHER_TOKEN,
  patchOf,
  source,
  startScim,
  userOf,
  type ScimService,
} from '../helpers/scim-service.ts'

const RULES = `access:
  - { name: devs, who: { groups: [dev] }, grant: standing }
  - { name: all, who: { groups: [staff] }, grant: standing }
commands: [{ name: careful, who: { groups: [ops] }, match: { kinds: [delete] }, allow: true }]`

let scim: ScimService
let jane: string
let dev: string
beforeEach(async () => {
  scim = await startScim(RULES)
  jane = await made('/Users', userOf('jane'))
  dev = await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'dev', members: [{ value: jane }] })
})
afterEach(() => scim.close())

const made = async (path: string, body: object, token?: string): Promise<string> =>
  String(
    (await scim.call('POST', path, body, token === undefined ? undefined : { authorization: `Bearer ${token}` })).body[
      'id'
    ],
  )
const setActive = (active: unknown) =>
  scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'Replace', path: 'active', value: active }))
const grant = async (
  rule: string,
  requestId: string | undefined,
  personId: string,
  startsAt?: number,
): Promise<string> => {
  const minted = mintGrant({
    person: { id: personId, label: 'jane', kind: 'person' },
    target: 'store',
    rule,
    reason: '',
    requestId,
    now: scim.clock.now(),
    length: 3_600_000,
    startsAt,
  })
  await scim.db.change((tx) => saveGrant(tx, minted))
  return minted.id
}
const stateOf = async (id: string) => {
  const [found] = await findGrants(scim.db.read, id)
  return found && grantState(found, scim.clock.now())
}

const passkeyOf = ({ id, label }: { id: string; label: string }): Passkey => ({
  id: 'pky_1',
  credentialId: 'c',
  person: { id, label },
  userHandle: 'u',
  name: 'laptop',
  publicKey: 'p',
  counter: 0,
  backupEligible: false,
  backedUp: false,
  transports: [],
  createdAt: 0,
  lastUsedAt: undefined,
})

describe('a disabled person', () => {
  it('loses logins, browsers, live sessions and grants with the answer, and the chain says why', async () => {
    const login = await scim.signIn('jane')
    expect(login.person.groups).toEqual(['dev'])
    await scim.db.change((tx) =>
      saveWebSession(tx, {
        id: 'w',
        loginId: login.id,
        createdAt: 0,
        seenAt: 0,
        endsAt: 1e15,
        refresh: undefined,
        provider: undefined,
      }),
    )
    const own = await grant('devs', 'req_1', login.person.id)
    const tonight = await grant('devs', 'req_2', login.person.id, scim.clock.now() + 3_600_000)
    scim.connect(login, own)
    await scim.db.change((tx) => addPasskey(tx, passkeyOf(login.person), { key: 'k', from: 'here' }))
    await setActive('False')
    expect(await passkeysOf(scim.db.read, login.person.id)).toEqual([])
    expect((await lastAudit(scim.db.read, 'pky_1'))?.type).toBe('passkey.removed')
    expect(scim.ended).toEqual(['ses_1 IDENTITY_LOST: the directory "okta" has disabled your account'])
    expect((await findLogin(scim.db.read, login.id))?.endedAt).toBe(scim.clock.now())
    expect(await findWebSession(scim.db.read, 'w')).toBeUndefined()
    expect([await stateOf(own), await stateOf(tonight)]).toEqual(['revoked', 'revoked'])
    expect((await scim.audited()).slice(-5).toSorted()).toEqual([
      'directory.user_changed by directory:okta',
      'grant.revoked by directory:okta',
      'grant.revoked by directory:okta',
      'login.ended by directory:okta',
      'passkey.removed by directory:okta',
    ])
  })

  it('cannot sign in while disabled, and once enabled only with a token from after that', async () => {
    await setActive(false)
    await expect(scim.signIn('jane')).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    await expect(scim.signIn('jane', { key: 'another' })).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    await setActive(true)
    await expect(scim.signIn('jane')).resolves.toMatchObject({ person: { groups: ['dev'] } })
  })

  it('is refused whether the sign-in or the disabling comes first', async () => {
    for (let i = 0; i < 5; i++) {
      await setActive(true)
      scim.clock.time += 2000
      const [signedIn] = await Promise.allSettled(
        i % 2 === 0
          ? [scim.signIn('jane', { key: `k${i}` }), setActive(false)]
          : [setActive(false).then(() => scim.signIn('jane', { key: `k${i}` }))],
      )
      if (signedIn.status === 'fulfilled')
        expect((await findLogin(scim.db.read, (signedIn.value as { id: string }).id))?.endedAt).toBeDefined()
      else expect(signedIn.reason).toMatchObject({ code: 'ACCOUNT_DISABLED' })
      scim.clock.time += 2000
    }
  })

  it('is disabled everywhere, also in logins of another issuer that the same person is joined to', async () => {
    const joined = { personId: 'oid|42' }
    await scim.signIn('jane', joined)
    const elsewhere = await scim.signIn('jane@other', {
      ...joined,
      issuer: 'https://other.example.com',
      directory: null,
      groups: ['staff'],
      key: 'k2',
    })
    scim.connect(elsewhere)
    await setActive(false)
    expect(scim.ended).toHaveLength(1)
    await expect(
      scim.signIn('jane@other', { ...joined, issuer: 'https://other.example.com', directory: null, key: 'k3' }),
    ).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
  })

  it('has no request left that somebody could approve; neither has a person who left a group', async () => {
    const login = await scim.signIn('jane')
    const rule = scim.deps.settings().policy.access[0]
    if (rule === undefined) throw new Error()
    const ask = async (): Promise<string> => {
      const request = createRequest(
        {
          requester: { ...login.person },
          target: 'store',
          reason: 'work',
          length: 60_000,
          rule: { ...rule, approvers: { groups: ['sre'], count: 1 } },
        },
        { now: scim.clock.now(), expire: 60_000 },
      )
      await scim.db.change((tx) => saveRequest(tx, request))
      return request.id
    }
    const stateOfRequest = async (id: string) => (await findRequests(scim.db.read, id))[0]?.state
    const first = await ask()
    await scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'remove', path: 'members' }))
    expect(await stateOfRequest(first)).toBe('withdrawn')
    const second = await ask()
    await setActive(false)
    expect(await stateOfRequest(second)).toBe('withdrawn')
  })

  it('affects nobody else', async () => {
    await made('/Users', userOf('bob'))
    const bob = await scim.signIn('bob')
    scim.connect(bob)
    await scim.signIn('jane')
    await setActive(false)
    expect(scim.ended).toEqual([])
    expect((await findLogin(scim.db.read, bob.id))?.endedAt).toBeUndefined()
  })
})

describe('a deleted person', () => {
  it('loses everything, and is refused until the directory creates the same person again', async () => {
    const login = await scim.signIn('jane')
    scim.connect(login)
    await scim.call('DELETE', `/Users/${jane}`)
    expect(scim.ended).toEqual(['ses_1 IDENTITY_LOST: the directory "okta" has deleted your account'])
    for (const required of [true, false]) {
      scim.sources = [source({ required })]
      await expect(scim.signIn('jane', { key: `k${required}` })).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    }
    scim.clock.time += 2000
    const again = await made('/Users', userOf('jane', { id: jane }))
    expect(again).not.toBe(jane)
    // A new user is in no group of the old one.
    await expect(scim.signIn('jane', { key: 'k3' })).resolves.toMatchObject({ person: { groups: [] } })
  })

  it('leaves nothing to a later person with the same userName', async () => {
    scim.sources = [source({ attribute: 'userName' })]
    const old = { personId: 'iss|old', name: 'jane@example.com' }
    await scim.signIn('jane', old)
    await scim.call('DELETE', `/Users/${jane}`)
    scim.clock.time += 2000
    await made('/Users', userOf('jane2', { userName: 'Jane@example.com' }))
    await expect(scim.signIn('jane', { ...old, key: 'k2' })).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    const other = await scim.signIn('jane2', { personId: 'iss|new', name: 'jane@example.com', key: 'k3' })
    expect(other.person.groups).toEqual([])
  })

  it('leaves nothing either if the directory gives no externalId: two without one are not the same', async () => {
    scim.sources = [source({ attribute: 'userName' })]
    const without = { externalId: undefined, userName: 'kim@example.com' }
    const kim = await made('/Users', userOf('kim', without))
    const old = { personId: 'iss|old', name: 'kim@example.com' }
    await scim.signIn('kim', old)
    await scim.call('DELETE', `/Users/${kim}`)
    scim.clock.time += 2000
    const next = await made('/Users', userOf('kim', without))
    await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'ops', members: [{ value: next }] })
    await expect(scim.signIn('kim', { ...old, key: 'k2' })).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    const other = await scim.signIn('kim2', { personId: 'iss|new', name: 'kim@example.com', key: 'k3' })
    expect(other.person.groups).toEqual(['ops'])
  })
})

describe('a person whom the directory does not know', () => {
  it('is refused where the directory is required, and else admitted without groups', async () => {
    await expect(scim.signIn('alice')).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    scim.sources = [source({ required: false })]
    const alice = await scim.signIn('alice', { groups: ['dev'] })
    expect(alice.person.groups).toEqual([])
    // Once it knows them, what it says counts at once.
    const id = await made('/Users', userOf('alice', { active: false }))
    expect((await findLogin(scim.db.read, alice.id))?.endedAt).toBeDefined()
    expect(id).toMatch(/^usr_/)
  })

  it('is always refused with a token that lacks the claim: it could be that of a disabled person', async () => {
    scim.sources = [source({ required: false })]
    await setActive(false)
    await expect(scim.signIn('jane', { name: '', groups: ['dev'] })).rejects.toMatchObject({
      code: 'ACCOUNT_DISABLED',
      message: expect.stringContaining('does not have the claim') as string,
    })
  })

  it('is also who has no such claim, and who is known by another name since', async () => {
    await expect(scim.signIn('jane', { name: '' })).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    const login = await scim.signIn('jane')
    scim.connect(login)
    await scim.call('PATCH', `/Users/${jane}`, patchOf({ op: 'replace', path: 'externalId', value: 'somebody else' }))
    expect(scim.ended).toHaveLength(1)
  })
})

describe('a person who leaves a group', () => {
  const leave = () =>
    scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'remove', path: `members[value eq "${jane}"]` }))

  it('loses the sessions and grants that the group gave, and keeps the login', async () => {
    const login = await scim.signIn('jane')
    const [asked, standing] = [
      await grant('devs', 'req_1', login.person.id),
      await grant('devs', undefined, login.person.id),
    ]
    scim.connect(login, asked)
    await leave()
    expect(scim.ended).toEqual(['ses_1 IDENTITY_LOST: your group membership changed; this access was withdrawn'])
    expect([await stateOf(asked), await stateOf(standing)]).toEqual(['revoked', 'revoked'])
    // Back in the group, what was asked for is asked for again; standing access is there without anybody's help.
    expect(await standingBlock(scim.db.read, login.person.id, 'store')).toBeUndefined()
    expect((await findLogin(scim.db.read, login.id))?.person.groups).toEqual([])
    expect((await findLogin(scim.db.read, login.id))?.endedAt).toBeUndefined()
  })

  it('loses a session under a grant of that group even if another group has access', async () => {
    const login = await scim.signIn('jane')
    const staff = await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'staff', members: [{ value: jane }] })
    const now = await findLogin(scim.db.read, login.id)
    if (now === undefined) throw new Error()
    expect(now.person.groups).toEqual(['dev', 'staff'])
    scim.connect(now, await grant('devs', 'req_1', login.person.id))
    await leave()
    expect(scim.ended).toHaveLength(1)
    expect(staff).toMatch(/^grp_/)
  })

  it('loses a session under the grant even if it was opened from another issuer', async () => {
    const joined = { personId: 'oid|42' }
    const login = await scim.signIn('jane', joined)
    const elsewhere = { ...joined, issuer: 'https://other.example.com', directory: null, groups: ['staff'], key: 'k2' }
    scim.connect(await scim.signIn('jane@other', elsewhere), await grant('devs', 'req_1', login.person.id))
    await leave()
    expect(scim.ended).toEqual([
      'ses_1 GRANT_REVOKED: your access to store was revoked: group membership changed in the directory',
    ])
  })

  it('loses grants even while signed out', async () => {
    const login = await scim.signIn('jane')
    const own = await grant('devs', 'req_1', login.person.id)
    await scim.db.change((tx) => tx.updateTable('logins').set({ ended_at: scim.clock.now() }).execute())
    await leave()
    expect(await stateOf(own)).toBe('revoked')
  })

  it.each([
    ['the group is deleted', () => scim.call('DELETE', `/Groups/${dev}`)],
    [
      'the group is renamed',
      () => scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'replace', value: { displayName: 'x' } })),
    ],
    [
      'the group is replaced without members',
      () => scim.call('PUT', `/Groups/${dev}`, { schemas: [GROUP_SCHEMA], displayName: 'dev' }),
    ],
  ])('the same where %s', async (_what, change) => {
    scim.connect(await scim.signIn('jane'))
    await change()
    expect(scim.ended).toHaveLength(1)
  })

  it('keeps sessions that no rule treats differently', async () => {
    await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'chess', members: [{ value: jane }] })
    scim.connect(await scim.signIn('jane'))
    await scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'add', path: 'members', value: [{ value: jane }] }))
    await scim.call(
      'DELETE',
      `/Groups/${String(((await scim.call('GET', '/Groups?filter=displayName%20eq%20%22chess%22')).body['Resources'] as { id: string }[])[0]?.id)}`,
    )
    expect(scim.ended).toEqual([])
  })
})

describe('groups', () => {
  it.each([
    ['token', ['from-token']],
    ['scim', ['always', 'dev']],
    ['both', ['from-token', 'dev']],
  ] as const)('are those of %s', async (groups, expected) => {
    scim.sources = [source({ groups, always: ['always'] })]
    const login = await scim.signIn('jane', { groups: ['from-token'] })
    expect(login.person.groups).toEqual(expected)
  })

  it('are limited to those that the issuer may give, and named as configured', async () => {
    scim.sources = [source({ known: ['staff'] })]
    expect((await scim.signIn('jane')).person.groups).toEqual([])
    scim.sources = [source({ groupName: 'externalId' })]
    await scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'add', path: 'externalId', value: 'object-id' }))
    expect((await scim.signIn('jane', { key: 'k2' })).person.groups).toEqual(['object-id'])
  })

  it('of another source belong to nobody here', async () => {
    scim.sources = [source(), source({ name: 'entra', token: () => OTHER_TOKEN })]
    const other = await made('/Users', userOf('jane'), OTHER_TOKEN)
    await made('/Groups', { schemas: [GROUP_SCHEMA], displayName: 'ops', members: [{ value: other }] }, OTHER_TOKEN)
    expect((await scim.signIn('jane')).person.groups).toEqual(['dev'])
  })
})

it('that are sent again unchanged have no effect, and add nothing to the chain', async () => {
  const before = await scim.audited()
  await scim.call('PUT', `/Users/${jane}`, userOf('jane'))
  await scim.call('PATCH', `/Groups/${dev}`, patchOf({ op: 'add', path: 'members', value: [{ value: jane }] }))
  await setActive('True')
  expect(await scim.audited()).toEqual(before)
})
