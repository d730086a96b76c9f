import type { StoreReference } from '../../store-reference.ts'
import { checkSecret, StoreFailure, type SecretStore } from '../store.ts'
import { bindingOf, decrypt, encrypt, newDataKey } from './envelope.ts'
import type { MasterKey } from './master-key.ts'
import { changeSealed, nextVersion, readSealed, type SealedSecret, type SealedSecrets } from './sealed-file.ts'

type Reference = Extract<StoreReference, { readonly store: 'secret' }>

/** What the audit chain says of sealed secrets. */
export interface SealedHistory {
  /** The last version that it has; 0 for none. */
  lastVersion(name: string): Promise<number>
  /** Puts a change on record, unless it is there already. */
  note(change: SealedChange): Promise<void>
}

export interface SealedChange {
  readonly name: string
  readonly version: number
  /** Undefined for one that was removed. */
  readonly master: string | undefined
  readonly changedAt: string
  readonly by: string
}

export interface SealedParts {
  readonly file: string
  /** The key that secrets are sealed with; read each time. Throws StoreFailure. */
  readonly master: () => MasterKey
  /** Other keys that secrets may still be sealed with. */
  readonly previous: () => readonly MasterKey[]
}

/** Secrets that were typed once: kept encrypted beside the gateway's other data. Each change is on record before it is used. */
export const sealedStore = (parts: SealedParts, history: SealedHistory): SecretStore<Reference> => ({
  async read({ name }) {
    const entry = secretIn(readSealed(parts.file), name)
    const known = await history.lastVersion(name)
    if (entry.version < known)
      throw new StoreFailure(
        'secret',
        'is an older version than the audit log has: somebody put a copy of the file back; set it again',
      )
    const text = await open(entry, name, parts)
    await history.note({ name, ...entry })
    return { text: checkSecret(text), keepFor: 0 }
  },
})

/** Puts every change of the file on record, also of secrets that no target uses. */
export async function noteChanges(file: string, history: SealedHistory): Promise<void> {
  for (const [name, entry] of Object.entries(readSealed(file))) {
    const { version, changedAt, by } = entry
    await history.note({ name, version, changedAt, by, master: 'removed' in entry ? undefined : entry.master })
  }
}

/** Who changes it, and when, in milliseconds since the epoch. */
export interface Change {
  readonly by: string
  readonly at: number
}

export const setSecret = (parts: SealedParts, name: string, text: string, { by, at }: Change): Promise<void> =>
  changeSealed(parts.file, async (secrets) => {
    checkSecret(text)
    const version = nextVersion(Object.hasOwn(secrets, name) ? secrets[name] : undefined, at)
    const binding = bindingOf(name, version)
    const dataKey = newDataKey()
    const master = parts.master()
    return {
      ...secrets,
      [name]: {
        version,
        changedAt: new Date(at).toISOString(),
        by,
        master: master.id,
        dataKey: await master.wrap(dataKey, binding),
        text: encrypt(dataKey, Buffer.from(text), binding),
      },
    }
  })

export const removeSecret = (file: string, name: string, { by, at }: Change): Promise<void> =>
  changeSealed(file, async (secrets) => {
    const { version } = secretIn(secrets, name)
    return {
      ...secrets,
      [name]: { version: Math.max(version + 1, at), changedAt: new Date(at).toISOString(), by, removed: true },
    }
  })

/** Wraps the keys of all secrets under the current master key, all or none. Returns how many were under another one. */
export async function rewrapSecrets(parts: SealedParts, { by, at }: Change): Promise<number> {
  let count = 0
  await changeSealed(parts.file, async (secrets) => {
    const master = parts.master()
    const next: Record<string, SealedSecrets[string]> = {}
    for (const [name, entry] of Object.entries(secrets)) {
      next[name] = entry
      if ('removed' in entry || entry.master === master.id) continue
      const binding = bindingOf(name, entry.version)
      const dataKey = await unwrap(entry, name, parts)
      // A key that cannot open its secret is not worth wrapping again.
      if (decrypt(dataKey, entry.text, binding) === undefined) throw changedSince(name)
      next[name] = {
        ...entry,
        by,
        changedAt: new Date(at).toISOString(),
        master: master.id,
        dataKey: await master.wrap(dataKey, binding),
      }
      count++
    }
    return next
  })
  return count
}

function secretIn(secrets: SealedSecrets, name: string): SealedSecret {
  const entry = Object.hasOwn(secrets, name) ? secrets[name] : undefined
  if (entry === undefined) throw new StoreFailure('secret', `does not exist: pam-gateway secret set ${name}`)
  if ('removed' in entry) throw new StoreFailure('secret', `was removed: pam-gateway secret set ${name}`)
  return entry
}

async function open(entry: SealedSecret, name: string, parts: SealedParts): Promise<string> {
  const dataKey = await unwrap(entry, name, parts)
  const plain = decrypt(dataKey, entry.text, bindingOf(name, entry.version))
  if (plain === undefined) throw changedSince(name)
  return plain.toString('utf8')
}

async function unwrap(entry: SealedSecret, name: string, { master, previous }: SealedParts): Promise<Uint8Array> {
  const keys = [master(), ...previous()]
  const key = keys.find(({ id }) => id === entry.master)
  if (key === undefined)
    throw new StoreFailure(
      'secret',
      `was sealed with master key ${entry.master}, and the configuration has ${keys.map(({ id }) => id).join(' and ')}: name the right one in secrets.sealed`,
    )
  return key.unwrap(entry.dataKey, bindingOf(name, entry.version))
}

const changedSince = (name: string): StoreFailure =>
  new StoreFailure('secret', `was changed after it was sealed: pam-gateway secret set ${name}`)
