import { PamError } from '../../shared/errors.ts'
import { mailKey } from '../../shared/name-key.ts'
import { samlOrigin, type DirectoryJoin } from '../login-origin.ts'
import type { Assertion } from './assertion.ts'
import type { SamlIssuer } from './issuer.ts'

/** Who an assertion says has signed in, in the words of the gateway, and until when that holds. */
export interface SamlIdentity {
  readonly id: string
  readonly label: string
  readonly groups: readonly string[]
  /** Lower case; undefined where no attribute for it is configured. */
  readonly email: string | undefined
  readonly authTime: number | undefined
  /** Milliseconds: the provider's own end of the session, or the longest that is configured. */
  readonly endsAt: number
}

/** Maps NameID and attributes as configured. Throws TOKEN_INVALID where one that names the person is missing or is there twice. */
export function identityOf(issuer: SamlIssuer, assertion: Assertion, now: number): SamlIdentity {
  const { nameId, attributes, authnInstant, sessionNotOnOrAfter } = assertion
  const groups = attributes.get(issuer.groupsAttribute) ?? []
  const email = issuer.emailAttribute === undefined ? undefined : single(attributes.get(issuer.emailAttribute))
  return {
    id: personId(issuer, assertion),
    label: single(attributes.get(issuer.labelAttribute)) ?? nameId,
    groups: allowedGroups(issuer, groups),
    email: email === undefined ? undefined : mailKey(email),
    // The clock of the provider may run ahead: nobody signed in later than now.
    authTime: authnInstant === undefined ? undefined : Math.min(authnInstant, now),
    endsAt: Math.min(now + issuer.maxSession, sessionNotOnOrAfter ?? Number.POSITIVE_INFINITY),
  }
}

/** The claim that names somebody in the directory of the provider's people, and what an assertion says it is. */
export interface DirectoryClaim {
  readonly claim: string
  readonly value: string | undefined
}

/** What an assertion says of the claim that the directory is asked by: its NameID (`sub`), or an attribute that it has once. */
export const directoryClaimOf = (
  { claim }: Pick<DirectoryJoin, 'claim'>,
  { nameId, attributes }: Assertion,
): DirectoryClaim => ({ claim, value: claim === NAME_ID_CLAIM ? nameId : single(attributes.get(claim)) })

/** What OpenID Connect calls the subject. */
export const NAME_ID_CLAIM = 'sub'

/** Those that everybody of a provider has, and of these the ones that it may give. */
export const allowedGroups = ({ groups: always, knownGroups }: SamlIssuer, groups: readonly string[]): string[] => [
  ...new Set([...always, ...groups.filter((group) => group !== '' && (knownGroups?.includes(group) ?? true))]),
]

/** One provider may be an OpenID issuer of the same name: a NameID that somebody chose there is not another's subject. */
function personId(issuer: SamlIssuer, { nameId, attributes }: Assertion): string {
  const { personClaim, personAttribute = personClaim } = issuer
  if (personClaim === undefined || personAttribute === undefined) {
    // Some providers say an address as it was typed: nobody is two people by it, of whom one approves what the other asks for.
    const name = issuer.nameIdFormat === 'emailAddress' ? mailKey(nameId) : nameId
    return `${samlOrigin(issuer.entityId)}|${name}`
  }
  const value = single(attributes.get(personAttribute))
  if (value === undefined)
    throw new PamError(
      'TOKEN_INVALID',
      `the assertion of the SAML provider ${issuer.name} does not have the attribute ${personAttribute} once, which names the person`,
    )
  return `${personClaim}|${value}`
}

/** The value of an attribute that has one; undefined where it has none, several, or one that is no name of anything. */
function single(values: readonly string[] | undefined): string | undefined {
  const [value, ...more] = values ?? []
  const isOne = value !== undefined && more.length === 0
  return isOne && value !== '' && value === value.trim() && value.length <= MAX_VALUE && !/\p{C}/u.test(value)
    ? value
    : undefined
}

const MAX_VALUE = 320
