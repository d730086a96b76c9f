import type { CredentialLease } from '../../../credentials/credential.ts'
import { PamError } from '../../../shared/errors.ts'
import type { HttpCredential } from '../target.ts'
import type { Header } from '../wire/headers.ts'
import { needlesOf, type Needle } from './secret-spellings.ts'
import { lastItem } from '../../../shared/item.ts'

/** What the gateway signs in with, and all that must not come back of it. */
export interface Identity {
  readonly headers: readonly Header[]
  readonly needles: readonly Needle[]
}

/** Read anew for each request: secrets are replaced while sessions go on. What is to be looked for is made once for each secret. */
export function identityOf(credential: HttpCredential | undefined, lease: CredentialLease): Identity {
  const secret = credential === undefined || credential.type === 'certificate' ? undefined : lease.password
  if (credential === undefined || secret === undefined) return NOBODY
  const known = identities.get(credential)
  if (known?.secret === secret) return known.identity
  const header = headerOf(credential, secret)
  // Basic has it in base64, with the name in front.
  const sent = lastItem(header[1].split(' '))
  const identity = { headers: [header], needles: [...needlesOf(secret), ...(sent === secret ? [] : needlesOf(sent))] }
  identities.set(credential, { secret, identity })
  return identity
}

const NOBODY: Identity = { headers: [], needles: [] }
/** Of each credential the last one. */
const identities = new WeakMap<HttpCredential, { readonly secret: string; readonly identity: Identity }>()

function headerOf(credential: HttpCredential, secret: string): Header {
  switch (credential.type) {
    case 'bearer':
      return ['authorization', `Bearer ${secret}`]
    case 'basic':
      return ['authorization', `Basic ${Buffer.from(`${credential.user}:${secret}`).toString('base64')}`]
    case 'header':
      return [
        credential.name.toLowerCase(),
        credential.scheme === undefined ? secret : `${credential.scheme} ${secret}`,
      ]
    case 'cookie':
      if (/[\s",;\\]/.test(secret)) throw notACookie()
      return ['cookie', `${credential.name}=${secret}`]
    case 'assertion':
      return ['x-pam-assertion', secret]
    case 'certificate':
      throw new Error('a certificate is shown within TLS')
  }
}

const notACookie = (): PamError =>
  new PamError('TARGET_CREDENTIAL', 'the credential has a character that a cookie cannot have', {
    side: 'gateway',
    hint: 'contact your administrator',
  })
