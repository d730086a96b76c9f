import { isSecretReference, type SecretReference } from './secret-reference.ts'

/** Where the gateway finds what it logs in to targets with: on its own machine, or in a store that it asks. */
export type CredentialReference = SecretReference | StoreReferenceText

export type StoreReferenceText = `${keyof typeof READERS}:${string}`

/** A secret in a store, taken apart. `key` picks a member of a secret that is a JSON object. */
export type StoreReference =
  | { readonly store: 'vault'; readonly path: readonly string[]; readonly field: string }
  | VaultRole<'vault-db'>
  | VaultRole<'vault-ssh'>
  | { readonly store: 'aws-sm'; readonly name: string; readonly key: string | undefined }
  | {
      readonly store: 'gcp-sm'
      readonly project: string
      readonly name: string
      readonly version: string
      readonly key: string | undefined
    }
  | {
      readonly store: 'azure-kv'
      readonly vault: string
      readonly name: string
      readonly version: string | undefined
      readonly key: string | undefined
    }
  | { readonly store: 'secret'; readonly name: string }

export type StoreName = StoreReference['store']

/** A role of an engine that makes something for each session. */
interface VaultRole<Store> {
  readonly store: Store
  readonly mount: readonly string[]
  readonly role: string
}

/**
 * Reads a reference to a secret in a store. The reader is closed: each part has the characters that its store allows in names, and no
 * others, so that nothing in it can be read as another path, a query or an encoding. Undefined for anything else.
 */
export function parseStoreReference(text: string): StoreReference | undefined {
  const at = text.indexOf(':')
  const kind = text.slice(0, at)
  return isStoreName(kind) ? READERS[kind](text.slice(at + 1)) : undefined
}

/** Whether there is nothing to read: the store makes something for each session. */
export const isMadeForSessions = (reference: StoreReference | undefined): boolean =>
  reference?.store === 'vault-db' || reference?.store === 'vault-ssh'

/** What the store is called and how a reference to it is written. */
const isStoreName = (kind: string): kind is StoreName => Object.hasOwn(READERS, kind)

export const isCredentialReference = (text: string): text is CredentialReference =>
  isSecretReference(text) || parseStoreReference(text) !== undefined

/** Why a text is not a reference that can be used here; undefined where it is. */
export function referenceProblem(text: string, kinds: readonly StoreName[]): string | undefined {
  if (isSecretReference(text)) return undefined
  const kind = /^([a-z-]+):/.exec(text)?.[1] ?? ''
  if (kind === 'exec')
    return 'exec: is not supported: the gateway runs no other programs, which would see the secret and could be replaced by whoever can change their path; let the program write a file, and name it with file:PATH'
  if (!isStoreName(kind)) return `expected a reference, ${FORMS.local}${listed(kinds)}, not the secret itself`
  if (!kinds.includes(kind))
    return kinds.length === 0
      ? `${kind}: is for what the gateway logs in to targets with; this secret is needed before stores are asked: use ${FORMS.local}`
      : `${kind}: is not for this value: use ${FORMS.local}${listed(kinds)}`
  return parseStoreReference(text) === undefined ? `${kind}: expected ${FORMS[kind]}` : undefined
}

const listed = (kinds: readonly StoreName[]): string =>
  kinds.length === 0 ? '' : `, or one of a store (${kinds.map((kind) => `${kind}:`).join(', ')})`

/** The member of a reference after `#`, and what is in front of it. */
function withKey(text: string): { readonly name: string; readonly key: string | undefined } | undefined {
  const [name = '', key, ...rest] = text.split('#')
  return rest.length === 0 && (key === undefined || FIELD.test(key)) ? { name, key } : undefined
}

function segmentsOf(path: string): string[] | undefined {
  const segments = path.split('/')
  return segments.length >= 2 && segments.every((segment) => SEGMENT.test(segment) && !/^\.+$/.test(segment))
    ? segments
    : undefined
}

function roleOf<Store>(store: Store, text: string): VaultRole<Store> | undefined {
  const path = segmentsOf(text)
  return path && { store, mount: path.slice(0, -1), role: path.at(-1) ?? '' }
}

const READERS = {
  vault(text: string): StoreReference | undefined {
    const read = withKey(text)
    const path = segmentsOf(read?.name ?? '')
    return path === undefined || read?.key === undefined ? undefined : { store: 'vault', path, field: read.key }
  },
  'vault-db': (text: string): StoreReference | undefined => roleOf('vault-db', text),
  'vault-ssh': (text: string): StoreReference | undefined => roleOf('vault-ssh', text),
  'aws-sm'(text: string): StoreReference | undefined {
    const read = withKey(text)
    return read !== undefined && AWS_NAME.test(read.name) ? { store: 'aws-sm', ...read } : undefined
  },
  'gcp-sm'(text: string): StoreReference | undefined {
    const read = withKey(text)
    const [, project, name, version = 'latest'] = GCP_NAME.exec(read?.name ?? '') ?? []
    if (read === undefined || project === undefined || name === undefined) return undefined
    return { store: 'gcp-sm', project, name, version, key: read.key }
  },
  'azure-kv'(text: string): StoreReference | undefined {
    const read = withKey(text)
    const [, vault, name, version] = AZURE_NAME.exec(read?.name ?? '') ?? []
    if (read === undefined || vault === undefined || name === undefined) return undefined
    return { store: 'azure-kv', vault, name, version, key: read.key }
  },
  secret: (text: string): StoreReference | undefined =>
    SEALED_NAME.test(text) ? { store: 'secret', name: text } : undefined,
} as const

const FORMS = {
  local: 'env:NAME or file:PATH',
  vault:
    'vault:MOUNT/PATH#FIELD of letters, digits, dots, dashes and underscores, such as vault:secret/prod/db#password',
  'vault-db': 'vault-db:MOUNT/ROLE, such as vault-db:database/readonly',
  'vault-ssh': 'vault-ssh:MOUNT/ROLE, such as vault-ssh:ssh-client-signer/bastion',
  'aws-sm': 'aws-sm:NAME or aws-sm:ARN, and #KEY where the secret is a JSON object',
  'gcp-sm': 'gcp-sm:PROJECT/NAME or gcp-sm:PROJECT/NAME/VERSION, and #KEY where the secret is a JSON object',
  'azure-kv': 'azure-kv:VAULT/NAME or azure-kv:VAULT/NAME/VERSION, and #KEY where the secret is a JSON object',
  secret: 'secret:NAME of lower-case letters, digits, dots, dashes and underscores',
} as const

const FIELD = /^[A-Za-z0-9_.-]{1,128}$/
const SEGMENT = /^[A-Za-z0-9_.-]{1,128}$/
/** CreateSecret: letters, digits and /_+=.@- ; an ARN has colons in front of that. */
const AWS_NAME = /^(?:arn:aws[a-z-]{0,10}:secretsmanager:[a-z0-9-]{1,30}:\d{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}$/
/** Project ids, also of a domain (`example.com:project`), and numbers of versions. */
const GCP_NAME = /^((?:[a-z0-9.-]{1,60}:)?[a-z0-9-]{1,63})\/([A-Za-z0-9_-]{1,255})(?:\/(latest|[1-9]\d{0,9}))?$/
const AZURE_NAME = /^([A-Za-z](?:[A-Za-z0-9-]{1,22})[A-Za-z0-9])\/([A-Za-z0-9-]{1,127})(?:\/([0-9a-f]{32}))?$/
export const SEALED_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/
