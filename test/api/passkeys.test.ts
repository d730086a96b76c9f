import { constants, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Approval } from '../../src/access/approval.ts'
import { createRequest, type AccessRequest } from '../../src/access/request.ts'
import { ChangeFeed } from '../../src/api/change-feed.ts'
import { decideReview } from '../../src/api/decide-review.ts'
import { beginApproval } from '../../src/api/passkey-approval.ts'
import { needBrowser } from '../../src/api/passkey-challenge.ts'
import { beginRegistration, finishRegistration, removeOwn } from '../../src/api/passkey-registration.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Assertion } from '../../src/identity/passkeys/assertion.ts'
import type { Login } from '../../src/identity/login.ts'
import { findApprovals, saveApproval } from '../../src/storage/approvals.ts'
import { listAudit } from '../../src/storage/audit.ts'
import type { AccessRule } from '../../src/policy/policy.ts'
import type { Database } from '../../src/storage/database.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { passkeysOf } from '../../src/storage/passkeys.ts'
import { findRequests, saveRequest } from '../../src/storage/requests.ts'
import { SMALL_ORDER_KEYS } from '../helpers/small-order-keys.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import {
  cbor,
  coseKeyOf,
  FLAGS,
  newPasskeyKeys,
  SoftwareAuthenticator,
  type Cbor,
  type Deviation,
  type PasskeyAlgorithm,
} from '../helpers/software-authenticator.ts'
import { REQUEST_RULE } from '../helpers/review-fixtures.ts'
import { testStore } from '../helpers/test-store.ts'

const NOW = 1_700_000_000_000
const ORIGIN = 'https://pam.example.com'
const APPROVERS = { groups: ['sre'], count: 1, stepUp: 'passkey' } as const

const loginOf = (id: string): Login => ({
  id: `lgn_${id}`,
  person: { id, kind: 'person', label: `${id}@example.com`, groups: ['sre'] },
  thumbprint: `web:${id}`,
  email: undefined,
  authTime: NOW,
  provenUntil: NOW + 3_600_000,
  createdAt: NOW,
  endedAt: undefined,
})
const [bob, alice] = [loginOf('bob'), loginOf('alice')]
/** Made once: RSA takes its time. */
const KEYS = {
  ES256: newPasskeyKeys('ES256'),
  EdDSA: newPasskeyKeys('EdDSA'),
  RS256: newPasskeyKeys('RS256'),
}

const RULE: AccessRule = { ...REQUEST_RULE, approvers: APPROVERS }
const RULES = { policy: { access: [RULE] }, targets: [{ name: 'db', type: 'postgres', labels: {} }] }

