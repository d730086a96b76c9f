import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { calculateJwkThumbprint } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { authenticate } from '../../src/api/authenticate.ts'
import { createProver, type Prover } from '../../src/gateway-client/prover.ts'
import { accessTokens } from '../../src/identity/access-token.ts'
import { proofVerifier } from '../../src/identity/proof.ts'
import type { Database } from '../../src/storage/database.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { loginOf } from '../helpers/session-parts.ts'
import { testStore } from '../helpers/test-store.ts'

/** Proofs are made by the clock of the wall. */
const clock = new HandClock()
const tokens = accessTokens(generateKeyPairSync('ed25519'), 'gateway')
const URL_OF_CALL = 'https://pam.example.com/v1/targets'
let directory: string
let db: Database
let jane: { readonly prover: Prover; readonly token: string }
/** Has signed in as well, with a key and a token of his own. */
let bob: typeof jane
let noted: string[]
let deps: Parameters<typeof authenticate>[1]

beforeAll(async () => {
  clock.time = Date.now()
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  db = await testStore(join(directory, 'state.db'))
  const signedIn = async (id: string): Promise<typeof jane> => {
    const prover = await createProver()
    const thumbprint = await calculateJwkThumbprint(prover.privateJwk)
    await db.change((tx) => saveLogin(tx, loginOf(clock, { id, thumbprint })))
    return { prover, token: (await tokens.mint({ login: id, thumbprint }, clock.now())).token }
  }
  jane = await signedIn('log_jane')
  bob = await signedIn('log_bob')
})
afterAll(async () => {
  await db?.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(() => {
  noted = []
  deps = {
    tokens,
    db,
    clock,
    proofs: proofVerifier(clock.now(), { earlier: new Map(), keep: () => {} }),
    publicUrl: () => 'https://pam.example.com',
    refusals: { note: (code: string) => void noted.push(code) },
  } as never
})

const call = (authorization: string | undefined, dpop: string | undefined): ReturnType<typeof authenticate> =>
  authenticate(
    {
      method: 'GET',
      url: '/v1/targets',
      headers: { ...(authorization === undefined ? {} : { authorization }), ...(dpop === undefined ? {} : { dpop }) },
    },
    deps,
  )
const proofOf = ({ prover }: typeof jane, { token }: typeof jane): Promise<string> =>
  prover.prove('GET', URL_OF_CALL, token)

describe('an access token', () => {
  it('is accepted with a proof by the key that it is bound to', async () => {
    expect(await call(`DPoP ${jane.token}`, await proofOf(jane, jane))).toMatchObject({ id: 'log_jane' })
    expect(noted).toEqual([])
  })

  it.each<[string, () => Promise<string | undefined>, string, RegExp]>([
    // All of such a proof is right: it is the thief's own key that it was made with.
    ['by another key, for this token', () => proofOf(bob, jane), 'PROOF_INVALID', /different key than the token/],
    ['by its own key, for another token', () => proofOf(jane, bob), 'PROOF_INVALID', /for another access token/],
    ['for no token', () => jane.prover.prove('GET', URL_OF_CALL), 'PROOF_INVALID', /for another access token/],
    [
      'of another method',
      () => jane.prover.prove('POST', URL_OF_CALL, jane.token),
      'PROOF_INVALID',
      /for another method/,
    ],
    [
      'of another URL',
      () => jane.prover.prove('GET', `${URL_OF_CALL}/x`, jane.token),
      'PROOF_INVALID',
      /for another URL/,
    ],
    ['that is missing', () => Promise.resolve(undefined), 'PROOF_INVALID', /no proof of possession/],
  ])('is worth nothing with a proof %s', async (_, proof, code, message) => {
    await expect(call(`DPoP ${jane.token}`, await proof())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
    expect(noted).toEqual([code])
  })

  it('is accepted with each proof once', async () => {
    const proof = await proofOf(jane, jane)
    await call(`DPoP ${jane.token}`, proof)
    await expect(call(`DPoP ${jane.token}`, proof)).rejects.toMatchObject({ code: 'PROOF_REPLAYED' })
  })

  it.each(['Bearer', 'dpop', ''])('is not taken by the scheme "%s", which asks for no proof', async (scheme) => {
    await expect(call(`${scheme} ${jane.token}`.trim(), await proofOf(jane, jane))).rejects.toMatchObject({
      code: 'NOT_SIGNED_IN',
    })
  })
})
