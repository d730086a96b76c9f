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
  /** An SSH certificate of this session's own, and what proves that its key is at hand. */
  readonly sshCertificate?: SshCertificateProof
  /** Follows an access that was extended. Absent where nothing of the credential ends with the access. */
  readonly extend?: (access: Pick<Lessee, 'at' | 'endsAt'>) => Promise<void>
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
  lease(lessee: Lessee): Promise<CredentialLease>
}

/** Whom a credential is for, from the gateway's own checks: what a source that makes one for each session writes into it. */
export interface Lessee {
  readonly session: string
  readonly person: { readonly id: string; readonly label: string }
  /** Now, and when the access ends, in milliseconds since 1970. */
  readonly at: number
  readonly endsAt: number
  /** What the gateway calls itself: 16 hexadecimal digits, no secret. */
  readonly gateway: string
}

export interface SshCertificateProof {
  /** As it is sent: PROTOCOL.certkeys of OpenSSH. */
  readonly certificate: Buffer
  /** Its type, which names the algorithm of the login, too. */
  readonly type: string
  /** For the record: serial number, key id, validity. No secret. */
  readonly description: string
  /** A signature with the certified key, its algorithm in front (RFC 4253, section 6.6). */
  readonly sign: (bytes: Buffer) => Buffer
}
