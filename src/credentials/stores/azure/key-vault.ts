import type { StoreReference } from '../../store-reference.ts'
import { askStore, isSuccess, refusedBy, type SendRequest } from '../ask-store.ts'
import { memberOf, own, StoreFailure, type SecretStore } from '../store.ts'
import type { AzureTokens } from './azure-token.ts'

type Reference = Extract<StoreReference, { readonly store: 'azure-kv' }>

export interface KeyVaultParts {
  /** Where a vault is, by its name. */
  readonly urlOf: (vault: string) => string
  readonly ca: string | undefined
  readonly tokens: AzureTokens
  readonly send: SendRequest
}

/** Azure Key Vault: Get Secret (learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret), version 7.4 of the API. */
export const keyVault = ({ urlOf, ca, tokens, send }: KeyVaultParts): SecretStore<Reference> => ({
  async read({ vault, name, version, key }) {
    const path = ['secrets', name, ...(version === undefined ? [] : [version])].map(encodeURIComponent).join('/')
    const headers = { authorization: `Bearer ${await tokens.token()}` }
    const { status, json } = await askStore({ url: `${urlOf(vault)}/${path}?api-version=7.4`, headers, ca }, send)
    if (status === 404) throw new StoreFailure('secret', 'does not exist (Key Vault answers 404)')
    if (!isSuccess(status)) throw refusedBy(status)
    return { text: memberOf(own(json, 'value'), key) }
  },
})