describe('passkeys', () => {
  let directory: string
  let db: Database
  let clock: HandClock
  let deps: Parameters<typeof decideReview>[4]
  let key: SoftwareAuthenticator
  let held: Approval
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await testStore(join(directory, 'state.db'))
  })
  afterAll(async () => {
    await db.close()
    rmSync(directory, { recursive: true })
  })
  beforeEach(async () => {
    clock = new HandClock()
    clock.time = NOW
    deps = {
      db,
      clock,
      settings: () => ({ recentSignIn: 900_000, roles: { audit: [], operate: [], lock: [] }, ...RULES }),
      changes: new ChangeFeed(),
      registry: Object.assign(new SessionRegistry(), { has: (id: string) => id === 'ses_1' }),
      publicUrl: () => ORIGIN,
    } as never
    held = approval('apr_0000000000001')
    await db.change(async (tx) => {
      for (const table of ['passkeys', 'passkey_challenges', 'approvals', 'requests', 'audit'] as const)
        await tx.deleteFrom(table).execute()
      await saveLogin(tx, bob)
      await saveLogin(tx, alice)
      await saveLogin(tx, {
        ...bob,
        id: 'lgn_jane',
        thumbprint: 'j',
        person: { ...bob.person, id: 'jane', groups: [] },
      })
      await saveApproval(tx, held)
    })
    key = new SoftwareAuthenticator(ORIGIN)
  })

  const call = (login: Login, sessionId = `browser of ${login.person.id}`) => ({
    loginId: login.id,
    sessionId,
    from: '192.0.2.1',
  })
  const register = async (login = bob, authenticator = key, other: Deviation = {}) => {
    const answer = authenticator.register(await beginRegistration(call(login), deps), other)
    return finishRegistration({ name: 'laptop', answer }, call(login), deps)
  }
  const ask = (review: AccessRequest | Approval = held, login = bob, sessionId = call(login).sessionId) =>
    db.change((tx) => beginApproval(tx, { review, login, approved: shown(review) }, { sessionId }, deps))
  const approve = (assertion: Assertion, review: AccessRequest | Approval = held, login = bob, other: object = {}) =>
    decideReview(
      review.id,
      login,
      {
        verdict: 'approve',
        comment: '',
        ...shown(review),
        passkey: { sessionId: call(login).sessionId, assertion },
        ...other,
      },
      '192.0.2.1',
      deps,
    )
  const shown = (review: AccessRequest | Approval) => ('sessionId' in review ? { digest: review.digest } : {})
  const types = async (): Promise<string[]> =>
    (await listAudit(db.read, {}, { after: 0, limit: 100 })).map(({ type }) => type)
  const stateOf = async (id = held.id): Promise<string | undefined> => (await findApprovals(db.read, id))[0]?.state
  const REFUSED = { code: 'PASSKEY_REFUSED' }

  it('an approval is verified by a passkey, whose credential is on record with it', async () => {
    const { credentialId } = await register()
    const { review } = await approve(key.assert(await ask()))
    expect(review.state).toBe('approved')
    expect(review.decisions).toMatchObject([{ by: 'bob', verdict: 'approve', passkey: credentialId }])
    const entries = await listAudit(db.read, {}, { after: 0, limit: 100 })
    expect(entries.find(({ type }) => type === 'approval.approved')?.data).toMatchObject({ passkey: credentialId })
    expect(await passkeysOf(db.read, 'bob')).toMatchObject([{ counter: 1, lastUsedAt: NOW }])
  })

  it('a request is approved for the shorter time that the passkey signed', async () => {
    await register()
    const request = await requestOf('jane')
    const approved = { lengthMs: 600_000 }
    const begin = db.change((tx) => beginApproval(tx, { review: request, login: bob, approved }, call(bob), deps))
    const assertion = key.assert(await begin)
    const [grant] = (await approve(assertion, request, bob, approved)).grants
    expect((grant?.endsAt ?? 0) - (grant?.startsAt ?? 0)).toBe(600_000)
  })

  describe.each<PasskeyAlgorithm>(['ES256', 'EdDSA', 'RS256'])('with %s', (algorithm) => {
    const [own, others] = [KEYS[algorithm], newPasskeyKeys(algorithm)]
    const rsa = KEYS.RS256.privateKey
    const unlike = KEYS[algorithm === 'EdDSA' ? 'ES256' : 'EdDSA'].privateKey
    beforeEach(async () => {
      key = new SoftwareAuthenticator(ORIGIN, undefined, algorithm, own)
      await register()
    })

    it('an approval is verified', async () => {
      await approve(key.assert(await ask()))
      expect(await stateOf()).toBe('approved')
    })

    it.each<[string, Deviation]>([
      ['another key of the same kind', { signWith: others.privateKey }],
      ['a key of another kind', { signWith: unlike }],
      ['another hash', algorithm === 'EdDSA' ? { signWith: unlike, hash: 'sha512' } : { hash: 'sha512' }],
      ['RSA-PSS', { signWith: rsa, padding: constants.RSA_PKCS1_PSS_PADDING }],
      ['SHA-1', { signWith: rsa, hash: 'sha1' }],
    ])('one that is signed with %s is refused', async (_what, deviation) => {
      await expect(approve(key.assert(await ask(), deviation))).rejects.toMatchObject(REFUSED)
      expect(await stateOf()).toBe('pending')
    })

    it('one whose signature, or what it signs, differs by a bit is refused', async () => {
      for (const name of ['signature', 'authenticatorData', 'clientDataJSON'] as const) {
        const assertion = key.assert(await ask())
        const bytes = Buffer.from(assertion[name], 'base64url')
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        await expect(approve({ ...assertion, [name]: bytes.toString('base64url') })).rejects.toMatchObject(REFUSED)
      }
      expect(await stateOf()).toBe('pending')
    })
  })

  it('a denial needs no passkey', async () => {
    await decideReview(held.id, bob, { verdict: 'deny', comment: 'no' }, 'here', deps)
    expect(await stateOf()).toBe('denied')
  })

  it('a person without a passkey is told where to register one', async () => {
    await expect(ask()).rejects.toMatchObject({ code: 'PASSKEY_MISSING', hint: expect.stringMatching(/\/account$/) })
    const deciding = decideReview(held.id, bob, { verdict: 'approve', comment: '', ...shown(held) }, 'slack', deps)
    await expect(deciding).rejects.toMatchObject({ code: 'PASSKEY_MISSING' })
  })

  it('a chat, or an access token alone, is sent to the dashboard', async () => {
    await register()
    const deciding = decideReview(held.id, bob, { verdict: 'approve', comment: '', ...shown(held) }, 'slack', deps)
    await expect(deciding).rejects.toMatchObject({
      code: 'PASSKEY_NEEDED',
      hint: expect.stringContaining(`${ORIGIN}/reviews/${held.id}`),
    })
    expect(() => needBrowser(undefined, deps)).toThrow(/in the dashboard alone/)
    expect(await stateOf()).toBe('pending')
  })

  describe('an approval is refused', () => {
    let other: SoftwareAuthenticator
    beforeEach(async () => {
      await register()
      other = new SoftwareAuthenticator(ORIGIN)
    })

    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const rsa = KEYS.RS256.privateKey
    it.each<[string, Deviation]>([
      ['on another origin', { origin: 'https://pam.example.com.evil.example' }],
      ['on a host below that of the gateway', { origin: 'https://grafana.pam.example.com' }],
      ['on another port', { origin: 'https://pam.example.com:8443' }],
      ['in plain text', { origin: 'http://pam.example.com' }],
      ['for another relying party', { rpId: 'example.com' }],
      ['in a frame of another site', { clientData: { crossOrigin: true } }],
      ['in a frame of a site that is named', { clientData: { topOrigin: 'https://evil.example' } }],
      ['as a registration', { type: 'webauthn.create' }],
      ['as a payment', { type: 'payment.get' }],
      ['without its person verified', { flags: FLAGS.UP }],
      ['without its person present', { flags: FLAGS.UV }],
      ['with a challenge of its own', { challenge: randomBytes(32).toString('base64url') }],
      ['without a challenge', { challenge: '' }],
      ['by another key', { signWith: privateKey }],
      ['by a key of another algorithm', { signWith: rsa }],
      ['with another hash', { hash: 'sha512' }],
      ['as a backed-up credential that cannot be', { flags: FLAGS.UP | FLAGS.UV | FLAGS.BS }],
      ['as one that has become able to be backed up', { flags: FLAGS.UP | FLAGS.UV | FLAGS.BE }],
      ['with attested data that nobody asked for', { flags: FLAGS.UP | FLAGS.UV | FLAGS.AT }],
      ['under the name of somebody else', { userHandle: randomBytes(32).toString('base64url') }],
      ['under the id of a credential that nobody has', { id: randomBytes(32) }],
    ])('%s', async (_what, deviation) => {
      const assertion = key.assert(await ask(), deviation)
      await expect(approve(assertion)).rejects.toMatchObject(REFUSED)
      expect(await stateOf()).toBe('pending')
      expect(await types()).toContain('passkey.refused')
    })

    it.each<[string, Partial<Assertion>]>([
      ['with a changed signature', { signature: randomBytes(70).toString('base64url') }],
      ['with authenticator data that are cut', { authenticatorData: randomBytes(36).toString('base64url') }],
      ['with data behind the authenticator data', { authenticatorData: randomBytes(60).toString('base64url') }],
      ['with client data that are no JSON', { clientDataJSON: Buffer.from('{').toString('base64url') }],
      ['with client data that are null', { clientDataJSON: Buffer.from('null').toString('base64url') }],
      ['with client data that are no text', { clientDataJSON: Buffer.from([0xff, 0xfe]).toString('base64url') }],
    ])('%s', async (_what, changed) => {
      await expect(approve({ ...key.assert(await ask()), ...changed })).rejects.toMatchObject(REFUSED)
      expect(await stateOf()).toBe('pending')
    })

    it('when an assertion is used a second time', async () => {
      const again = approval('apr_0000000000002')
      await db.change((tx) => saveApproval(tx, again))
      const assertion = key.assert(await ask())
      await approve(assertion)
      await expect(approve(assertion, again)).rejects.toMatchObject(REFUSED)
      expect(await stateOf(again.id)).toBe('pending')
    })

    it('once its challenge was answered wrongly', async () => {
      const asked = await ask()
      await expect(approve(key.assert(asked, { flags: FLAGS.UP }))).rejects.toMatchObject(REFUSED)
      await expect(approve(key.assert(asked))).rejects.toThrow(/its challenge was already used/)
    })

    it('with the challenge of another approval', async () => {
      const again = approval('apr_0000000000002')
      await db.change((tx) => saveApproval(tx, again))
      await expect(approve(key.assert(await ask()), again)).rejects.toThrow(/its challenge is for something else/)
    })

    it('with the challenge of a registration, and the other way round', async () => {
      const { challenge } = await beginRegistration(call(bob), deps)
      await expect(approve(key.assert({ challenge }))).rejects.toThrow(/its challenge is for something else/)
      const asked = await ask()
      const answer = other.register({ challenge: asked.challenge, user: { id: key.userHandle } })
      await expect(finishRegistration({ name: 'x', answer }, call(bob), deps)).rejects.toMatchObject(REFUSED)
    })

    it('with the challenge of another person, whose passkey is another one', async () => {
      await register(alice, other)
      await expect(approve(other.assert(await ask(held, alice)))).rejects.toThrow(/issued to somebody else/)
      await expect(approve(other.assert(await ask()))).rejects.toThrow(/belongs to somebody else|no such passkey/)
    })

    it('with the challenge of another browser of the same person', async () => {
      await expect(approve(key.assert(await ask(held, bob, 'another browser')))).rejects.toThrow(/another browser/)
    })

    it('once two minutes have passed', async () => {
      const assertion = key.assert(await ask())
      clock.time += 120_000
      await expect(approve(assertion)).rejects.toThrow(/has expired/)
    })

    it('for a command that has changed since', async () => {
      const assertion = key.assert(await ask())
      const changed = { ...held, digest: 'another' }
      await db.change((tx) => saveApproval(tx, changed))
      await expect(approve(assertion)).rejects.toMatchObject({ code: 'APPROVAL_VOID' })
      await expect(approve(key.assert(await ask(changed)), held)).rejects.toMatchObject({ code: 'APPROVAL_VOID' })
    })

    it('for a command whose digest the page names, and not the one that was asked for', async () => {
      const assertion = key.assert(await ask())
      const changed = { ...held, digest: 'another' }
      await db.change((tx) => saveApproval(tx, changed))
      await expect(approve(assertion, changed)).rejects.toThrow(
        /not the decision that the passkey was asked to confirm/,
      )
    })

    it('for more time than the passkey was asked for, and for a request that another approver shortened', async () => {
      const request = await requestOf('jane', 2)
      const approved = { lengthMs: 600_000 }
      const short = await db.change((tx) =>
        beginApproval(tx, { review: request, login: bob, approved }, call(bob), deps),
      )
      await expect(approve(key.assert(short), request)).rejects.toThrow(
        /not the decision that the passkey was asked to confirm/,
      )
      const whole = key.assert(await ask(request))
      await db.change((tx) => saveRequest(tx, { ...request, length: 60_000 }))
      await expect(approve(whole, request)).rejects.toThrow(/not the decision that the passkey was asked to confirm/)
      expect((await findRequests(db.read, request.id))[0]?.state).toBe('pending')
    })

    it('with a passkey that was removed meanwhile', async () => {
      const assertion = key.assert(await ask())
      const [passkey] = await passkeysOf(db.read, 'bob')
      await removeOwn(passkey?.id ?? '', call(bob), deps)
      await expect(approve(assertion)).rejects.toMatchObject({ code: 'PASSKEY_MISSING' })
      expect(await types()).toContain('passkey.removed')
    })

    it('with a passkey that was put into the store, or whose key was replaced there', async () => {
      const assertion = key.assert(await ask())
      const [own] = await db.read.selectFrom('passkeys').selectAll().execute()
      if (own === undefined) throw new Error('no row')
      await db.change((tx) =>
        tx
          .updateTable('passkeys')
          .set({ public_key: cbor(other.coseKey()).toString('base64url') })
          .execute(),
      )
      await expect(approve(assertion)).rejects.toMatchObject({ code: 'PASSKEY_MISSING' })
      await db.change(async (tx) => {
        await tx.deleteFrom('passkeys').execute()
        const forged = { ...own, id: 'pky_0000000000009', credential_id: other.id.toString('base64url') }
        await tx.insertInto('passkeys').values(forged).execute()
      })
      await expect(ask()).rejects.toMatchObject({ code: 'PASSKEY_MISSING' })
    })

    it('if the signature counter does not increase, as with a copied key', async () => {
      key.counter = 40
      await approve(key.assert(await ask()))
      for (const counter of [40, 41, 0]) {
        const again = approval(`apr_00000000000${counter}`)
        await db.change((tx) => saveApproval(tx, again))
        await expect(approve(key.assert(await ask(again), { counter }), again)).rejects.toThrow(/counter went back/)
      }
      const refused = (await listAudit(db.read, {}, { after: 0, limit: 100 })).filter(
        ({ type }) => type === 'passkey.refused',
      )
      expect(refused).toHaveLength(3)
      expect(refused[0]).toMatchObject({ actor: 'bob', data: { credential: key.id.toString('base64url') } })
      expect(await passkeysOf(db.read, 'bob')).toMatchObject([{ counter: 41 }])
    })

    it('to one of two who use one challenge at the same time', async () => {
      const request = await requestOf('jane', 2)
      const assertion = key.assert(await ask(request))
      const outcomes = await Promise.allSettled([approve(assertion, request), approve(assertion, request)])
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      const [after] = await findRequests(db.read, request.id)
      expect(after?.decisions).toHaveLength(1)
    })

    it('to those who may not approve, before anybody is asked for a passkey', async () => {
      const own = await requestOf('bob')
      await expect(ask(own)).rejects.toMatchObject({ code: 'SELF_APPROVAL' })
      await expect(ask(held, { ...bob, person: { ...bob.person, groups: [] } })).rejects.toMatchObject({
        code: 'NOT_ALLOWED',
      })
      clock.time += 900_001
      await expect(ask({ ...held, expiresAt: clock.time + 1 })).rejects.toMatchObject({ code: 'SIGN_IN_TOO_OLD' })
    })
  })

  describe('a registration is refused', () => {
    const coseOf = (changes: readonly (readonly [number, number | Uint8Array])[]) => (own: SoftwareAuthenticator) => ({
      coseKey: new Map([...own.coseKey(), ...changes]),
    })
    const otherOf =
      (algorithm: PasskeyAlgorithm) => (changes: readonly (readonly [number, number | Uint8Array])[]) => () => ({
        coseKey: new Map([...coseKeyOf(KEYS[algorithm].publicKey, algorithm), ...changes]),
      })
    const [okpOf, rsaOf] = [otherOf('EdDSA'), otherOf('RS256')]
    const shortRsa = () => coseKeyOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, 'RS256')
    const attested = (attestation: Deviation['attestation']) => (): Deviation =>
      attestation === undefined ? {} : { attestation }
    it.each<[string, (own: SoftwareAuthenticator) => Deviation]>([
      ['on another origin', () => ({ origin: 'https://evil.example' })],
      ['in a frame of another site', () => ({ clientData: { crossOrigin: true } })],
      ['for another relying party', () => ({ rpId: 'evil.example' })],
      ['as an assertion', () => ({ type: 'webauthn.get' })],
      ['without its person verified', () => ({ flags: FLAGS.UP | FLAGS.AT })],
      ['without a credential', () => ({ flags: FLAGS.UP | FLAGS.UV })],
      ['with a key of another curve', coseOf([[-1, 2]])],
      ['with a key of another type than its algorithm', coseOf([[3, -257]])],
      ['with an algorithm that nobody asked for', coseOf([[3, -65_535]])],
      ['with a point that is not on the curve', coseOf([[-2, new Uint8Array(32)]])],
      ['with a key that has more to it', coseOf([[-4, 1]])],
      // What is accepted is a closed list: ES256 (P-256), EdDSA (Ed25519), RS256 (2048 bits and more, exponent 65537).
      ['with ES384', coseOf([[3, -35]])],
      ['with ES256K', coseOf([[3, -47]])],
      ['with a point that is compressed', coseOf([[-3, 0]])],
      ['with Ed25519 by its own number', okpOf([[3, -19]])],
      ['with Ed448', okpOf([[-1, 7]])],
      ['with X25519', okpOf([[-1, 4]])],
      ['with an Ed25519 key that is short', okpOf([[-2, new Uint8Array(31)]])],
      ...SMALL_ORDER_KEYS.map((x): [string, () => Deviation] => [
        `with an Ed25519 key of small order, ${x.toString('hex')}`,
        okpOf([[-2, new Uint8Array(x)]]),
      ]),
      ['with an Ed25519 key that has more to it', okpOf([[-3, new Uint8Array(32)]])],
      ['with an Ed25519 key that says RS256', okpOf([[3, -257]])],
      ['with PS256', rsaOf([[3, -37]])],
      ['with RS512', rsaOf([[3, -259]])],
      ['with RSA and SHA-1', rsaOf([[3, -65_535]])],
      ['with an RSA key of 1024 bits', () => ({ coseKey: shortRsa() })],
      [
        'with an RSA key of 2047 bits and a byte of zero',
        rsaOf([[-1, Buffer.concat([Buffer.alloc(1), new Uint8Array(255).fill(255)])]]),
      ],
      ['with an RSA exponent of 1, which signs everything', rsaOf([[-2, Buffer.from([1])]])],
      ['with an RSA exponent of 3', rsaOf([[-2, Buffer.from([3])]])],
      ['with an RSA key that has a private part', rsaOf([[-3, new Uint8Array(256)]])],
      ['with an RSA key that says ES256', rsaOf([[3, -7]])],
      ['with an attestation of a maker', attested(attestation('android-safetynet'))],
      ['with CBOR that ends early', attested({ raw: Buffer.from('a363666d74', 'hex') })],
      ['with CBOR that promises more than it has', attested({ raw: Buffer.from('bb7fffffffffffffff', 'hex') })],
      ['with CBOR nested without end', attested({ raw: Buffer.alloc(12_000, 0x81) })],
      ['with CBOR of another shape', attested(7)],
    ])('%s', async (_what, deviation) => {
      await expect(register(bob, key, deviation(key))).rejects.toMatchObject(REFUSED)
      expect(await passkeysOf(db.read, 'bob')).toEqual([])
    })

    it('with a credential that is registered already, by anybody', async () => {
      await register()
      await expect(register(bob)).rejects.toThrow(/registered already/)
      await expect(register(alice, new SoftwareAuthenticator(ORIGIN), { id: key.id })).rejects.toThrow(
        /registered already/,
      )
    })

    it('five minutes after the sign-in, also where it was begun before', async () => {
      const answer = key.register(await beginRegistration(call(bob), deps))
      clock.time += 300_001
      await expect(beginRegistration(call(bob), deps)).rejects.toMatchObject({ code: 'SIGN_IN_TOO_OLD' })
      await expect(finishRegistration({ name: 'x', answer }, call(bob), deps)).rejects.toMatchObject(REFUSED)
      await db.change((tx) => saveLogin(tx, { ...bob, authTime: undefined }))
      await expect(beginRegistration(call(bob), deps)).rejects.toMatchObject({ code: 'SIGN_IN_TOO_OLD' })
    })

    it('in another browser than the one that began it, and a second time', async () => {
      const answer = key.register(await beginRegistration(call(bob), deps))
      const elsewhere = call(bob, 'another browser')
      await expect(finishRegistration({ name: 'x', answer }, elsewhere, deps)).rejects.toThrow(/another browser/)
      await expect(finishRegistration({ name: 'x', answer }, call(bob), deps)).rejects.toThrow(/was already used/)
    })

    it('beyond ten passkeys, and where browsers have none', async () => {
      for (let n = 0; n < 10; n++) await register(bob, new SoftwareAuthenticator(ORIGIN))
      await expect(beginRegistration(call(bob), deps)).rejects.toThrow(/which is the limit/)
      const plain = { ...deps, publicUrl: () => 'http://pam.example.com' }
      await expect(beginRegistration(call(alice), plain)).rejects.toThrow(/no passkeys for/)
    })
  })

  async function requestOf(requester: string, count = 1): Promise<AccessRequest> {
    const request = createRequest(
      {
        requester: { id: requester, label: requester, kind: 'person' },
        target: 'db',
        reason: '',
        length: undefined,
        rule: { ...RULE, approvers: { ...APPROVERS, count } },
      },
      { now: NOW, expire: 3_600_000 },
    )
    await db.change((tx) => saveRequest(tx, request))
    return request
  }
})

const attestation = (format: string) =>
  new Map<Cbor, Cbor>([
    ['fmt', format],
    ['attStmt', new Map()],
    ['authData', new Uint8Array(200)],
  ])

const approval = (id: string): Approval => ({
  id,
  requester: { id: 'jane', label: 'jane', kind: 'person' },
  approvers: APPROVERS,
  state: 'pending',
  decisions: [],
  createdAt: NOW,
  expiresAt: NOW + 3_600_000,
  sessionId: 'ses_1',
  target: 'db',
  rule: 'deletes wait',
  text: 'delete from orders',
  parameters: [],
  effect: 'DELETE',
  digest: `digest of ${id}`,
})
