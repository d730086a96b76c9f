import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashPassword } from '../../../src/evaluation-idp/people.ts'
import { iso } from '../../../src/evaluation-idp/saml/messages.ts'
import { startSamlEvaluationProvider, type SamlEvaluationProvider } from '../../../src/evaluation-idp/saml/provider.ts'
import { acceptLogoutRequest } from '../../../src/identity/saml/logout.ts'
import { MetadataSource } from '../../../src/identity/saml/metadata-source.ts'
import { acceptSamlResponse, type SamlClient } from '../../../src/identity/saml/service-provider.ts'
import { samlIssuerSchema } from '../../../src/identity/saml/issuer.ts'
import { FormBrowser, type FormPage } from '../../helpers/form-browser.ts'

const SP = 'https://pam.example.com/auth/saml/corp/metadata'
const ACS = 'https://pam.example.com/auth/saml/corp/acs'
const SLO = 'https://pam.example.com/auth/saml/corp/slo'

let idp: SamlEvaluationProvider
let client: SamlClient
let isDisabled = false
beforeAll(async () => {
  const password = await hashPassword('jane-demo')
  const jane = { id: 'jane', email: 'jane@example.com', name: '<Jane & "Doe">', groups: ['a<b'], password }
  idp = await startSamlEvaluationProvider(() => ({ people: [{ ...jane, disabled: isDisabled }], services: [] }), 0, {
    entityId: SP,
    assertionConsumerUrl: ACS,
    logoutUrl: SLO,
  })
  const { entityId } = idp
  const issuer = samlIssuerSchema.parse({ type: 'saml', name: 'corp', entityId, metadataFile: 'x' })
  const read = (): Promise<string> => Promise.resolve(idp.metadata)
  client = {
    issuer,
    metadata: new MetadataSource({ name: 'corp', entityId, signedBy: undefined, read, refreshEvery: 3_600_000 }),
    entityId: SP,
    assertionConsumerUrl: ACS,
    logoutUrl: SLO,
    keyPair: undefined,
  }
})
afterAll(() => idp?.close())

const origin = (): string => new URL(idp.entityId).origin
const requestOf = (more = '', acs = ACS): string => {
  const xml = `<p:AuthnRequest xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_request-1" Version="2.0" IssueInstant="${iso(Date.now())}" AssertionConsumerServiceURL="${acs}"${more}><a:Issuer>${SP}</a:Issuer></p:AuthnRequest>`
  return deflateRawSync(xml).toString('base64')
}
const link = (parameters: Record<string, string>): string =>
  `${origin()}/saml/sso?${new URLSearchParams(parameters).toString()}`
const FRESH = ' ForceAuthn="true"'
const enter = (browser: FormBrowser, page: FormPage, password = 'jane-demo'): Promise<FormPage> =>
  browser.submit(page, { email: 'Jane@example.com', password })
