import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { Logins } from '../../src/agent/logins.ts'
import { openSecretStore } from '../../src/agent/secret-store.ts'
import { createProver } from '../../src/gateway-client/prover.ts'

const home = mkdtempSync(join(tmpdir(), 'pamctl-test-logins-'))
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

it('loads a stored login once, however many ask at once: its refresh token works once', async () => {
  vi.stubEnv('PAMCTL_SECRET_STORE', 'file')
  const paths = {
    runtime: home,
    secrets: join(home, 'secrets.json'),
    profiles: join(home, 'profiles.json'),
    knownClients: join(home, 'known-clients.json'),
    serviceKeys: join(home, 'service-key-'),
  } as ConstructorParameters<typeof Logins>[0]
  const { store } = await openSecretStore(paths.secrets, 'file')
  const key = (await createProver()).privateJwk
  const login = { gateway: 'https://gateway.example', issuer: 'https://idp.example', clientId: 'pamctl', key }
  store.write('default', JSON.stringify({ ...login, refreshToken: 'once', label: 'jane' }))
  const logins = new Logins(paths, { lost: () => {}, notice: () => {}, proven: () => {} })
  const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => logins.find('default')))
  expect(first?.login.gateway).toBe('https://gateway.example')
  for (const other of others) expect(other).toBe(first)
  expect(await logins.find('default')).toBe(first)
})
