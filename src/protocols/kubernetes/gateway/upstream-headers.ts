import type { CredentialLease } from '../../../credentials/credential.ts'
import type { Person } from '../../../policy/command.ts'
import { PamError } from '../../../shared/errors.ts'
import { valuesOf, type Header, type Headers } from '../../http/wire/headers.ts'
import type { Impersonation } from '../target.ts'

/** Headers of a client with which it asks to be somebody, or for another method than it names: never passed on, and refused. */
export function refusedHeader(headers: Headers): PamError | undefined {
  const found = headers.find(([name]) => REFUSED.test(name))
  if (found !== undefined)
    return new PamError('FEATURE_REFUSED', `the header ${found[0]} is not supported`, {
      hint: 'the gateway decides who you are on the cluster: leave out --as, --as-group, --as-uid and other such options',
    })
  if (valuesOf(headers, 'sec-websocket-protocol').some((value) => BEARER.test(value)))
    return new PamError('FEATURE_REFUSED', 'a bearer token as a sub-protocol of a WebSocket is not supported')
  const encoding = valuesOf(headers, 'content-encoding').find((value) => value !== 'identity')
  if (encoding !== undefined) return new PamError('FEATURE_REFUSED', 'a body that is compressed is not supported')
  return undefined
}

/** What passes of a client's own headers: a list, so that a new one means nothing before it is understood. */
export const passedHeaders = (headers: Headers): Header[] => headers.filter(([name]) => PASSED.has(name))

/** Who the gateway is, and whom it acts for. Nothing of it comes from the client. */
export function identityHeaders(
  lease: CredentialLease,
  person: Person,
  impersonation: Impersonation | undefined,
): Header[] {
  const { password } = lease
  return [
    ...(password === undefined ? [] : [['authorization', `Bearer ${password}`] as const]),
    ...(impersonation === undefined ? [] : impersonationHeaders(person, impersonation)),
  ]
}

/** Source: Kubernetes, Authenticating, User impersonation. */
function impersonationHeaders(
  person: Person,
  { user, userPrefix, groupPrefix, groups, extra }: Impersonation,
): Header[] {
  const named = person.groups.filter((group) => groups?.includes(group) ?? true)
  return [
    ['impersonate-user', impersonatedUser(person, { user, userPrefix })],
    ...named.map((group): Header => ['impersonate-group', `${groupPrefix}${headerSafe(group)}`]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value): Header => [`impersonate-extra-${key}`, value]),
    ),
  ]
}

/** What the person is called on the cluster. */
export const impersonatedUser = (
  person: Person,
  { user, userPrefix }: Pick<Impersonation, 'user' | 'userPrefix'>,
): string => `${userPrefix}${headerSafe(user === 'id' ? person.id : person.label)}`

/** As it stands where it is plain ASCII; what else there is is spelled out, so that no two become the same. */
const headerSafe = (text: string): string =>
  text.replace(/[^\x21-\x24\x26-\x7e]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )

const REFUSED =
  /^(?:impersonate-.*|x-http-method(?:-override)?|x-method-override|x-original-(?:url|method)|x-rewrite-url)$/
const BEARER = /base64url\.bearer\.authorization\.k8s\.io/i
const PASSED = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'if-none-match',
  'if-modified-since',
  'user-agent',
  'kubectl-command',
  'kubectl-session',
])
