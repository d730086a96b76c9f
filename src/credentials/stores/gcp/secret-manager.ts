import type { StoreReference } from '../../store-reference.ts'
import { askStore, isSuccess, refusedBy, type SendRequest } from '../ask-store.ts'
import { memberOf, objectOf, own, StoreFailure, type SecretStore } from '../store.ts'
import type { GoogleTokens } from './google-token.ts'

type Reference = Extract<StoreReference, { readonly store: 'gcp-sm' }>

export interface SecretManagerParts {
  /** Default: Google's own. */
  readonly url: string | undefined
  readonly ca: string | undefined
  readonly tokens: GoogleTokens
  readonly send: SendRequest
}

/** Google Secret Manager: projects.secrets.versions.access (cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access). */
export const secretManager = ({ url, ca, tokens, send }: SecretManagerParts): SecretStore<Reference> => ({
  async read({ project, name, version, key }) {
    const path = ['projects', project, 'secrets', name, 'versions', version].map(encodeURIComponent).join('/')
    const headers = { authorization: `Bearer ${await tokens.token(CLOUD_PLATFORM)}` }
    const base = (url ?? 'https://secretmanager.googleapis.com').replace(/\/$/, '')
    const { status, json } = await askStore({ url: `${base}/v1/${path}:access`, headers, ca }, send)
    if (status === 404) throw new StoreFailure('secret', 'does not exist (Google answers 404)')
    if (!isSuccess(status)) throw refusedBy(status)
    const data = own(objectOf(own(json, 'payload')), 'data')
    if (typeof data !== 'string') throw new StoreFailure('store', 'answered without the data of a secret')
    return { text: memberOf(decoded(data), key) }
  },
})

function decoded(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw new StoreFailure('store', 'answers with data that is not base64')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new StoreFailure('secret', 'is not text')
  }
}

const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform'