const field = (page: FormPage, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(page.html)?.[1] ?? ''
const accept = (page: FormPage) =>
  acceptSamlResponse(client, field(page, 'SAMLResponse'), {
    findRequest: (id) => Promise.resolve(id === '_request-1'),
    now: Date.now(),
  })

describe('the SAML provider for evaluation', () => {
  it('signs in with a password what the gateway takes, knows the browser after that, and asks again with ForceAuthn', async () => {
    const browser = new FormBrowser(fetch)
    const form = await browser.open(link({ SAMLRequest: requestOf(), RelayState: 'a"b' }))
    const wrong = await enter(browser, form, 'bob-demo')
    expect([wrong.status, wrong.html.includes('E-mail or password is wrong.')]).toEqual([401, true])
    const first = await enter(browser, wrong)
    expect(first.html).toContain(`<form method="post" action="${ACS}">`)
    expect(field(first, 'RelayState')).toBe('a&#34;b')
    const { assertion } = await accept(first)
    expect(assertion.nameId).toBe('jane')
    expect(Object.fromEntries(assertion.attributes)).toEqual({
      groups: ['a<b'],
      email: ['jane@example.com'],
      name: ['<Jane & "Doe">'],
    })
    const again = await accept(await browser.open(link({ SAMLRequest: requestOf() })))
    expect(again.assertion).toMatchObject({
      authnInstant: assertion.authnInstant,
      sessionIndex: assertion.sessionIndex,
    })
    const asked = await browser.open(link({ SAMLRequest: requestOf(FRESH) }))
    expect(asked.html).toContain('name="password"')
    const fresh = await accept(await enter(browser, asked))
    expect(fresh.assertion.sessionIndex).not.toBe(assertion.sessionIndex)
    isDisabled = true
    expect((await browser.open(link({ SAMLRequest: requestOf() }))).html).toContain('name="password"')
    expect((await enter(browser, asked)).status).toBe(401)
    isDisabled = false
  })

  it('signs out with a request that the gateway takes, once', async () => {
    const browser = new FormBrowser(fetch)
    const { assertion } = await accept(await enter(browser, await browser.open(link({ SAMLRequest: requestOf() }))))
    const sent = await browser.submit(await browser.open(idp.signOutUrl))
    expect(sent.html).toContain(`action="${SLO}"`)
    const logout = await acceptLogoutRequest(client, field(sent, 'SAMLRequest'), Date.now())
    expect([logout.nameId, logout.sessionIndexes]).toEqual(['jane', [assertion.sessionIndex]])
    expect((await browser.open(link({ SAMLRequest: requestOf() }))).html).toContain('name="password"')
    expect((await browser.submit(await browser.open(idp.signOutUrl))).html).toContain('You were not signed in.')
    expect((await browser.open(`${origin()}/saml/slo?SAMLResponse=x`)).html).toContain('Signed out')
  })

  it.each<[string, () => Record<string, string> | string, RegExp]>([
    ['another consumer', () => ({ SAMLRequest: requestOf('', 'https://evil.example.com') }), /not configured here/],
    ['a signature', () => ({ SAMLRequest: requestOf(), SigAlg: 'x', Signature: 'x' }), /knows no key/],
    ['another parameter', () => ({ SAMLRequest: requestOf(), SAMLEncoding: 'x' }), /parameters that are not supported/],
    ['a long RelayState', () => ({ SAMLRequest: requestOf(), RelayState: 'x'.repeat(81) }), /80 bytes/],
    ['no request', () => ({}), /not there/],
    ['two requests', () => `SAMLRequest=${'A'.repeat(8)}&SAMLRequest=B`, /there twice/],
    ['markup', () => ({ SAMLRequest: '<script>alert(1)</script>' }), /not base64/],
  ])('refuses %s, and quotes nothing of it', async (_what, parameters, reason) => {
    const query = parameters()
    const response = await fetch(typeof query === 'string' ? `${origin()}/saml/sso?${query}` : link(query))
    const html = await response.text()
    expect(response.status).toBe(400)
    expect(html).toMatch(reason)
    expect(html).not.toMatch(/evil|<script/)
    expect(response.headers.get('content-security-policy')).toContain("form-action 'none'")
  })

  it('takes no form of another site, none that is too long, and no password without a request', async () => {
    const send = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${origin()}/saml/sso`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      })
    const right = new URLSearchParams({ SAMLRequest: requestOf(), email: 'jane@example.com', password: 'jane-demo' })
    expect((await send(right.toString(), { origin: 'https://evil.example.com' })).status).toBe(403)
    const own = await send(right.toString(), { origin: origin() })
    expect([own.status, own.headers.get('content-security-policy')]).toEqual([
      200,
      expect.stringMatching(/script-src 'sha256-[^']+'; form-action https:\/\/pam\.example\.com;/),
    ])
    expect((await send('x'.repeat(30_001))).status).toBe(400)
    expect((await send('email=jane%40example.com&password=jane-demo')).status).toBe(400)
    expect((await fetch(`${origin()}/saml/slo?SAMLRequest=x`)).status).toBe(400)
    expect((await fetch(`${origin()}/`)).status).toBe(404)
  })

  it('listens on loopback alone', () => {
    expect(new URL(idp.entityId).hostname).toBe('127.0.0.1')
  })
})
