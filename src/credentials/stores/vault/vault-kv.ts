import { isSuccess, refusedBy } from '../ask-store.ts'
import { checkSecret, objectOf, own, secondsOf, StoreFailure, type SecretStore, type StoredSecret } from '../store.ts'
import type { StoreReference } from '../../store-reference.ts'
import type { VaultClient } from './vault-client.ts'

type Reference = Extract<StoreReference, { readonly store: 'vault' }>

/** Secrets of Vault's key/value engines, version 1 and 2 (api-docs/secret/kv). */
export const vaultKv = (client: VaultClient): SecretStore<Reference> => ({
  async read({ path, field }): Promise<StoredSecret> {
    const { mount, version, rest } = mountOf(client, path)
    const answer = await client.request('GET', [...mount, ...(version === 2 ? ['data'] : []), ...rest])
    if (answer.status === 404) throw new StoreFailure('secret', 'does not exist (the vault answers 404)')
    if (!isSuccess(answer.status)) throw refusedBy(answer.status)
    const outer = objectOf(own(answer.json, 'data'))
    const data = version === 2 ? objectOf(own(outer, 'data')) : outer
    if (data === undefined) throw new StoreFailure('store', 'answered without the data of a secret')
    if (!Object.hasOwn(data, field)) throw new StoreFailure('secret', `has no field ${field}`)
    const text = checkSecret(data[field])
    // Version 2 has no leases: it always says 0.
    if (version === 2) return { text }
    const keepFor = secondsOf(own(answer.json, 'lease_duration'))
    if (keepFor === undefined) throw new StoreFailure('store', 'does not say how long the secret may be kept')
    return { text, keepFor }
  },
})

/** The engine that a path begins with: the longest of those that are configured. */
function mountOf(
  { settings }: VaultClient,
  path: readonly string[],
): { readonly mount: readonly string[]; readonly version: 1 | 2; readonly rest: readonly string[] } {
  const [found] = settings.kv
    .map(({ mount, version }) => ({ mount: mount.split('/'), version }))
    .filter(({ mount }) => mount.length < path.length && mount.every((segment, index) => path[index] === segment))
    .toSorted((a, b) => b.mount.length - a.mount.length)
  if (found === undefined)
    throw new StoreFailure(
      'secret',
      'is not under a mount of secrets.vault.kv: its path begins with that of the engine',
    )
  return { ...found, rest: path.slice(found.mount.length) }
}
