import { describe, expect, it } from 'vitest'
import { readAssertion, type AssertionTerms } from '../../../src/identity/saml/assertion.ts'
import { RESPONSE_LIMITS } from '../../../src/identity/saml/response.ts'
import { readXml } from '../../../src/identity/saml/xml.ts'
import { assertionXml, iso, signXml } from '../../helpers/saml-provider.ts'

const now = Date.UTC(2026, 0, 5, 12)
const IDP = 'https://idp.example.com/saml'
const ACS = 'https://pam.example.com/acs'
const SP = 'https://pam.example.com/metadata'
const TERMS: AssertionTerms = {
  issuer: IDP,
  destination: ACS,
  audience: SP,
  inResponseTo: '_request-1',
  nameIdFormat: 'persistent',
  now,
  tolerance: 1000,
}
const XML = assertionXml({
  issuer: IDP,
  destination: ACS,
  recipient: ACS,
  audience: SP,
  inResponseTo: '_request-1',
  now,
  nameId: 'jane',
  nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  attributes: {},
  responseId: '_response-1',
  assertionId: '_assertion-1',
})
/** What the library has verified is read once more on its own: a provider's key signs whatever is wrong within it. */
const read = (edit: (xml: string) => string = (xml) => xml, terms: Partial<AssertionTerms> = {}) => {
  const edited = edit(XML)
  return readAssertion(readXml(signXml(edited, '_assertion-1'), RESPONSE_LIMITS), { ...TERMS, ...terms })
}
/** The end of what confirms the subject, and of the conditions. */
const ends = (confirmed: number, conditions: number) => (xml: string) => {
  let at = 0
  return xml.replaceAll(/ NotOnOrAfter="[^"]*"/g, () => ` NotOnOrAfter="${iso([confirmed, conditions][at++] ?? 0)}"`)
}

describe('an assertion', () => {
  it('is taken as it is made, and is of no use from the earlier of its two ends on', () => {
    expect(read()).toMatchObject({ id: '_assertion-1', nameId: 'jane', issuedAt: now })
    expect(read(ends(now + 5000, now + 9000)).notOnOrAfter).toBe(now + 5000)
    expect(read(ends(now + 9000, now + 5000)).notOnOrAfter).toBe(now + 5000)
  })

  it.each<[string, (xml: string) => string, RegExp]>([
    ['of another provider', (xml) => xml.replace(`>${IDP}<`, '>https://evil.example.com<'), /another issuer/],
    ['of SAML 1.1', (xml) => xml.replace('Version="2.0"', 'Version="1.1"'), /not of SAML 2\.0/],
    [
      'issued in the future',
      (xml) => xml.replace(`IssueInstant="${iso(now)}"`, `IssueInstant="${iso(now + 1001)}"`),
      /issued in the future/,
    ],
    ['about a NameID of another format', (xml) => xml.replace(':persistent', ':transient'), /not in the format/],
    [
      'about a NameID of another provider',
      (xml) => xml.replace('<saml:NameID ', '<saml:NameID NameQualifier="x" '),
      /another provider/,
    ],
    [
      'about a NameID for another service',
      (xml) => xml.replace('<saml:NameID ', '<saml:NameID SPNameQualifier="x" '),
      /another service/,
    ],
    ['about nobody', (xml) => xml.replace('>jane<', '><'), /NameID that is empty/],
    ['about a name with a blank around it', (xml) => xml.replace('>jane<', '>jane <'), /NameID that is empty/],
    ['about a name with what nobody sees', (xml) => xml.replace('>jane<', '>ja\u200bne<'), /NameID that is empty/],
    ['not confirmed by its bearer', (xml) => xml.replace('cm:bearer', 'cm:sender-vouches'), /by bearer/],
    ['for another recipient', (xml) => xml.replace(`Recipient="${ACS}"`, `Recipient="${ACS}/"`), /another recipient/],
    [
      'that answers another request',
      (xml) => xml.replace('InResponseTo="_request-1"', 'InResponseTo="_request-2"'),
      /another request/,
    ],
    ['that answers none', (xml) => xml.replace(' InResponseTo="_request-1"', ''), /another request/],
    ['whose confirmation has ended', ends(now - 1000, now + 9000), /has expired/],
    ['whose conditions have ended', ends(now + 9000, now - 1000), /has expired/],
    [
      'that is not valid yet',
      (xml) => xml.replace(/NotBefore="[^"]*"/, `NotBefore="${iso(now + 1001)}"`),
      /not valid yet/,
    ],
    [
      'for no audience',
      (xml) => xml.replace(/<saml:AudienceRestriction>.*<\/saml:AudienceRestriction>/, ''),
      /no audience/,
    ],
    ['for another audience', (xml) => xml.replace(`>${SP}<`, '>https://other.example.com<'), /another audience/],
    [
      'for us, and at once for another audience alone',
      (xml) =>
        xml.replace(
          '</saml:AudienceRestriction>',
          '</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>',
        ),
      /another audience/,
    ],
    [
      'of a sign-in in the future',
      (xml) => xml.replace(/AuthnInstant="[^"]*"/, `AuthnInstant="${iso(now + 1001)}"`),
      /AuthnInstant in the future/,
    ],
    [
      'of a session that has ended',
      (xml) => xml.replace(/SessionNotOnOrAfter="[^"]*"/, `SessionNotOnOrAfter="${iso(now)}"`),
      /session that has ended/,
    ],
    [
      'with advice, which is not read',
      (xml) => xml.replace('<saml:AuthnStatement', '<saml:Advice/><saml:AuthnStatement'),
      /not supported/,
    ],
  ])('is refused: one %s', (_, edit, message) => {
    expect(edit(XML)).not.toBe(XML)
    expect(() => read(edit)).toThrow(message)
  })

  it('that a provider begins by itself answers no request', () => {
    const begun = (xml: string): string => xml.replace(' InResponseTo="_request-1"', '')
    expect(read(begun, { inResponseTo: undefined })).toMatchObject({ nameId: 'jane' })
    expect(() => read(undefined, { inResponseTo: undefined })).toThrow(/another request/)
  })

  it('has one signature, its own, and is not taken without', () => {
    expect(() => readAssertion(readXml(XML, RESPONSE_LIMITS), TERMS)).toThrow(/has no Signature/)
    const signed = signXml(XML, '_assertion-1')
    const signature = /<ds:Signature .*?<\/ds:Signature>/s.exec(signed)?.[0] ?? ''
    const within = signed.replace('<saml:AuthnContext>', `<saml:AuthnContext>${signature}`)
    expect(() => readAssertion(readXml(within, RESPONSE_LIMITS), TERMS)).toThrow(/signature in AuthnContext/)
  })
})
