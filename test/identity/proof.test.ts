import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { proofVerifier, PROOF_MEMORY_MS, type ProofSubject } from '../../src/identity/proof.ts'

const NOW = 1_800_000_000_000
const URL_OF_CALL = 'https://pam.example.com/v1/token'
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let jwk: JWK
beforeAll(async () => {
  jwk = await exportJWK(keys.publicKey)
})

const subject = (given: Partial<ProofSubject> = {}): ProofSubject => ({
  method: 'POST',
  url: URL_OF_CALL,
  now: NOW,
  ...given,
})
const prove = (claims: object = {}, header: object = {}): Promise<string> =>
  new SignJWT({ htm: 'POST', htu: URL_OF_CALL, iat: NOW / 1000, jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
    .sign(keys.privateKey)

function verifierAt(startedAt = NOW - 3_600_000, earlier: ReadonlyMap<string, number> = new Map()) {
  const kept: [digest: string, until: number][] = []
  const keep = (digest: Uint8Array, until: number): void =>
    void kept.push([Buffer.from(digest).toString('base64url'), until])
  return { ...proofVerifier(startedAt, { earlier, keep }), kept }
}

describe('a proof of possession (RFC 9449, section 4.3)', () => {
  it('names its key, with the query of a URL or without, over HTTP or a WebSocket', async () => {
    const verifier = verifierAt()
    const thumbprint = await calculateJwkThumbprint(jwk)
    expect(await verifier.verify(await prove(), subject())).toBe(thumbprint)
    expect(await verifier.verify(await prove(), subject({ url: `${URL_OF_CALL}?a=b` }))).toBe(thumbprint)
    expect(await verifier.verify(await prove(), subject({ url: URL_OF_CALL.replace('https', 'wss') }))).toBe(thumbprint)
    const ath = createHash('sha256').update('token').digest('base64url')
    expect(await verifier.verify(await prove({ ath }), subject({ accessToken: 'token' }))).toBe(thumbprint)
  })

  it.each<[string, object, object, Partial<ProofSubject>]>([
    ['for another method', { htm: 'GET' }, {}, {}],
    ['for another path', { htu: 'https://pam.example.com/v1/other' }, {}, {}],
    ['for another gateway', { htu: 'https://other.example.com/v1/token' }, {}, {}],
    ['for a call without a token', {}, {}, { accessToken: 'token' }],
    ['for another token', { ath: createHash('sha256').update('x').digest('base64url') }, {}, { accessToken: 'token' }],
    ['of another type', {}, { typ: 'jwt' }, {}],
    ['of no type', {}, { typ: undefined }, {}],
    ['without a key', {}, { jwk: undefined }, {}],
    ['older than a minute', { iat: NOW / 1000 - 61 }, {}, {}],
    ['of a minute from now', { iat: NOW / 1000 + 61 }, {}, {}],
    ['with an id that is easily guessed', { jti: 'x'.repeat(15) }, {}, {}],
    ['with an id that is too long', { jti: 'x'.repeat(129) }, {}, {}],
    ['without an id', { jti: undefined }, {}, {}],
  ])('is refused: one %s', async (_, claims, header, call) => {
    await expect(verifierAt().verify(await prove(claims, header), subject(call))).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    })
  })

  it('is refused where it gives its private key away, or a secret that signs and verifies', async () => {
    const secret = { ...jwk, ...(await exportJWK(keys.privateKey)) }
    for (const key of [secret, { ...jwk, k: 'AAAA' }])
      await expect(verifierAt().verify(await prove({}, { jwk: key }), subject())).rejects.toMatchObject({
        code: 'PROOF_INVALID',
      })
  })

  it('is refused where there is none', async () => {
    await expect(verifierAt().verify(undefined, subject())).rejects.toMatchObject({ code: 'PROOF_INVALID' })
  })

  it('from before the gateway started is refused: what was used then may be forgotten', async () => {
    expect(await verifierAt(NOW + 1000).verify(await prove(), subject())).toBeTypeOf('string')
    await expect(verifierAt(NOW + 1001).verify(await prove(), subject())).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    })
  })

  it('is taken once, also by a gateway that starts again in between', async () => {
    const first = verifierAt()
    const proof = await prove()
    await first.verify(proof, subject())
    expect(first.kept.map(([, until]) => until)).toEqual([NOW + PROOF_MEMORY_MS])
    await expect(first.verify(proof, subject({ now: NOW + 1 }))).rejects.toMatchObject({ code: 'PROOF_REPLAYED' })
    const second = verifierAt(NOW - 3_600_000, new Map(first.kept))
    await expect(second.verify(proof, subject({ now: NOW + 1 }))).rejects.toMatchObject({ code: 'PROOF_REPLAYED' })
  })

  it('is not taken where it cannot be kept', async () => {
    const verifier = proofVerifier(0, {
      earlier: new Map(),
      keep: () => {
        throw new Error('the disk is full')
      },
    })
    await expect(verifier.verify(await prove(), subject())).rejects.toThrow('the disk is full')
  })

  it('is refused where too many are remembered, rather than one of them forgotten', async () => {
    const many = new Map(Array.from({ length: 200_000 }, (_, at) => [`${at}`, NOW + 1]))
    await expect(verifierAt(0, many).verify(await prove(), subject())).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  })
})
