import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peopleFile } from '../evaluation-idp/people.ts'
import {
  EVALUATION_ALGORITHM,
  EVALUATION_AUDIENCE,
  EVALUATION_SERVICE_CLAIM,
  startEvaluationProvider,
} from '../evaluation-idp/provider.ts'
import { startSamlEvaluationProvider } from '../evaluation-idp/saml/provider.ts'

/** Where the demo's providers are, and the gateway that they are for: ports of loopback. */
export interface SamlPorts {
  readonly gateway: number
  /** Of the SAML provider, which signs in people. */
  readonly people: number
  /** Of the OpenID provider, which gives services their tokens: SAML is for browsers. */
  readonly services: number
}

export interface SamlSignIn {
  /** Of the OpenID provider. */
  readonly servicesIssuer: string
  readonly signOutUrl: string
  stop(this: void): Promise<void>
}

/**
 * Starts both providers, in this process, on the `people.yaml` of the directory, and writes the metadata that the configuration names. The OpenID provider
 * knows no people: nobody signs in past SAML.
 */
export async function startSamlSignIn(directory: string, ports: SamlPorts): Promise<SamlSignIn> {
  const people = peopleFile(join(directory, 'people.yaml'))
  const url = (end: string): string => `http://127.0.0.1:${ports.gateway}/auth/saml/${NAME}/${end}`
  const saml = await startSamlEvaluationProvider(people, ports.people, {
    entityId: url('metadata'),
    assertionConsumerUrl: url('acs'),
    logoutUrl: url('slo'),
  })
  try {
    writeFileSync(join(directory, METADATA_FILE), saml.metadata, { mode: 0o600 })
    const { services } = people()
    const openId = await startEvaluationProvider(
      () => ({ people: [], services }),
      ports.services,
      () => '',
    )
    return {
      servicesIssuer: openId.issuer,
      signOutUrl: saml.signOutUrl,
      stop: async () => void (await Promise.all([saml.close(), openId.close()])),
    }
  } catch (error) {
    await saml.close()
    throw error
  }
}

/** What the gateway's configuration says of them. */
export const samlIdentity = (ports: SamlPorts): string => `publicUrl: http://127.0.0.1:${ports.gateway}
identity:
  issuers:
    - type: saml
      name: ${NAME}
      entityId: http://127.0.0.1:${ports.people}/saml/metadata
      metadataFile: ${METADATA_FILE}
      maxSession: 12h
    - url: http://127.0.0.1:${ports.services}
      for: services
      audience: ${EVALUATION_AUDIENCE}
      algorithms: [${EVALUATION_ALGORITHM}]
      requireClaims: { ${EVALUATION_SERVICE_CLAIM}: "yes" }
`

const NAME = 'evaluation'
const METADATA_FILE = 'saml-metadata.xml'
