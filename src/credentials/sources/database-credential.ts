import type { CredentialSource } from '../credential.ts'
import type { Secrets } from '../secrets.ts'
import { parseStoreReference, type CredentialReference } from '../store-reference.ts'
import { clientCertificate, passwordWithCertificate, type CertificateReferences } from './client-certificate.ts'
import { databaseUser } from './database-user.ts'
import { identityToken } from './identity-token.ts'
import { staticPassword } from './static-password.ts'

/** How a target that is a database says what the gateway logs in with. */
export interface DatabaseLogin {
  readonly user: string
  readonly host: string
  readonly port: number
  readonly password?: CredentialReference | undefined
  readonly iam?: { readonly provider: 'aws'; readonly region: string } | { readonly provider: 'gcp' } | undefined
  readonly certificate?: CredentialReference | undefined
  readonly key?: CredentialReference | undefined
}

/** The credential of a database: a password, kept or made for the session, or a token, each with a certificate or without, or a certificate alone. */
export function databaseCredentialSource(login: DatabaseLogin, secrets: Secrets): CredentialSource {
  const { user, password, iam, certificate, key } = login
  const pair: CertificateReferences | undefined =
    certificate === undefined || key === undefined ? undefined : { certificate, key }
  if (password === undefined && iam === undefined)
    return pair === undefined ? staticPassword(user, undefined, secrets) : clientCertificate(user, pair, secrets)
  const source = passwordSource(login, secrets)
  return pair === undefined ? source : passwordWithCertificate(source, pair, secrets)
}

function passwordSource({ user, host, port, password, iam }: DatabaseLogin, secrets: Secrets): CredentialSource {
  switch (iam?.provider) {
    case 'aws':
      return identityToken(user, { type: 'rds', region: iam.region, host, port, user }, secrets)
    case 'gcp':
      return identityToken(user, { type: 'cloud-sql' }, secrets)
    case undefined:
      return password !== undefined && parseStoreReference(password)?.store === 'vault-db'
        ? databaseUser(user, password, secrets)
        : staticPassword(user, password, secrets)
  }
}
