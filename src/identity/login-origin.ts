/** Where the identity of a login comes from. */
export interface LoginOrigin {
  readonly issuer: string
  readonly subject: string
  /** At the provider (`sid` of an ID token), where it says so. */
  readonly session: string | undefined
  /** The provisioning source of the issuer, and the name by which that knows the person; undefined where the issuer has none. */
  readonly directory: DirectoryName | undefined
  /** What the token itself said; `person.groups` is what became of it. */
  readonly groups: readonly string[]
}

export interface DirectoryName {
  readonly source: string
  /** As it is compared; undefined where the token has no such claim. */
  readonly key: string | undefined
}
