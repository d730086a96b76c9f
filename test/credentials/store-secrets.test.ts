import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CredentialReference } from '../../src/credentials/store-reference.ts'
import { StoreSecrets, type StoreChange } from '../../src/credentials/store-secrets.ts'
import { StoreFailure, type StoredSecret } from '../../src/credentials/stores/store.ts'
import { PamError } from '../../src/shared/errors.ts'
import { HandClock } from '../helpers/hand-clock.ts'

const DB: CredentialReference = 'vault:secret/prod/db#password'
const OTHER: CredentialReference = 'vault:secret/prod/web#password'

let clock: HandClock
let answer: () => Promise<StoredSecret>
let token: () => Promise<string>
let asked: number
let changes: StoreChange[]
let directory: string
beforeEach(() => {
  clock = new HandClock()
  asked = 0
  changes = []
  answer = () => Promise.resolve({ text: 'hunter2' })
  token = () => Promise.reject(new StoreFailure('store', 'has no keys'))
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-secrets-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const secretsOf = (cacheFor = 60_000): StoreSecrets =>
  new StoreSecrets({
    baseDirectory: directory,
    stores: {
      read(reference) {
        if (reference.store !== 'vault') return undefined
        asked++
        return answer()
      },
      databaseUser: () => undefined,
      sshCertificate: () => Promise.resolve('signed'),
      identityToken: () => token(),
    },
    cacheFor,
    clock,
    onChange: (change) => changes.push(change),
  })

const failing = (scope: 'store' | 'secret', message: string) => () => Promise.reject(new StoreFailure(scope, message))
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('a certificate that is not what was asked for is a problem of its role, which the next good one ends', async () => {
  const request = { publicKey: '', principals: [], keyId: '', lasts: 1, criticalOptions: [], extensions: [] }
  const secrets = secretsOf()
  const asked = (accept: (line: string) => string) => secrets.sshCertificate('vault-ssh:ssh/role', request, accept)
  await expect(
    asked(() => {
      throw new StoreFailure('secret', 'gave a certificate that is for another key')
    }),
  ).rejects.toMatchObject({
    code: 'CREDENTIAL_UNAVAILABLE',
    cause: { message: 'the vault: vault-ssh:ssh/role gave a certificate that is for another key' },
  })
  expect(secrets.problems.get('vault-ssh:ssh/role')).toBe('gave a certificate that is for another key')
  expect(await asked((line) => line)).toBe('signed')
  expect(secrets.problems.size).toBe(0)
})

describe('a cached secret', () => {
  it('is fetched once within the configured time', async () => {
    const secrets = secretsOf()
    await secrets.read(DB)
    clock.time += 59_999
    expect(await secrets.read(DB)).toBe('hunter2')
    expect(asked).toBe(1)
    clock.time += 1
    answer = () => Promise.resolve({ text: 'rotated' })
    expect(await secrets.read(DB)).toBe('rotated')
  })

  it.each([
    ['shorter, where its lease is', 5000, 5000],
    ['not longer than the configuration says, however long its lease is', 3e12, 60_000],
    ['not at all, where the lease is of zero seconds', 0, 0],
  ])('%s', async (_name, keepFor, lasts) => {
    answer = () => Promise.resolve({ text: 'hunter2', keepFor })
    const secrets = secretsOf()
    await secrets.read(DB)
    clock.time += lasts - 1
    if (lasts > 0) await secrets.read(DB)
    expect(asked).toBe(1)
    clock.time += 1
    await secrets.read(DB)
    expect(asked).toBe(2)
  })

  it('is fetched once by sessions that start together', async () => {
    const secrets = secretsOf()
    await Promise.all([secrets.read(DB), secrets.read(DB), secrets.read(OTHER)])
    expect(asked).toBe(2)
  })

  it('is not cached if it is a file', async () => {
    const secrets = secretsOf()
    writeFileSync(join(directory, 'secret'), 'one\n')
    const held = await secrets.hold('file:secret')
    expect([await secrets.read('file:secret'), held.value]).toEqual(['one', 'one'])
    writeFileSync(join(directory, 'secret'), 'two\n')
    expect([await secrets.read('file:secret'), held.value]).toEqual(['two', 'two'])
  })
})

describe('a store that fails', () => {
  it('is reported to users without the secret, its name and its place, and to operators with both', async () => {
    answer = failing('store', 'answers 403 (not allowed)')
    const secrets = secretsOf()
    const failure = await secrets.read(DB).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PamError)
    expect(failure).toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      side: 'gateway',
      message: 'the gateway cannot get its credential for this target from the vault',
      hint: 'contact your administrator: pam-gateway check --connect and /readyz say why',
      cause: new Error(`the vault: ${DB} answers 403 (not allowed)`),
    })
    expect([...secrets.problems]).toEqual([['the vault', 'answers 403 (not allowed)']])
  })

  it('is recorded once for each outage', async () => {
    const secrets = secretsOf(1)
    answer = failing('store', 'cannot be reached (ECONNREFUSED)')
    for (const reference of [DB, OTHER, DB]) await expect(secrets.read(reference)).rejects.toThrow(PamError)
    answer = failing('store', 'does not answer within 5 s')
    await expect(secrets.read(DB)).rejects.toThrow(PamError)
    answer = () => Promise.resolve({ text: 'hunter2' })
    await secrets.read(DB)
    await secrets.read(OTHER)
    expect(changes).toEqual([
      { what: 'the vault', problem: 'cannot be reached (ECONNREFUSED)' },
      { what: 'the vault', problem: undefined },
    ])
    expect(secrets.problems.size).toBe(0)
  })

  it('is distinguished from one missing secret', async () => {
    const secrets = secretsOf(1)
    answer = failing('secret', 'does not exist')
    await expect(secrets.read(DB)).rejects.toThrow(PamError)
    answer = () => Promise.resolve({ text: 'hunter2' })
    await secrets.read(OTHER)
    expect([...secrets.problems]).toEqual([[DB, 'does not exist']])
    await secrets.read(DB)
    expect(changes).toEqual([
      { what: DB, problem: 'does not exist' },
      { what: DB, problem: undefined },
    ])
  })

  it('is not remembered', async () => {
    const secrets = secretsOf()
    answer = failing('store', 'answers 503')
    await expect(secrets.read(DB)).rejects.toThrow(PamError)
    answer = () => Promise.resolve({ text: 'hunter2' })
    expect(await secrets.read(DB)).toBe('hunter2')
  })

  it.each<CredentialReference>(['aws-sm:a', 'secret:a'])('%s that is not configured says so', async (reference) => {
    await expect(secretsOf().read(reference)).rejects.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' })
    await expect(secretsOf().databaseUser('vault-db:a/b')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(secretsOf().identityToken({ type: 'cloud-sql' })).rejects.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
    })
  })
})

