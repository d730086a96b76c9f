import { X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { makeSigningKey } from '../../../src/evaluation-idp/saml/certificate.ts'
import { escapeXml, metadataXml } from '../../../src/evaluation-idp/saml/messages.ts'
import { signXml } from '../../../src/evaluation-idp/saml/sign-xml.ts'
import { readMetadata } from '../../../src/identity/saml/metadata.ts'
import { readXml } from '../../../src/identity/saml/xml.ts'
import { keyOf } from '../../helpers/saml-provider.ts'

const now = Date.parse('2026-11-30T12:00:00Z')

it('makes a key whose certificate OpenSSL reads, and whose signed metadata the gateway takes', async () => {
  const key = await makeSigningKey('test', now)
  const certificate = new X509Certificate(key.certificate)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect([certificate.subject, certificate.issuer]).toEqual(['CN=test', 'CN=test'])
  expect(new Date(certificate.validTo)).toEqual(new Date(now + 86_400_000))
  const [signOn, logout] = ['http://127.0.0.1:1/sso', 'http://127.0.0.1:1/slo']
  const xml = metadataXml({ entityId: 'https://a.example/?b=1&c="2"', certificates: [key.certificate], signOn, logout })
  const terms = { entityId: 'https://a.example/?b=1&c="2"', signedBy: [key.certificate], now }
  expect(await readMetadata(signXml(xml, '_metadata', key), terms)).toEqual({
    entityId: terms.entityId,
    certificates: [key.certificate],
    signOnUrl: signOn,
    logoutUrl: logout,
    validUntil: undefined,
  })
  const other = signXml(xml, '_metadata', { privateKey: keyOf('other') })
  await expect(readMetadata(other, terms)).rejects.toThrow(/does not verify/)
})

it('escapes every text so that it is read as it was, in elements and attributes', () => {
  const text = `</x><a b="c">&amp;]]>'\t\r\n ä🙂 `
  const {
    children,
    attributes,
    text: read,
  } = readXml(`<x y="${escapeXml(text)}">${escapeXml(text)}</x>`, { maxLength: 500 })
  expect([children, attributes.get('y'), read]).toEqual([[], text, text])
})

it.each(['\0', '\u001b', '\ufffe', '\ud800'])('says no character that XML cannot: %j', (char) => {
  expect(() => escapeXml(char)).toThrow(/does not allow/)
})
