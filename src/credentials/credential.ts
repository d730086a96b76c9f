/** What the gateway logs in upstream with, for one session. */
export interface CredentialLease {
  readonly user: string
  readonly password: string | undefined
  /** Gives it back; a static password has nothing to give back. */
  release(): Promise<void>
}

/** A source of credentials for one target. The lease never leaves the gateway process. */
export interface CredentialSource {
  lease(): Promise<CredentialLease>
}
