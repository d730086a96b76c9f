import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ApiSettings } from '../api/deps.ts'
import { ownIssuerUrl } from '../api/device/own-issuer.ts'
import type { ProvisioningSource } from '../api/directory-standing.ts'
import { resolveSecret } from '../credentials/secret-reference.ts'
import {
  EVALUATION_ALGORITHM,
  EVALUATION_AUDIENCE,
  EVALUATION_CLIENT,
  EVALUATION_SERVICE_CLAIM,
} from '../evaluation-idp/provider.ts'
import type { SignInIssuer } from '../api/schemas/identity.ts'
import { OWN_CLIENT } from '../identity/own-issuer.ts'
import { isOpenId, issuerSchema, type Issuer, type TrustedIssuer } from '../identity/issuer.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import type { SamlClient } from '../identity/saml/service-provider.ts'
import type { SignInProvider } from '../identity/sign-in-provider.ts'
import type { ApprovalWebhook } from '../notify/approval-webhook.ts'
import type { Config } from './config/config.ts'
import { isApp } from './config/gateway-hosts.ts'
import { evaluationJoin, joinOf } from './config/provisioning-config.ts'
import type { RunningProtocol } from './protocols.ts'

/** The built-in provider, for people and for services. */
function evaluationIssuers(url: string): Issuer[] {
  return [
    issuerSchema.parse({
      url,
      for: 'people',
      clientId: EVALUATION_CLIENT,
      // The same person after a restart, which may give the provider another port.
      personClaim: 'sub',
      scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
      algorithms: [EVALUATION_ALGORITHM],
    }),
    issuerSchema.parse({
      url,
      for: 'services',
      audience: EVALUATION_AUDIENCE,
      algorithms: [EVALUATION_ALGORITHM],
      requireClaims: { [EVALUATION_SERVICE_CLAIM]: 'yes' },
    }),
  ]
}

/** Those of the configuration, and the built-in one where it runs; each with what its certificate is checked against. */
export function trustedIssuers(config: Config, evaluationUrl: string | undefined): TrustedIssuer[] {
  const issuers = [
    ...config.identity.issuers.filter(isOpenId),
    ...(evaluationUrl === undefined ? [] : evaluationIssuers(evaluationUrl)),
  ].map((issuer) => {
    const authority =
      issuer.ca === undefined ? undefined : readFileSync(resolve(config.baseDirectory, issuer.ca), 'utf8')
    const sources = config.identity.provisioning
    const isBuiltIn = issuer.url === evaluationUrl && issuer.for === 'people'
    const provisioning = isBuiltIn ? evaluationJoin(sources) : joinOf(issuer, sources)
    return { ...issuer, authority, fetch: fetchWithCa(authority), provisioning }
  })
  // Browsers may have a client of their own at the issuer that signs in people: its tokens are for us, too.
  const people = issuers.find((issuer) => issuer.for === 'people')
  const { clientId } = config.web
  return clientId === undefined || people === undefined ? issuers : [...issuers, { ...people, clientId }]
}

/** Those who sign in people, in the order of the configuration; `web` is about the first OpenID provider. */
function signInProviders(
  config: Config,
  issuers: readonly TrustedIssuer[],
  saml: readonly SamlClient[],
): SignInProvider[] {
  const people = issuers.filter((issuer, index) => issuer.for === 'people' && firstOf(issuers, issuer.url) === index)
  const openId = people.flatMap((issuer, index): SignInProvider[] => {
    const { clientId, clientSecret } = index === 0 ? config.web : {}
    const id = clientId ?? issuer.clientId
    if (id === undefined) return []
    const client = {
      issuer: issuer.url,
      clientId: id,
      clientSecret: clientSecret === undefined ? undefined : () => resolveSecret(clientSecret, config.baseDirectory),
      scopes: issuer.scopes,
      fetch: issuer.fetch,
    }
    return [{ kind: 'oidc', name: issuer.name ?? new URL(issuer.url).host, domains: issuer.domains, client }]
  })
  const all = [
    ...openId,
    ...saml.map((client): SignInProvider => {
      const { name, domains } = client.issuer
      return { kind: 'saml', name, domains, client }
    }),
  ]
  const place = ({ client }: SignInProvider): number =>
    config.identity.issuers.findIndex((issuer) =>
      issuer.type === 'saml'
        ? !('clientId' in client) && client.issuer.entityId === issuer.entityId
        : 'clientId' in client && client.issuer === issuer.url,
    )
  // The built-in provider is not in the list: it comes last.
  return all.toSorted((a, b) => (place(a) + 1 || Infinity) - (place(b) + 1 || Infinity))
}

