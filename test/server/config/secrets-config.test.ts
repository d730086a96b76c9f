import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseConfig } from '../../../src/server/config/config.ts'
import { loadConfig } from '../../../src/server/config/load-config.ts'
import { PamError } from '../../../src/shared/errors.ts'

const HEAD = 'identity: { evaluation: { people: people.yaml } }\n'
const KMS_KEY = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const GOOGLE_KEY = 'projects/shop-prod/locations/europe-west1/keyRings/pam/cryptoKeys/sealed'
const VAULT = 'address: "https://vault:8200", auth: { type: token, token: env:T }'
const problem = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof PamError) return error.message
    throw error
  }
  return 'no problem'
}
const saidOf = (secrets: string): string => problem(() => parseConfig(`${HEAD}secrets: ${secrets}\n`, 'pam.yaml'))

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-config-'))
  writeFileSync(join(directory, 'people.yaml'), 'people: []\n')
})
afterAll(() => rmSync(directory, { recursive: true }))

it.each([
  ['{}', 'no problem'],
  [`{ vault: { ${VAULT} } }`, 'no problem'],
  ['{ aws: { region: eu-west-1 }, gcp: {}, azure: { auth: { type: workload } } }', 'no problem'],
  ['{ vault: { address: "http://vault:8200", auth: { type: token, token: env:T } } }', 'expected https'],
  ['{ vault: { address: "https://vault/v1/../", auth: { type: token, token: env:T } } }', 'no problem'],
  ['{ vault: { address: "https://vault/x", auth: { type: token, token: env:T } } }', 'expected a URL without a path'],
  ['{ vault: { address: "https://me:pw@vault", auth: { type: token, token: env:T } } }', 'without a user name'],
  ['{ vault: { address: "https://vault", auth: { type: token, token: hvs.secret } } }', 'expected a reference'],
  [
    '{ vault: { address: "https://vault", auth: { type: token, token: "vault:a/b#c" } } }',
    'is for what the gateway logs',
  ],
  [`{ vault: { ${VAULT}, kv: [{ mount: "../sys" }] } }`, 'expected a path such as'],
  [`{ vault: { ${VAULT}, namespace: "a\\r\\nb" } }`, 'expected a namespace'],
  ['{ aws: { region: "eu-west-1.evil.example" } }', 'expected a region'],
  ['{ azure: { auth: { type: workload }, url: "https://{vault}.evil.example/x" } }', 'expected https://{vault}.'],
  ['{ sealed: { masterKey: { type: transit, name: pam } } }', 'a master key in transit needs secrets.vault'],
  [`{ sealed: { masterKey: { type: aws-kms, key: "${KMS_KEY}" } } }`, 'a master key in AWS KMS needs secrets.aws'],
  [`{ aws: { region: eu-west-1 }, sealed: { masterKey: { type: aws-kms, key: "${KMS_KEY}" } } }`, 'no problem'],
  [`{ sealed: { masterKey: { type: gcp-kms, key: ${GOOGLE_KEY} } } }`, 'a master key in Cloud KMS needs secrets.gcp'],
  [`{ gcp: {}, sealed: { masterKey: { type: gcp-kms, key: ${GOOGLE_KEY} } } }`, 'no problem'],
  ...[`${GOOGLE_KEY}/cryptoKeyVersions/1`, `${GOOGLE_KEY}:decrypt`, `${GOOGLE_KEY}/../other`, 'sealed'].map(
    (key): [string, string] => [
      `{ gcp: {}, sealed: { masterKey: { type: gcp-kms, key: "${key}" } } }`,
      'expected the name of a key',
    ],
  ),
  [
    '{ aws: { region: eu-west-1 }, sealed: { masterKey: { type: aws-kms, key: alias/pam } } }',
    'expected the ARN of a key',
  ],
  [`{ vault: { ${VAULT} }, sealed: { masterKey: { type: transit, name: pam } } }`, 'no problem'],
  ['{ cacheFor: 2d }', 'expected at most 1d'],
])('secrets: %s', (secrets, expected) => expect(saidOf(secrets)).toContain(expected))

it.each([
  ['file:pam-data/master.key', 'is in the data directory'],
  ['file:./pam-data/../pam-data/keys/master.key', 'is in the data directory'],
  ['file:link.key', 'is in the data directory'],
  ['file:pam-data-keys/master.key', 'no problem'],
  ['file:..master.key', 'no problem'],
])('a master key at %s: %s', (key, expected) => {
  const file = join(directory, 'pam.yaml')
  for (const name of ['pam-data/keys', 'pam-data-keys']) mkdirSync(join(directory, name), { recursive: true })
  for (const name of ['pam-data/master.key', 'pam-data/keys/master.key', 'pam-data-keys/master.key', '..master.key'])
    writeFileSync(join(directory, name), Buffer.alloc(32, 7).toString('base64'))
  rmSync(join(directory, 'link.key'), { force: true })
  symlinkSync(join(directory, 'pam-data/master.key'), join(directory, 'link.key'))
  for (const section of [
    `masterKey: { type: key, key: "${key}" }`,
    `masterKey: { type: key, key: "file:pam-data-keys/master.key" }, previousMasterKeys: [{ type: key, key: "${key}" }]`,
  ]) {
    writeFileSync(file, `${HEAD}secrets: { sealed: { ${section} } }\n`)
    expect(problem(() => loadConfig(file))).toContain(expected)
  }
})

it('the secret that was written in place of a reference is not repeated', () => {
  const said = saidOf('{ vault: { address: "https://vault", auth: { type: token, token: hvs.hunter2 } } }')
  expect(said).not.toContain('hunter2')
})

it.each([
  ['vault:secret/a#b', 'vault: needs secrets.vault in the configuration'],
  ['vault-db:database/a', 'vault-db: needs secrets.vault in the configuration'],
  ['vault-ssh:ssh/a', 'vault-ssh: is not for this value'],
  ['aws-sm:a', 'aws-sm: needs secrets.aws in the configuration'],
  ['secret:a', 'secret: needs secrets.sealed in the configuration'],
  ['exec:pass db', 'exec: is not supported: the gateway runs no other programs'],
])('a target with %s: %s', (reference, expected) => {
  const file = join(directory, 'pam.yaml')
  const target = `{ name: a, type: postgres, host: h, database: d, user: u, password: "${reference}" }`
  writeFileSync(file, `${HEAD}targets:\n  - ${target}\n`)
  expect(problem(() => loadConfig(file))).toContain(expected)
})

it.each([
  ['password: env:PATH, iam: { provider: gcp }', 'give either a password, or iam'],
  ['iam: { provider: aws, region: eu-west-1 }, tls: require', 'needs tls: verify-full'],
  ['certificate: env:PATH', 'give a certificate and its key together'],
  ['certificate: env:PATH, key: env:PATH, tls: disable', 'is shown within TLS'],
  ['certificate: env:PATH, key: env:PATH', 'is not the key of the certificate'],
])('a database with { %s }: %s', (given, expected) => {
  for (const type of ['postgres', 'mysql']) {
    const file = join(directory, `${type}.yaml`)
    writeFileSync(file, `${HEAD}targets:\n  - { name: a, type: ${type}, host: h, database: d, user: u, ${given} }\n`)
    expect(problem(() => loadConfig(file))).toContain(expected)
  }
})
