import { describe, expect, it } from 'vitest'
import { readResponse, RESPONSE_LIMITS, StatusError, type MessageTerms } from '../../../src/identity/saml/response.ts'
import { attribute, one, only, optional, textOf, timeOf } from '../../../src/identity/saml/shape.ts'
import { needNoOtherSignature, needSignature } from '../../../src/identity/saml/signature.ts'
import { readXml } from '../../../src/identity/saml/xml.ts'
import { assertionXml, iso, responseXml, signXml, type ResponseParts } from '../../helpers/saml-provider.ts'

const NS = 'urn:x'
const read = (xml: string) => readXml(xml, RESPONSE_LIMITS)
const element = (content: string, attributes = '') => read(`<a xmlns="${NS}"${attributes}>${content}</a>`)

describe('an element', () => {
  it('has at most one of a child, and exactly one where one is asked for', () => {
    expect(optional(element(''), [NS, 'b'])).toBeUndefined()
    expect(one(element('<b/>'), [NS, 'b']).name).toBe('b')
    expect(() => one(element(''), [NS, 'b'])).toThrow(/has no b in a/)
    for (const name of [optional, one]) expect(() => name(element('<b/><b/>'), [NS, 'b'])).toThrow(/has 2 b in a/)
    expect(() => one(element('<b xmlns="urn:y"/>'), [NS, 'b'])).toThrow(/has no b/)
  })

  it('has nothing that is not listed: no child, no attribute, no text beside children', () => {
    expect(() => only(element('<b/>'), [[NS, 'b']], [])).not.toThrow()
    expect(() => only(element('<c/>'), [[NS, 'b']], [])).toThrow(/has c in a, which is not supported/)
    expect(() => only(element('<b xmlns="urn:y"/>'), [[NS, 'b']], [])).toThrow(/not supported/)
    expect(() => only(element('', ' x="1"'), [], [])).toThrow(/has the attribute x of a/)
    expect(() => only(element('text'), [[NS, 'b']], [])).toThrow(/has text in a/)
    expect(() => only(element(' \n <b/>'), [[NS, 'b']], [])).not.toThrow()
  })

  it('has a text without elements, and attributes that are not empty', () => {
    expect(textOf(element('x'))).toBe('x')
    expect(() => textOf(element('<b/>'))).toThrow(/has elements in a/)
    expect(() => attribute(element('', ' x=""'), 'x')).toThrow(/has no x/)
  })

  it.each(['2026-01-05T12:00:00', '2026-01-05T12:00:00+01:00', '2026-01-05', '2026-13-05T12:00:00Z', 'now'])(
    'has times in UTC, and no other: %s',
    (text) => {
      expect(timeOf(element('', ' x="2026-01-05T12:00:00.5Z"'), 'x')).toBe(Date.UTC(2026, 0, 5, 12, 0, 0, 500))
      expect(timeOf(element(''), 'x')).toBeUndefined()
      expect(() => timeOf(element('', ` x="${text}"`), 'x')).toThrow(/not a time in UTC/)
    },
  )
})

const now = Date.UTC(2026, 0, 5, 12)
const PARTS: ResponseParts = {
  issuer: 'https://idp.example.com',
  destination: 'https://pam.example.com/acs',
  recipient: 'https://pam.example.com/acs',
  audience: 'https://pam.example.com',
  inResponseTo: '_request-1',
  now,
  nameId: 'jane',
  nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  attributes: {},
  responseId: '_response-1',
  assertionId: '_assertion-1',
}
const TERMS: MessageTerms = { issuer: PARTS.issuer, destination: PARTS.destination, now, tolerance: 1000 }
const ASSERTION = signXml(assertionXml(PARTS), '_assertion-1')
const response = (edit: (xml: string) => string = (xml) => xml) =>
  signXml(edit(responseXml(PARTS, ASSERTION)), '_response-1')

describe('a signature', () => {
  const SIGNED = signXml(assertionXml(PARTS), '_assertion-1')

  it('is over the element that it is in, with the two transforms of one, and by SHA-2', () => {
    expect(() => needSignature(read(SIGNED))).not.toThrow()
  })

  it.each<[string, (xml: string) => string, RegExp]>([
    ['over another element', (xml) => xml.replace('URI="#_assertion-1"', 'URI="#_other"'), /over something else/],
    ['over the whole document', (xml) => xml.replace('URI="#_assertion-1"', 'URI=""'), /has no URI/],
    [
      'with one transform more',
      (xml) => xml.replace(/(<(?:\w+:)?Transform [^>]*exc-c14n#"[^>]*(?:\/>|>.*?<\/(?:\w+:)?Transform>))/s, '$1$1'),
      /other transforms/,
    ],
    [
      'with a digest by SHA-1',
      (xml) => xml.replace('xmlenc#sha256', 'xmldsig#sha1').replace('2001/04/xmldsig#sha1', '2000/09/xmldsig#sha1'),
      /not accepted/,
    ],
    [
      'by RSA with SHA-1',
      (xml) => xml.replace('2001/04/xmldsig-more#rsa-sha256', '2000/09/xmldsig#rsa-sha1'),
      /not accepted/,
    ],
  ])('is refused: one %s', (_, edit, message) => {
    expect(edit(SIGNED)).not.toBe(SIGNED)
    expect(() => needSignature(read(edit(SIGNED)))).toThrow(message)
  })

  it('is nowhere else', () => {
    const root = read(response())
    expect(() => needNoOtherSignature(root, [root, ...root.children])).not.toThrow()
    expect(() => needNoOtherSignature(root, [root])).toThrow(/has a signature in Assertion/)
  })
})

describe('a response', () => {
  it('is read as it is made', () => {
    expect(readResponse(response(), TERMS)).toEqual({ inResponseTo: '_request-1', isEncrypted: false })
  })

  it.each<[string, (xml: string) => string, RegExp]>([
    ['of another provider', (xml) => xml.replace(`>${PARTS.issuer}<`, '>https://evil.example.com<'), /another issuer/],
    [
      'for another destination',
      (xml) => xml.replace(`Destination="${PARTS.destination}"`, 'Destination="https://x"'),
      /another destination/,
    ],
    ['without an assertion', (xml) => xml.replace(ASSERTION, ''), /has 0 assertions/],
    ['with two assertions', (xml) => xml.replace(ASSERTION, ASSERTION + ASSERTION), /has 2 assertions|twice|ID/],
    [
      'issued too long ago',
      (xml) => xml.replace(`IssueInstant="${iso(now)}"`, `IssueInstant="${iso(now - 601_001)}"`),
      /too long ago/,
    ],
    [
      'issued in the future',
      (xml) => xml.replace(`IssueInstant="${iso(now)}"`, `IssueInstant="${iso(now + 1001)}"`),
      /in the future/,
    ],
  ])('is refused: one %s', (_, edit, message) => {
    expect(() => readResponse(response(edit), TERMS)).toThrow(message)
  })

  it('that says success with another status within it has none', () => {
    const inner = (xml: string): string =>
      xml.replace(
        /<samlp:StatusCode Value="([^"]*)"\/>/,
        '<samlp:StatusCode Value="$1"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>',
      )
    expect(inner(responseXml(PARTS, ASSERTION))).not.toBe(responseXml(PARTS, ASSERTION))
    expect(() => readResponse(response(inner), TERMS)).toThrow(StatusError)
  })
})
