import { inflateRawSync } from 'node:zlib'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ApiDeps } from '../../src/api/deps.ts'
import { logoutRequestXml } from '../../src/evaluation-idp/saml/messages.ts'
import { sendProblem } from '../../src/api/problem.ts'
import { samlIssuerSchema } from '../../src/identity/saml/issuer.ts'
import { MetadataSource } from '../../src/identity/saml/metadata-source.ts'
import type { SignInProvider } from '../../src/identity/sign-in-provider.ts'
import {
  assertionXml,
  base64,
  metadataXml,
  responseXml,
  signXml,
  type KeyName,
  type ResponseParts,
} from './saml-provider.ts'

/** Where the gateway is, and the provider `corp`, whose answers are made here. */
export const PUBLIC = 'https://pam.example.com'
export const IDP = 'https://idp.example.com/saml'

export function samlProvider(name: string, more: object = {}, publicUrl = PUBLIC): SignInProvider {
  const url = (end: string): string => `${publicUrl}/auth/saml/${name}/${end}`
  const entityId = name === 'corp' ? IDP : `https://${name}.example.com`
  const issuer = samlIssuerSchema.parse({ type: 'saml', name, entityId, metadataFile: 'idp.xml', ...more })
  const metadata = new MetadataSource({
    name,
    entityId,
    signedBy: undefined,
    read: () => Promise.resolve(metadataXml(entityId)),
    refreshEvery: 3_600_000,
  })
  const client = {
    issuer,
    metadata,
    entityId: url('metadata'),
    assertionConsumerUrl: url('acs'),
    logoutUrl: url('slo'),
    keyPair: undefined,
  }
  return { kind: 'saml', name, domains: issuer.domains, client }
}

/** The routes as they are served. */
export async function serveRoutes(
  routes: readonly FastifyPluginAsync<ApiDeps>[],
  deps: ApiDeps,
): Promise<FastifyInstance> {
  const app = Fastify()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler((error, _request, reply) => sendProblem(error, reply, deps.logger))
  for (const plugin of routes) await app.register(plugin, deps)
  return app
}

/** Cookies by name, as a browser keeps them for this host. */
export type Jar = Map<string, string>

/** A browser of a header: its cookies go along, and those of the answer are kept. */
export async function browse(
  app: FastifyInstance,
  path: string,
  jar: Jar,
  form?: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
) {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const answer = await app.inject({
    url: path,
    ...(form === undefined
      ? { headers: { cookie, ...headers } }
      : {
          method: 'POST' as const,
          headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers },
          payload: new URLSearchParams(form).toString(),
        }),
  })
  for (const { name, value, maxAge } of answer.cookies as { name: string; value: string; maxAge?: number }[])
    if (maxAge === 0) jar.delete(name)
    else jar.set(name, value)
  return answer
}

/** The AuthnRequest of a redirect to the provider. */
export function requestOf(location: unknown): string {
  const request = new URL(String(location)).searchParams.get('SAMLRequest') ?? ''
  return inflateRawSync(Buffer.from(request, 'base64')).toString()
}
export const requestIdOf = (location: unknown): string => / ID="([^"]+)"/.exec(requestOf(location))?.[1] ?? ''

let serial = 0

/** An answer of the provider `corp`, as its form sends it. */
export function samlAnswer(now: number, inResponseTo: string | undefined, more: Partial<ResponseParts> = {}): string {
  serial++
  const acs = `${PUBLIC}/auth/saml/corp/acs`
  const parts: ResponseParts = {
    issuer: IDP,
    destination: acs,
    recipient: acs,
    audience: `${PUBLIC}/auth/saml/corp/metadata`,
    inResponseTo,
    now,
    nameId: 'jane-0001',
    nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    attributes: { groups: ['engineering'], email: ['jane@example.com'] },
    responseId: `_response-${serial}`,
    assertionId: `_assertion-${serial}`,
    ...more,
  }
  return base64(signXml(responseXml(parts, signXml(assertionXml(parts), parts.assertionId)), parts.responseId))
}

/** A logout request of it: of a session, or of all where its index is empty. */
export function logoutXml(
  now: number,
  nameId = 'jane-0001',
  sessionIndex = 's1',
  destination = `${PUBLIC}/auth/saml/corp/slo`,
): string {
  serial++
  return logoutRequestXml({
    id: `_logout-${serial}`,
    issuer: IDP,
    destination,
    now,
    nameId,
    sessionIndex: sessionIndex === '' ? undefined : sessionIndex,
  })
}
export const signedLogoutOf = (xml: string, key: KeyName = 'idp'): string =>
  base64(signXml(xml, /ID="([^"]+)"/.exec(xml)?.[1] ?? '', { key }))
