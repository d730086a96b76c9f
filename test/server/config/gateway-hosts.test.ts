import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { gatewayHalves } from '../../../src/protocols/gateway.ts'
import { loadConfig } from '../../../src/server/config/load-config.ts'
import { parseConfig } from '../../../src/server/config/config.ts'
import { hostFindings, isApp } from '../../../src/server/config/gateway-hosts.ts'
import { configSchema } from '../../../src/server/config/schema.ts'
import { makeCertificates } from '../../helpers/certificates.ts'

let directory: string
let pem: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-hosts-'))
  const names = 'DNS:pam.example.com,DNS:*.apps.example.com,DNS:shop.other.example.com,IP:127.0.0.1'
  pem = readFileSync(makeCertificates(join(directory, 'tls'), names).certificate, 'utf8')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const settings = (publicUrl: string, domain: string | undefined, ...names: string[]) => ({
  publicUrl,
  ...(domain === undefined ? {} : { apps: { domain } }),
  identity: { issuers: [{ url: 'https://idp.example.com', for: 'people', clientId: 'p' }] },
  targets: [
    ...names.map((name) => ({ name, type: 'http', host: 'h' })),
    { name: 'db_1', type: 'postgres', host: 'h', database: 'd', user: 'u' },
  ],
})
const PROXY = ', unless a proxy in front ends TLS for browsers'

it.each([
  ['https://pam.example.com', 'apps.example.com', ['shop', 'billing'], []],
  ['https://127.0.0.1:8443', undefined, [], []],
  ['https://[::1]', undefined, [], [`c.pem is not for [::1], the host of publicUrl${PROXY}`]],
  ['https://pam.example.org', undefined, [], [`c.pem is not for pam.example.org, the host of publicUrl${PROXY}`]],
  // A name of its own is as good as a wildcard.
  ['https://pam.example.com', 'other.example.com', ['shop'], []],
  [
    'https://pam.example.com',
    'other.example.com',
    ['shop', 'billing'],
    [`c.pem is not for billing.other.example.com: use one for *.other.example.com${PROXY}`],
  ],
  [
    'https://pam.example.com',
    'x.example.org',
    ['a', 'b', 'c', 'no_host'],
    [`c.pem is not for a.x.example.org and 2 other hosts of apps: use one for *.x.example.org${PROXY}`],
  ],
])('a certificate at %s with apps at %s: %j', (publicUrl, domain, names, messages) => {
  const config = configSchema.parse(settings(publicUrl, domain, ...names))
  expect(hostFindings(new X509Certificate(pem), 'c.pem', config).map(({ message }) => message)).toEqual(messages)
})

it('warns of names that are no hosts, where there are hosts', () => {
  const text = (domain?: string) => JSON.stringify(settings('https://pam.example.com', domain, 'a.b', 'ok', 'x-'))
  const { warnings } = parseConfig(text('apps.example.com'), 'f')
  expect(warnings).toEqual([
    expect.stringContaining('targets.0.name: browsers cannot reach a.b at a host of apps.example.com: give it a name'),
    expect.stringContaining('targets.2.name: browsers cannot reach x- at'),
  ])
  expect(parseConfig(text(), 'f').warnings).toEqual([])
})

it('is said when the configuration is loaded, as at the start and by check', () => {
  const file = join(directory, 'pam.yaml')
  const tls = { certificate: 'tls/server.crt', key: 'tls/server.key' }
  writeFileSync(
    file,
    JSON.stringify({ ...settings('https://pam.example.com', 'nowhere.example.com', 'shop'), listen: { tls } }),
  )
  expect(loadConfig(file).warnings).toContainEqual(
    expect.stringMatching(/listen\.tls\.certificate: tls\/server\.crt is not for shop\.nowhere\.example\.com: use one/),
  )
})

it('knows as apps the targets whose engines serve browsers', async () => {
  for (const [type, half] of Object.entries(gatewayHalves)) {
    const section: unknown = half.section?.schema.parse({})
    const identityKey = half.identityKey?.make()
    const engine = await half.create({ baseDirectory: '.', section, identityKey, firstUse: NONE })
    expect([type, half.target.servesBrowsers === true]).toEqual([type, 'browsers' in engine])
    await engine.close()
  }
  const { targets } = configSchema.parse(settings('https://pam.example.com', undefined, 'shop', 'no.host'))
  expect(targets.map(isApp)).toEqual([true, false, false])
})

const NONE = { find: () => Promise.resolve(undefined), keep: () => Promise.resolve() }
