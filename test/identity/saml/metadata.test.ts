import { describe, expect, it } from 'vitest'
import { MetadataSource } from '../../../src/identity/saml/metadata-source.ts'
import { readMetadata } from '../../../src/identity/saml/metadata.ts'
import { certificateOf, metadataXml, signXml, type KeyName } from '../../helpers/saml-provider.ts'

const IDP = 'https://idp.example.com/saml'
const now = Date.now()
const read = (text: string, signedBy?: readonly KeyName[]) =>
  readMetadata(text, { entityId: IDP, signedBy: signedBy?.map(certificateOf), now })
const signed = (options: Parameters<typeof signXml>[2] = {}): string => signXml(metadataXml(IDP), '_metadata', options)

describe('metadata of a provider', () => {
  it('say where to sign in and what signatures are verified with', async () => {
    const metadata = await read(metadataXml(IDP, { keys: ['idp', 'idp-next'] }))
    expect(metadata).toMatchObject({
      entityId: IDP,
      signOnUrl: 'https://idp.example.com/sso',
      logoutUrl: 'https://idp.example.com/slo',
      validUntil: undefined,
    })
    expect(metadata.certificates).toHaveLength(2)
  })

  it('may have more in them than is used, and comments', async () => {
    await expect(
      read(metadataXml(IDP, { more: '<!-- 2026 --><Extensions xmlns="urn:x"><y/></Extensions>' })),
    ).resolves.toBeDefined()
  })

  it('are believed where they are signed with the configured key', async () => {
    await expect(read(signed(), ['idp'])).resolves.toMatchObject({ entityId: IDP })
  })

  it.each<[string, () => string, readonly KeyName[] | undefined, RegExp]>([
    ['not signed, where a certificate is configured', () => metadataXml(IDP), ['idp'], /no Signature/],
    ['signed by somebody else', () => signed({ key: 'other' }), ['idp'], /does not verify/],
    [
      'signed by somebody else, whose certificate is in KeyInfo',
      () => signed({ key: 'other', keyInfo: 'other' }),
      ['idp'],
      /does not verify/,
    ],
    ['changed after they were signed', () => signed().replace('/sso', '/evil'), ['idp'], /does not verify/],
    [
      'signed with SHA-1',
      () => signed({ signature: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
      ['idp'],
      /not accepted/,
    ],
    [
      'within other metadata that are not signed',
      () => metadataXml(IDP, { keys: ['other'], more: signed() }).replace('ID="_metadata"', 'ID="_evil"'),
      ['idp'],
      /no Signature/,
    ],
    ['of another entity', () => metadataXml('https://evil.example.com'), undefined, /another entity ID/],
    ['that have expired', () => metadataXml(IDP, { validUntil: now - 1 }), undefined, /expired/],
    ['without a key', () => metadataXml(IDP, { keys: [] }), undefined, /no certificate/],
    [
      'with a key that cannot be read',
      () => metadataXml(IDP).replace('Certificate>MII', 'Certificate>AAA'),
      undefined,
      /cannot be read/,
    ],
    [
      'with keys for encryption alone',
      () => metadataXml(IDP).replace('use="signing"', 'use="encryption"'),
      undefined,
      /no certificate/,
    ],
    [
      'with an address in clear',
      () => metadataXml(IDP, { signOn: 'http://idp.example.com/sso' }),
      undefined,
      /not at an https URL/,
    ],
    [
      'with a script as the address',
      () => metadataXml(IDP, { signOn: 'javascript:alert(1)' }),
      undefined,
      /not at an https URL/,
    ],
    [
      'with credentials in the address',
      () => metadataXml(IDP, { signOn: 'https://a:b@idp.example.com/sso' }),
      undefined,
      /not at an https URL/,
    ],
    [
      'without an address',
      () => metadataXml(IDP).replace('SingleSignOnService', 'ArtifactResolutionService'),
      undefined,
      /no SingleSignOnService/,
    ],
    [
      'of a service provider',
      () => metadataXml(IDP).replaceAll('IDPSSODescriptor', 'SPSSODescriptor'),
      undefined,
      /no IDPSSODescriptor/,
    ],
    [
      'of SAML 1.1',
      () => metadataXml(IDP).replace('SAML:2.0:protocol', 'SAML:1.1:protocol'),
      undefined,
      /not of a provider of SAML 2.0/,
    ],
    [
      'of many providers',
      () => metadataXml(IDP).replaceAll('EntityDescriptor', 'EntitiesDescriptor'),
      undefined,
      /many providers/,
    ],
    ['that are something else', () => '<html/>', undefined, /not SAML metadata/],
    ['with a document type', () => `<!DOCTYPE x>${metadataXml(IDP)}`, undefined, /document type/],
    [
      'with an entity bomb',
      () => `<!DOCTYPE x [<!ENTITY a "&#38;a;">]>${metadataXml(IDP)}`,
      undefined,
      /document type/,
    ],
    ['with an ID twice', () => metadataXml(IDP, { more: '<x ID="_metadata"/>' }), undefined, /ID twice/],
    ['that are too long', () => metadataXml(IDP, { more: ' '.repeat(600_000) }), undefined, /longer than/],
  ])('%s are refused', async (_what, text, signedBy, why) => {
    await expect(read(text(), signedBy)).rejects.toThrow(why)
  })
})

describe('metadata that are refreshed', () => {
  const source = (answers: (string | Error)[]) => {
    let asked = 0
    const metadata = new MetadataSource({
      name: 'corp',
      entityId: IDP,
      signedBy: undefined,
      read: () => {
        const answer = answers[Math.min(asked++, answers.length - 1)]
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer ?? '')
      },
      refreshEvery: 3_600_000,
    })
    return { metadata, asked: () => asked }
  }

  it('are fetched once by concurrent readers, and not before they are due', async () => {
    const { metadata, asked } = source([metadataXml(IDP)])
    await Promise.all([metadata.current(now), metadata.current(now), metadata.current(now + 1)])
    await metadata.current(now + 3_599_000)
    expect(asked()).toBe(1)
    await metadata.current(now + 3_600_000)
    expect(asked()).toBe(2)
  })

  it('stay in use when the provider is down or answers with something else, until they expire', async () => {
    const { metadata } = source([metadataXml(IDP, { validUntil: now + 7_200_000 }), new Error('away'), '<html/>'])
    await metadata.current(now)
    await expect(metadata.current(now + 3_600_000)).resolves.toMatchObject({ entityId: IDP })
    expect(metadata.problem?.message).toMatch(/away/)
    await expect(metadata.current(now + 3_700_000)).resolves.toMatchObject({ entityId: IDP })
    await expect(metadata.current(now + 7_200_000)).rejects.toMatchObject({ code: 'ISSUER_UNREACHABLE' })
  })

  it('that could never be loaded say why', async () => {
    const { metadata } = source([new Error('connect ECONNREFUSED')])
    await expect(metadata.current(now)).rejects.toThrow(/ECONNREFUSED/)
  })
})
