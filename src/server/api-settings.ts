import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ApiSettings } from '../api/deps.ts'
import type { ProvisioningSource } from '../api/directory-standing.ts'
import { resolveSecret } from '../credentials/secret-reference.ts'
import { EVALUATION_AUDIENCE, EVALUATION_CLIENT, EVALUATION_SERVICE_CLAIM } from '../evaluation-idp/provider.ts'
import { issuerSchema, type Issuer, type TrustedIssuer } from '../identity/issuer.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import type { WebClient } from '../identity/web-sign-in.ts'
import type { Config } from './config/config.ts'
import { isApp } from './config/gateway-hosts.ts'
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
      algorithms: ['RS256'],
    }),
    issuerSchema.parse({
      url,
      for: 'services',
      audience: EVALUATION_AUDIENCE,
      algorithms: ['RS256'],
      requireClaims: { [EVALUATION_SERVICE_CLAIM]: 'yes' },
    }),
  ]
}

/** Those of the configuration, and the built-in one where it runs; each with what its certificate is checked against. */
export function trustedIssuers(config: Config, evaluationUrl: string | undefined): TrustedIssuer[] {
  const issuers = [
    ...config.identity.issuers,
    ...(evaluationUrl === undefined ? [] : evaluationIssuers(evaluationUrl)),
  ].map((issuer) => {
    const authority =
      issuer.ca === undefined ? undefined : readFileSync(resolve(config.baseDirectory, issuer.ca), 'utf8')
    const source = config.identity.provisioning.find(
      (one) => one.issuer === issuer.url || (one.issuer === 'evaluation' && issuer.url === evaluationUrl),
    )
    const provisioning =
      source === undefined || issuer.for !== 'people'
        ? undefined
        : { source: source.name, claim: source.claim, isCaseExact: source.attribute === 'externalId' }
    return { ...issuer, authority, fetch: fetchWithCa(authority), provisioning }
  })
  // Browsers may have a client of their own at the issuer that signs in people: its tokens are for us, too.
  const people = issuers.find((issuer) => issuer.for === 'people')
  const { clientId } = config.web
  return clientId === undefined || people === undefined ? issuers : [...issuers, { ...people, clientId }]
}

function webClient(config: Config, people: TrustedIssuer | undefined): WebClient | undefined {
  const clientId = config.web.clientId ?? people?.clientId
  if (people === undefined || clientId === undefined) return undefined
  const { clientSecret } = config.web
  return {
    issuer: people.url,
    clientId,
    clientSecret: clientSecret === undefined ? undefined : () => resolveSecret(clientSecret, config.baseDirectory),
    scopes: people.scopes,
    fetch: people.fetch,
  }
}

/** Directories, with what the issuers that they are for say of groups. */
function provisioningSources(
  { identity, baseDirectory }: Config,
  issuers: readonly TrustedIssuer[],
): ProvisioningSource[] {
  return identity.provisioning.map(({ name, token, attribute, groups, groupName, required }) => {
    const issuer = issuers.find(({ provisioning }) => provisioning?.source === name)
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

export function apiSettings(
  config: Config,
  issuers: readonly TrustedIssuer[],
  protocols: ReadonlyMap<string, RunningProtocol>,
): ApiSettings {
  const people = issuers.find((issuer) => issuer.for === 'people')
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
    roles: config.roles,
    reproof: config.identity.reverifyEvery,
    provisioning: provisioningSources(config, issuers),
    handshake: config.limits.handshake,
    requestExpire: config.requests.expires,
    recentSignIn: config.requests.recentSignIn,
    web: { client: webClient(config, people), idle: config.web.idle, maxDuration: config.web.maxDuration },
    apps: config.apps,
    discovery: {
      issuer: people?.url,
      clientId: people?.clientId,
      issuerCa: people?.authority,
      scopes: people?.scopes ?? [],
    },
  }
}
