import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { KnownClients } from '../../src/agent/known-clients.ts'
import { Logins } from '../../src/agent/logins.ts'
import { openSecretStore } from '../../src/agent/secret-store.ts'
import { createProver } from '../../src/gateway-client/prover.ts'

const home = mkdtempSync(join(tmpdir(), 'pamctl-test-logins-'))
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

/** With logins in a file, as where there is no keychain. */
function pathsOfFiles(): ConstructorParameters<typeof Logins>[0] {
  vi.stubEnv('PAMCTL_SECRET_STORE', 'file')
  mkdirSync(home, { recursive: true })
  return {
    runtime: home,
    secrets: join(home, 'secrets.json'),
    profiles: join(home, 'profiles.json'),
    knownClients: join(home, 'known-clients.json'),
    serviceKeys: join(home, 'service-key-'),
  } as ConstructorParameters<typeof Logins>[0]
}

const NO_EVENTS = { lost: () => {}, notice: () => {}, proven: () => {} }

it('loads a stored login once, however many ask at once: its refresh token works once', async () => {
  const paths = pathsOfFiles()
  const { store } = await openSecretStore(paths.secrets, 'file')
  const key = (await createProver()).privateJwk
  const login = { gateway: 'https://gateway.example', issuer: 'https://idp.example', clientId: 'pamctl', key }
  store.write('default', JSON.stringify({ ...login, refreshToken: 'once', label: 'jane' }))
  const logins = new Logins(paths, NO_EVENTS)
  const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => logins.find('default')))
  expect(first?.login.gateway).toBe('https://gateway.example')
  for (const other of others) expect(other).toBe(first)
  expect(await logins.find('default')).toBe(first)
})

it('names the gateway of the latest sign-in to somebody who has signed out', async () => {
  const paths = pathsOfFiles()
  const [staging, production] = ['https://staging.example', 'https://gateway.example']
  const logins = new Logins(paths, NO_EVENTS)
  const hint = (): Promise<unknown> => logins.need('default').catch((error: { hint?: string }) => error.hint)
  expect(await logins.choose({})).toEqual({ profile: 'default' })
  expect(await hint()).toBe('sign in: pamctl login --gateway URL')
  const clients = new KnownClients(paths.knownClients)
  for (const gateway of [staging, production, staging])
    clients.add(gateway, { issuer: 'https://idp.example', clientId: gateway })
  expect(await logins.choose({})).toEqual({ profile: 'default', lastGateway: staging })
  expect(await hint()).toBe(`sign in: pamctl login --gateway ${staging}`)
})

it('finds the profile of a gateway by the index alone, where the keychain lists nothing', async () => {
  const paths = pathsOfFiles()
  writeFileSync(paths.profiles, JSON.stringify({ production: { gateway: 'https://gateway.example' } }))
  const logins = new Logins(paths, NO_EVENTS)
  expect(await logins.choose({ gateway: 'https://gateway.example' })).toEqual({ profile: 'production' })
})
