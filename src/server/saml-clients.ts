import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SamlIssuer } from '../identity/saml/issuer.ts'
import { fetchMetadata, MetadataSource } from '../identity/saml/metadata-source.ts'
import type { SamlClient } from '../identity/saml/service-provider.ts'
import { certificatesOf } from '../shared/certificates.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { fileProblem } from '../shared/file-problem.ts'
import type { Config } from './config/config.ts'
import { joinOf } from './config/provisioning-config.ts'

/** The gateway as a service provider, once for each provider of SAML that is configured. */
export function samlClients({
  identity: { issuers, provisioning },
  publicUrl = '',
  baseDirectory,
}: Config): SamlClient[] {
  return issuers.flatMap((issuer) =>
    issuer.type === 'saml'
      ? [
          {
            ...toClient(issuer, publicUrl.replace(/\/$/, ''), baseDirectory),
            provisioning: joinOf(issuer, provisioning),
          },
        ]
      : [],
  )
}

function toClient(issuer: SamlIssuer, publicUrl: string, baseDirectory: string): SamlClient {
  const { name, keyPair, metadataCertificate, entityId, refreshEvery } = issuer
  const text = (file: string): string => readFileSync(resolve(baseDirectory, file), 'utf8')
  const url = (end: string): string => `${publicUrl}/auth/saml/${name}/${end}`
  return {
    issuer,
    metadata: new MetadataSource({
      name,
      entityId,
      signedBy:
        metadataCertificate === undefined
          ? undefined
          : (certificatesOf(text(metadataCertificate)) ?? []).map((certificate) => certificate.toString()),
      read: metadataReader(issuer, baseDirectory),
      refreshEvery,
    }),
    entityId: issuer.spEntityId ?? url('metadata'),
    assertionConsumerUrl: url('acs'),
    logoutUrl: url('slo'),
    keyPair:
      keyPair === undefined ? undefined : { certificate: text(keyPair.certificate), privateKey: text(keyPair.key) },
  }
}

function metadataReader({ metadataFile, metadataUrl, ca }: SamlIssuer, baseDirectory: string): () => Promise<string> {
  if (metadataUrl !== undefined) {
    const get = fetchWithCa(ca === undefined ? undefined : readFileSync(resolve(baseDirectory, ca), 'utf8'))
    return () => fetchMetadata(metadataUrl, get)
  }
  const file = metadataFile ?? ''
  return () =>
    readFile(resolve(baseDirectory, file), 'utf8').catch((error: unknown) => {
      throw new Error(fileProblem(file, error), { cause: error })
    })
}
