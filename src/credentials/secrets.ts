import type { CredentialReference } from './store-reference.ts'

/** Where credentials are read: the gateway's own machine, and the stores that it is configured with. */
export interface Secrets {
  /** Where relative paths of the configuration start, those of references among them. */
  readonly baseDirectory: string
  /** The secret as it is now, or as it was read within the time that its store lets it be kept. Throws CONFIG_INVALID or CREDENTIAL_UNAVAILABLE. */
  read(reference: CredentialReference): Promise<string>
  /** A secret that is read many times while a session lasts, and kept current until it is released. */
  hold(reference: CredentialReference): Promise<HeldSecret>
  /** A user of the target's database, made for one session. */
  databaseUser(reference: CredentialReference): Promise<DatabaseUser>
  /** A certificate of SSH that a store signs, given to `accept`, which throws StoreFailure for one that is not what was asked for. */
  sshCertificate<T>(
    reference: CredentialReference,
    request: SshCertificateRequest,
    accept: (line: string) => T,
  ): Promise<T>
  /** A password that a cloud's identity service gives for a short time, and gives anew until it is released: whoever ends a session connects again. */
  identityToken(request: IdentityTokenRequest): Promise<HeldSecret>
}

export interface HeldSecret {
  /** Throws CREDENTIAL_UNAVAILABLE once its store no longer vouches for what was read. */
  readonly value: string
  release(): void
}

export interface DatabaseUser {
  readonly user: string
  readonly password: string
  /** Aborts with a PamError when the store takes it back. */
  readonly lost: AbortSignal
  /** Takes it out of the database. */
  release(): Promise<void>
}

/** What a certificate for a user is to say (PROTOCOL.certkeys of OpenSSH). */
export interface SshCertificateRequest {
  /** The key that is certified, as a line of a .pub file. */
  readonly publicKey: string
  readonly principals: readonly string[]
  readonly keyId: string
  /** Seconds. */
  readonly lasts: number
  readonly criticalOptions: readonly { readonly name: string; readonly value: string }[]
  readonly extensions: readonly string[]
}

/** `host` and `port` as the gateway connects to them, `user` of the database. */
export type IdentityTokenRequest =
  | {
      readonly type: 'rds'
      readonly region: string
      readonly host: string
      readonly port: number
      readonly user: string
    }
  | { readonly type: 'cloud-sql' }
