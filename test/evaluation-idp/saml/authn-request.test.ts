import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readAuthnRequest } from '../../../src/evaluation-idp/saml/authn-request.ts'
import { beginSamlSignIn } from '../../../src/identity/saml/service-provider.ts'
import { samlProvider } from '../../helpers/saml-routes.ts'

const SP = 'https://pam.example.com/auth/saml/corp/metadata'
const ACS = 'https://pam.example.com/auth/saml/corp/acs'
const SIGN_ON = 'https://idp.example.com/sso'
const now = Date.parse('2026-11-30T12:00:00Z')
const PLAIN = `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_request-1" Version="2.0" IssueInstant="2026-11-30T12:00:00.000Z" Destination="${SIGN_ON}" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" AssertionConsumerServiceURL="${ACS}"><saml:Issuer>${SP}</saml:Issuer><samlp:NameIDPolicy AllowCreate="true" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"/></samlp:AuthnRequest>`

const encode = (xml: string | Buffer): string => deflateRawSync(xml).toString('base64')
const read = (encoded: string, at = now) =>
  readAuthnRequest(encoded, {
    service: { entityId: SP, assertionConsumerUrl: ACS, logoutUrl: 'https://pam.example.com/auth/saml/corp/slo' },
    signOn: SIGN_ON,
    now: at,
  })
const put = (from: string, to: string): string => {
  const changed = PLAIN.replace(from, to)
  if (changed === PLAIN) throw new Error(`nothing to replace: ${from}`)
  return encode(changed)
}

describe('a request of the gateway', () => {
  it.each([false, true])('is read as it was made; a fresh sign-in: %s', async (fresh) => {
    const provider = samlProvider('corp')
    if (provider.kind !== 'saml') throw new Error('not SAML')
    const { url } = await beginSamlSignIn(provider.client, { id: '_request-1', fresh, now: Date.now() })
    const encoded = new URL(url).searchParams.get('SAMLRequest') ?? ''
    expect(read(encoded, Date.now())).toEqual({ id: '_request-1', forceAuthn: fresh })
  })

  it('may leave out what the configuration says', () => {
    const bare = PLAIN.replace(/ (?:Destination|ProtocolBinding|AssertionConsumerServiceURL)="[^"]*"/g, '')
    expect(read(encode(bare.replace(/<samlp:NameIDPolicy[^>]*>/, '')))).toEqual({ id: '_request-1', forceAuthn: false })
  })
})

describe('a request is refused', () => {
  it.each<[string, () => string, RegExp]>([
    ['with another consumer', () => put(ACS, 'https://evil.example.com/acs'), /address that is not configured/],
    ['whose consumer only begins alike', () => put(ACS, `${ACS}.evil.example`), /address that is not configured/],
    ['of another service', () => put(`>${SP}<`, '>https://evil.example.com<'), /service that is not configured/],
    ['with another destination', () => put(`"${SIGN_ON}"`, '"https://other.example.com"'), /another destination/],
    ['with another binding', () => put('bindings:HTTP-POST', 'bindings:HTTP-Artifact'), /another binding/],
    ['for a transient NameID', () => put('format:persistent', 'format:transient'), /not persistent/],
    ['with a consumer by index', () => put('Version=', 'AssertionConsumerServiceIndex="1" Version='), /not supported/],
    ['with a subject', () => put('<samlp:NameIDPolicy', '<saml:Subject/><samlp:NameIDPolicy'), /not supported/],
    ['that is passive', () => put('Version=', 'IsPassive="1" Version='), /passive/],
    ['with a flag that is none', () => put('Version=', 'ForceAuthn="no" Version='), /neither true nor false/],
    ['of SAML 1.1', () => put('Version="2.0"', 'Version="1.1"'), /SAML 2.0/],
    ['with markup in its ID', () => put('_request-1', '_&quot;&gt;&lt;x'), /an invalid ID/],
    ['without an ID', () => put(' ID="_request-1"', ''), /no ID/],
    ['from the future', () => put('12:00:00.000Z', '12:00:31.000Z'), /future/],
    ['that is too old', () => put('12:00:00.000Z', '11:49:59.000Z'), /too long ago/],
    ['with an entity', () => encode(`<!DOCTYPE x [<!ENTITY a "b">]>${PLAIN}`), /document type/],
    ['with an external entity', () => encode(`<!DOCTYPE x SYSTEM "file:///etc/passwd">${PLAIN}`), /document type/],
    ['with a comment in its issuer', () => put(`>${SP}<`, `>${SP}<!-- -->.evil<`), /comment/],
    ['with too many elements', () => put('<saml:Issuer', `${'<saml:x/>'.repeat(20)}<saml:Issuer`), /too many elements/],
    ['that is a response', () => encode(PLAIN.replaceAll('AuthnRequest', 'Response')), /not an AuthnRequest/],
    ['that is a bomb', () => encode(Buffer.alloc(4_000_000, 0x20)), /too long/],
    ['that is long', () => 'A'.repeat(8193), /too long/],
    ['that is not compressed', () => Buffer.from(PLAIN).toString('base64'), /not compressed/],
    ['that is not base64', () => '<script>', /not base64/],
    ['that is empty', () => '', /not base64/],
    ['that is not UTF-8', () => encode(Buffer.from([0x3c, 0xff])), /not UTF-8/],
  ])('%s', (_what, make, reason) => {
    const encoded = make()
    expect(() => read(encoded)).toThrow(reason)
  })
})
