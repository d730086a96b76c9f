import { nameKey } from '../shared/name-key.ts'

/** Where the identity of a login comes from. */
export interface LoginOrigin {
  /** The URL of an OpenID issuer, or `samlOrigin` of a provider. */
  readonly issuer: string
  readonly subject: string
  /** At the provider (`sid` of an ID token), where it says so. */
  readonly session: string | undefined
  /** The provisioning source of the issuer, and the name by which that knows the person; undefined where the issuer has none. */
  readonly directory: DirectoryName | undefined
  /** What the token itself said; `person.groups` is what became of it. */
  readonly groups: readonly string[]
}

/** A SAML provider as an origin. Its entity ID may be the URL of an OpenID issuer, which is another one: what each says of its people is about its own. */
export const samlOrigin = (entityId: string): string => `saml:${entityId}`

export interface DirectoryName {
  readonly source: string
  /** As it is compared; undefined where the token has no such claim. */
  readonly key: string | undefined
}

/** How a provisioning source finds the people of an issuer: by a claim of an OpenID issuer, or by what a SAML provider asserts. */
export interface DirectoryJoin {
  readonly source: string
  /** Of SAML: NameID where it is `sub`, otherwise the attribute of this name. */
  readonly claim: string
  /** `externalId` is compared exactly, `userName` without regard to case (RFC 7643, sections 3.1 and 4.1.1). */
  readonly isCaseExact: boolean
}

/**
 * The name by which the directory knows somebody whom the issuer calls `value`. Undefined where it says nothing, or where names are compared without
 * regard to case and this one is not in Unicode's form NFC: an issuer that takes it for another name than the directory does could give one person
 * the name of another (a Kelvin sign is canonically a K).
 */
export function directoryNameOf({ source, isCaseExact }: DirectoryJoin, value: string | undefined): DirectoryName {
  if (value === undefined || value === '') return { source, key: undefined }
  if (isCaseExact) return { source, key: value }
  return { source, key: value === value.normalize('NFC') ? nameKey(value) : undefined }
}
