/** What the gateway logs in upstream with, for one session. */
export interface CredentialLease {
  readonly user: string
  readonly password: string | undefined
  /** A private key in OpenSSH or PEM form, and what it is encrypted under. */
  readonly privateKey?: { readonly text: string; readonly passphrase: string | undefined }
  /** Gives it back; a static password has nothing to give back. */
  release(): Promise<void>
}

/** A source of credentials for one target. The lease never leaves the gateway process. */
export interface CredentialSource {
  lease(): Promise<CredentialLease>
}