describe('the secret of an open session', () => {
  it('is fetched again before it expires', async () => {
    const held = await secretsOf().hold(DB)
    answer = () => Promise.resolve({ text: 'rotated' })
    const begun = clock.time
    expect(clock.next() - begun).toBe(30_000)
    await settled()
    expect(held.value).toBe('rotated')
  })

  it('stays valid until it expires if the store does not answer, and is refused from then on', async () => {
    const held = await secretsOf().hold(DB)
    const begun = clock.time
    answer = failing('store', 'answers 503')
    while (clock.time - begun < 55_000) {
      clock.next()
      await settled()
      if (clock.time - begun < 60_000) expect(held.value).toBe('hunter2')
    }
    clock.time = begun + 60_000
    expect(() => held.value).toThrow('the gateway cannot get its credential for this target from the vault')
    answer = () => Promise.resolve({ text: 'rotated' })
    clock.next()
    await settled()
    expect(held.value).toBe('rotated')
  })

  it('a token of a cloud is another one before it is over: ending a session takes a connection', async () => {
    let made = 0
    token = () => Promise.resolve(`token ${++made}`)
    const held = await secretsOf().identityToken({ type: 'cloud-sql' })
    expect(held.value).toBe('token 1')
    const begun = clock.time
    expect(clock.next() - begun).toBe(120_000)
    await settled()
    expect(held.value).toBe('token 2')
    held.release()
    expect(clock.isIdle).toBe(true)
  })

  it('is not fetched again once it is released', async () => {
    const held = await secretsOf().hold(DB)
    held.release()
    expect(clock.isIdle).toBe(true)
  })

  it('is fetched once for sessions that hold the same', async () => {
    const secrets = secretsOf()
    await secrets.hold(DB)
    clock.time += 1000
    await secrets.hold(DB)
    clock.next()
    await settled()
    clock.next()
    await settled()
    expect(asked).toBeLessThanOrEqual(3)
  })
})
