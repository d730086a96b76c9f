/** What the gateway logs in upstream with, for one session. */
export interface CredentialLease {
  readonly user: string
  /** The account that rules name, where `user` was made for this session alone. */
  readonly account?: string
  /** As it is now: one that is rotated is another one each time. */
  readonly password: string | undefined
  /** A private key in OpenSSH or PEM form, and what it is encrypted under. */
  readonly privateKey?: { readonly text: string; readonly passphrase: string | undefined }
  /** What it shows within TLS, in PEM. */
  readonly clientCertificate?: ClientCertificate
  /** Aborts when it is taken back while it is in use; the reason is a PamError. */
  readonly lost?: AbortSignal
  /** Gives it back; a static password has nothing to give back. */
  release(): Promise<void>
}

/** In PEM. */
export interface ClientCertificate {
  readonly certificate: string
  readonly key: string
}

/** A source of credentials for one target. The lease never leaves the gateway process. */
export interface CredentialSource {
  lease(): Promise<CredentialLease>
}
