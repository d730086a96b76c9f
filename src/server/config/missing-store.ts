import { parseStoreReference, type StoreName } from '../../credentials/store-reference.ts'
import type { ConfigFile } from './schema.ts'

/** Says that the store of a reference is not configured; nothing where it is. */
export function missingStore(reference: string, secrets: ConfigFile['secrets']): string[] {
  const store = parseStoreReference(reference)?.store
  if (store === undefined) return []
  const section = SECTIONS[store]
  return secrets[section] === undefined ? [`${store}: needs secrets.${section} in the configuration`] : []
}

const SECTIONS = {
  vault: 'vault',
  'vault-db': 'vault',
  'vault-ssh': 'vault',
  'aws-sm': 'aws',
  'gcp-sm': 'gcp',
  'azure-kv': 'azure',
  secret: 'sealed',
} as const satisfies Record<StoreName, keyof ConfigFile['secrets']>
