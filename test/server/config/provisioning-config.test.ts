import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/server/config/config.ts'
import { loadConfig } from '../../../src/server/config/load-config.ts'
import { joinOf } from '../../../src/server/config/provisioning-config.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-provisioning-'))
afterAll(() => rmSync(directory, { recursive: true }))

const ISSUERS = `publicUrl: https://pam.example.com
identity:
  issuers:
    - { url: https://a.example.com, for: people, clientId: pamctl }
    - { url: https://b.example.com, for: people, clientId: pamctl }
    - { type: saml, name: corp, entityId: "urn:corp", metadataFile: idp.xml }
    - { type: saml, name: mail, entityId: https://m.example.com, metadataFile: idp.xml, nameIdFormat: emailAddress }
    - { type: saml, name: brief, entityId: https://t.example.com, metadataFile: idp.xml, nameIdFormat: transient, personClaim: oid }
    - { type: saml, name: both, entityId: https://b.example.com, metadataFile: idp.xml }
    - { url: https://ci.example.com, for: services, audience: a, requireSubject: s }
  provisioning:
`
const source = (name: string, issuer: string, token: string): string =>
  `    - { name: ${name}, issuer: "${issuer}", token: "${token}" }\n`
const [A, B] = ['https://a.example.com', 'https://b.example.com']

describe('a provisioning source', () => {
  it('compares sub with externalId and needs people to be there, unless it says otherwise', () => {
    const { provisioning } = parseConfig(ISSUERS + source('okta', A, 'env:T'), 'f').identity
    expect(provisioning).toMatchObject([{ claim: 'sub', attribute: 'externalId', required: true, groups: 'token' }])
  })

  it('is for a SAML provider by its entity ID or its name, which tells it from an OpenID issuer at the same URL', () => {
    const { provisioning, issuers } = parseConfig(
      ISSUERS + source('okta', 'urn:corp', 'env:T') + source('entra', 'both', 'env:U'),
      'f',
    ).identity
    const joined = issuers.map((issuer) => joinOf(issuer, provisioning)?.source)
    expect(joined).toEqual([undefined, undefined, 'okta', undefined, undefined, 'entra', undefined])
  })

  it.each([
    [
      'of an issuer that is not there',
      source('okta', 'https://c.example.com', 'env:T'),
      'not among the issuers of people',
    ],
    ['of an issuer of services', source('okta', 'https://ci.example.com', 'env:T'), 'not among the issuers of people'],
    [
      'of the built-in provider, which is not on',
      source('okta', 'evaluation', 'env:T'),
      'not among the issuers of people',
    ],
    ['beside another one', source('okta', A, 'env:T') + source('entra', A, 'env:U'), 'has another source already'],
    [
      'beside another one, by another word for the issuer',
      source('okta', 'urn:corp', 'env:T') + source('entra', 'corp', 'env:U'),
      'has another source already',
    ],
    [
      'with the name of another one',
      source('okta', A, 'env:T') + source('okta', 'both', 'env:U'),
      '"okta" is used twice',
    ],
    ['of what names an OpenID issuer and a SAML provider', source('okta', B, 'env:T'), 'is two issuers'],
    ['of NameIDs that name nobody twice', source('okta', 'brief', 'env:T'), 'a transient NameID names nobody twice'],
    ['that compares addresses exactly', source('okta', 'mail', 'env:T'), 'compare them with userName'],
    ['with the token itself', source('okta', A, 'secret'), 'expected a reference'],
    ['with a name that is not plain', source('"a b"', A, 'env:T'), 'expected lower-case letters'],
  ])('%s is refused', (_what, yaml, message) => {
    expect(() => parseConfig(ISSUERS + yaml, 'f')).toThrow(message)
  })

  it.each([
    ['is short', ['short', 'x'.repeat(40)], 'is shorter than 32 characters'],
    ['is that of another source', ['x'.repeat(40), 'x'.repeat(40)], 'is the token of "okta", too'],
  ])('whose token %s is refused, and the token is not shown', (_what, tokens, message) => {
    tokens.forEach((token, index) => writeFileSync(join(directory, `t${index}`), token))
    const file = join(directory, 'pam.yaml')
    const withoutFiles = ISSUERS.replaceAll(/^.*type: saml.*\n/gm, '')
    writeFileSync(file, withoutFiles + source('okta', A, 'file:t0') + source('entra', B, 'file:t1'))
    expect(() => loadConfig(file)).toThrow(message)
    expect(() => loadConfig(file)).not.toThrow('xxxx')
  })
})
