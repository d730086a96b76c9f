import { createHmac } from 'node:crypto'
import { isSuccess, refusedBy } from '../ask-store.ts'
import { objectOf, own, StoreFailure } from '../store.ts'
import type { VaultClient } from '../vault/vault-client.ts'
import { decrypt, encrypt } from './envelope.ts'

/** What the keys of secrets are encrypted under. */
export interface MasterKey {
  /** Which one it is, without revealing it. */
  readonly id: string
  wrap(dataKey: Uint8Array, associated: string): Promise<string>
  /** Throws StoreFailure where it was wrapped by another one. */
  unwrap(wrapped: string, associated: string): Promise<Uint8Array>
}

/** A key of 32 bytes in base64 or hexadecimal, as `openssl rand -base64 32` prints it. Throws StoreFailure, without the key. */
export function localMasterKey(text: string): MasterKey {
  const key = readKey(text.trim())
  return {
    id: `key:${createHmac('sha256', key).update('pamctl master key').digest('hex').slice(0, 16)}`,
    wrap: async (dataKey, associated) => encrypt(key, dataKey, associated),
    unwrap: async (wrapped, associated) => {
      const dataKey = decrypt(key, wrapped, associated)
      if (dataKey === undefined) throw new StoreFailure('secret', 'was changed after it was sealed')
      return dataKey
    },
  }
}

function readKey(text: string): Buffer {
  const key = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64')
  if (key.length === 32 && /^[A-Za-z0-9+/]{43}=$|^[0-9a-fA-F]{64}$/.test(text)) return key
  throw new StoreFailure(
    'store',
    'has a master key that is not 32 bytes in base64 or hexadecimal; make one with openssl rand -base64 32',
  )
}

/** A key that stays in Vault's transit engine (api-docs/secret/transit, associated data since Vault 1.9). */
export function transitMasterKey(client: VaultClient, mount: string, key: string): MasterKey {
  const ask = async (operation: 'encrypt' | 'decrypt', body: unknown, wanted: string): Promise<string> => {
    const { status, json } = await client.request('POST', [...mount.split('/'), operation, key], body)
    if (!isSuccess(status))
      throw new StoreFailure('store', `cannot ${operation} its keys: the vault ${refusedBy(status).message}`)
    const text = own(objectOf(own(json, 'data')), wanted)
    if (typeof text === 'string' && text.length <= MAX_TEXT) return text
    throw new StoreFailure('store', `cannot ${operation} its keys: the vault answers without ${wanted}`)
  }
  const encoded = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')
  return {
    id: `transit:${mount}/${key}`,
    wrap: (dataKey, associated) =>
      ask('encrypt', { plaintext: encoded(dataKey), associated_data: encoded(associated) }, 'ciphertext'),
    unwrap: async (wrapped, associated) => {
      const plain = await ask('decrypt', { ciphertext: wrapped, associated_data: encoded(associated) }, 'plaintext')
      const dataKey = Buffer.from(plain, 'base64')
      if (dataKey.length !== 32) throw new StoreFailure('store', 'gave a key that is not 32 bytes long')
      return dataKey
    },
  }
}

const MAX_TEXT = 4096
