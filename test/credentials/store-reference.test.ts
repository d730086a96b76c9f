import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCredentialReference, parseStoreReference, referenceProblem } from '../../src/credentials/store-reference.ts'
import { certificateAuthority, credential, databaseCredential, secret } from '../../src/credentials/secret-schema.ts'
import { sampledRuns } from '../helpers/sampled.ts'

describe('references to stores', () => {
  it.each([
    ['vault:secret/prod/db#password', { store: 'vault', path: ['secret', 'prod', 'db'], field: 'password' }],
    ['vault-db:team/database/read-only', { store: 'vault-db', mount: ['team', 'database'], role: 'read-only' }],
    ['aws-sm:prod/db@main', { store: 'aws-sm', name: 'prod/db@main', key: undefined }],
    ['vault-ssh:ssh-client-signer/bastion', { store: 'vault-ssh', mount: ['ssh-client-signer'], role: 'bastion' }],
    [
      'aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3#password',
      { store: 'aws-sm', name: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3', key: 'password' },
    ],
    ['gcp-sm:my-project/db', { store: 'gcp-sm', project: 'my-project', name: 'db', version: 'latest', key: undefined }],
    [
      'gcp-sm:example.com:my-project/db/7#pw',
      { store: 'gcp-sm', project: 'example.com:my-project', name: 'db', version: '7', key: 'pw' },
    ],
    ['azure-kv:my-vault/db', { store: 'azure-kv', vault: 'my-vault', name: 'db', version: undefined, key: undefined }],
    ['secret:prod-db', { store: 'secret', name: 'prod-db' }],
  ])('%s', (text, expected) => expect(parseStoreReference(text)).toEqual(expected))

  it.each([
    'vault:secret/../sys/seal#x',
    'vault:secret/..%2fsys#x',
    'vault:secret/%2e%2e/sys#x',
    'vault:secret/./a#x',
    'vault:secret//a#x',
    'vault:/secret/a#x',
    'vault:secret/a/#x',
    'vault:secret/a?list=true#x',
    'vault:secret/a;b#x',
    'vault:secret/a\\b#x',
    'vault:secret/a\n#x',
    'vault:secret/a#x#y',
    'vault:secret/a#',
    'vault:secret/a',
    'vault:secret#x',
    'vault:secret/é#x',
    'vault:http://elsewhere/a#x',
    'vault:secret/a#__proto__/x',
    'vault-db:database',
    'vault-db:database/../sys/x',
    'vault-db:database/role#x',
    'vault-ssh:ssh',
    'vault-ssh:ssh/sign/../../sys/x',
    'aws-sm:',
    'aws-sm:a b',
    'aws-sm:a"b',
    'aws-sm:arn:aws:s3:::bucket',
    'aws-sm:arn:aws:secretsmanager:eu-west-1:12:secret:a',
    'gcp-sm:project',
    'gcp-sm:project/a/../b',
    'gcp-sm:project/a/0',
    'gcp-sm:../a',
    'gcp-sm:project/a:access',
    'azure-kv:v/a',
    'azure-kv:my-vault.evil.example/a',
    'azure-kv:my-vault/a/b',
    'azure-kv:my-vault/a?x',
    'azure-kv:evil@my/a',
    'secret:../a',
    'secret:A',
    'secret:',
    'exec:cat',
    'hasOwnProperty:a/b#c',
  ])('refuses %j', (text) => {
    expect(parseStoreReference(text)).toBeUndefined()
    for (const schema of [databaseCredential, certificateAuthority]) expect(schema.safeParse(text).success).toBe(false)
  })

  it('reads no text as a path that leaves what it names', () => {
    const part = fc.constantFrom('a', '.', '..', '%', '2e', '2f', '/', '?', '#', ':', '\\', ' ', '@', 'vault:', 'b')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = `vault:${parts.join('')}`
        const read = parseStoreReference(text)
        if (read?.store !== 'vault') return
        const path = `/v1/${read.path.join('/')}`
        expect(new URL(path, 'http://vault').pathname).toBe(path)
        expect(`vault:${read.path.join('/')}#${read.field}`).toBe(text)
      }),
      { numRuns: sampledRuns(300) },
    )
  })
})

describe('the error for a reference that cannot be used', () => {
  const said = (schema: typeof secret | typeof credential, text: string): string[] | undefined =>
    schema.safeParse(text).error?.issues.map(({ message }) => message)

  it('a program is refused by name, with the reason', () => {
    expect(said(credential, 'exec:/usr/bin/pass db')).toEqual([
      expect.stringMatching(/^exec: is not supported: the gateway runs no other programs/),
    ])
  })

  it('a store is not for what the gateway needs by itself', () => {
    expect(said(secret, 'vault:secret/a#b')).toEqual([
      'vault: is for what the gateway logs in to targets with; this secret is needed before stores are asked: use env:NAME or file:PATH',
    ])
    expect(said(secret, 'env:A')).toBeUndefined()
  })

  it('a user of a database is not a secret', () => {
    expect(said(credential, 'vault-db:database/role')).toEqual([expect.stringContaining('is not for this value')])
    expect(said(databaseCredential, 'vault-db:database/role')).toBeUndefined()
  })

  it('an engine that signs is for certificates alone', () => {
    for (const schema of [credential, databaseCredential])
      expect(said(schema, 'vault-ssh:ssh/role')).toEqual([expect.stringContaining('is not for this value')])
    expect(said(certificateAuthority, 'vault-ssh:ssh/role')).toBeUndefined()
  })

  it('the secret itself is not repeated', () => {
    expect(said(credential, 'hunter2')).toEqual([
      'expected a reference, env:NAME or file:PATH, or one of a store (vault:, aws-sm:, gcp-sm:, azure-kv:, secret:), not the secret itself',
    ])
    expect(referenceProblem('hunter2', [])).not.toContain('hunter2')
    expect(isCredentialReference('hunter2')).toBe(false)
  })
})