/** The same for the command line. Where people sign in with SAML, the gateway itself is the issuer. */
function signInIssuer(
  { name, domains, ...provider }: SignInProvider,
  issuers: readonly TrustedIssuer[],
  { publicUrl = '' }: Config,
): SignInIssuer {
  const known = { name, domains: [...domains] }
  if (provider.kind === 'saml') {
    const issuer = ownIssuerUrl(name, { publicUrl: () => publicUrl.replace(/\/$/, '') })
    return { ...known, issuer, clientId: OWN_CLIENT, scopes: ['openid', 'offline_access'], isGateway: true }
  }
  const { issuer: url, clientId } = provider.client
  // The dashboard may have a client of its own there.
  const issuer = issuers[firstOf(issuers, url)]
  return {
    ...known,
    issuer: url,
    clientId: issuer?.clientId ?? clientId,
    ...(issuer?.authority === undefined ? {} : { issuerCa: issuer.authority }),
    scopes: [...(issuer?.scopes ?? [])],
    isGateway: false,
  }
}

/** Directories, with what the issuers that they are for say of groups. */
function provisioningSources(
  { identity, baseDirectory }: Config,
  issuers: readonly TrustedIssuer[],
  saml: readonly SamlClient[],
): ProvisioningSource[] {
  return identity.provisioning.map(({ name, token, attribute, groups, groupName, required }) => {
    const isOurs = ({ provisioning }: Pick<SamlClient, 'provisioning'>): boolean => provisioning?.source === name
    const issuer = issuers.find(isOurs) ?? saml.find(isOurs)?.issuer
    return {
      name,
      token: () => resolveSecret(token, baseDirectory),
      attribute,
      groups,
      groupName,
      required,
      always: issuer?.groups ?? [],
      known: issuer?.knownGroups,
    }
  })
}
/** Browsers' own client is a second entry of its issuer. */
const firstOf = (issuers: readonly TrustedIssuer[], url: string): number =>
  issuers.findIndex((issuer) => issuer.for === 'people' && issuer.url === url)

/** Read when they are asked, so that secrets and certificates may change. */
const approvalWebhooks = ({ requests, baseDirectory }: Config): ApprovalWebhook[] =>
  requests.approvalWebhooks.map((hook) => ({
    ...hook,
    secret: () => resolveSecret(hook.secret, baseDirectory),
    answerSecret: () => resolveSecret(hook.answerSecret, baseDirectory),
    ca: () => (hook.ca === undefined ? undefined : readFileSync(resolve(baseDirectory, hook.ca), 'utf8')),
  }))

const channelsOf = ({ notifications: { webhooks, slack } }: Config): number =>
  webhooks.length + (slack === undefined ? 0 : 1)

export function apiSettings(
  config: Config,
  { issuers, saml }: { readonly issuers: readonly TrustedIssuer[]; readonly saml: readonly SamlClient[] },
  protocols: ReadonlyMap<string, RunningProtocol>,
): ApiSettings {
  const providers = signInProviders(config, issuers, saml)
  return {
    policy: config.policy,
    targets: config.targets.map((target) => {
      const { target: kind, engine } = protocols.get(target.type) as RunningProtocol
      return {
        ...target,
        accounts: kind.accounts(target),
        isApp: isApp(target),
        facts: { ...kind.facts(target), ...engine.facts() },
      }
    }),
    roles: { ...config.roles, lock: config.roles.lock ?? config.roles.operate },
    reproof: config.identity.reverifyEvery,
    provisioning: provisioningSources(config, issuers, saml),
    handshake: config.limits.handshake,
    requestExpire: config.requests.expires,
    approvalWebhooks: approvalWebhooks(config),
    channels: channelsOf(config),
    recentSignIn: config.requests.recentSignIn,
    web: {
      organization: config.web.organization,
      providers,
      idle: config.web.idle,
      maxDuration: config.web.maxDuration,
    },
    apps: config.apps,
    discovery: providers.map((provider) => signInIssuer(provider, issuers, config)),
  }
}
