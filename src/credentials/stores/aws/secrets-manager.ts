import type { Clock } from '../../../shared/clock.ts'
import type { StoreReference } from '../../store-reference.ts'
import { askStore, isSuccess, refusedBy, type SendRequest } from '../ask-store.ts'
import { memberOf, own, StoreFailure, type SecretStore } from '../store.ts'
import type { AwsCredentials } from './aws-credentials.ts'
import { signHeaders } from './sigv4.ts'

type Reference = Extract<StoreReference, { readonly store: 'aws-sm' }>

export interface SecretsManagerParts {
  readonly region: string
  /** Default: that of the region. */
  readonly url: string | undefined
  readonly ca: string | undefined
  readonly credentials: AwsCredentials
  readonly clock: Clock
  readonly send: SendRequest
}

/** AWS Secrets Manager: GetSecretValue (docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html), the current version. */
export function secretsManager(parts: SecretsManagerParts): SecretStore<Reference> {
  const { region, ca, credentials, clock, send } = parts
  const suffix = region.startsWith('cn-') ? '.cn' : ''
  const url = new URL(parts.url ?? `https://secretsmanager.${region}.amazonaws.com${suffix}/`)
  return {
    async read({ name, key }) {
      const [, , , elsewhere] = name.startsWith('arn:') ? name.split(':') : []
      if (elsewhere !== undefined && elsewhere !== region)
        throw new StoreFailure('secret', `is in ${elsewhere}, and secrets.aws.region is ${region}`)
      const body = JSON.stringify({ SecretId: name })
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' }
      const signed = signHeaders({ method: 'POST', url, headers, body }, await credentials.keys(), {
        region,
        service: 'secretsmanager',
        at: clock.now(),
      })
      const { status, json } = await askStore({ url: url.href, method: 'POST', headers: signed, body, ca }, send)
      if (!isSuccess(status)) throw failureOf(status, own(json, '__type'))
      if (own(json, 'SecretString') === undefined && own(json, 'SecretBinary') !== undefined)
        throw new StoreFailure('secret', 'is binary, not text')
      return { text: memberOf(own(json, 'SecretString'), key) }
    },
  }
}

/** The type of an error is a word from a list; its message is not repeated. */
function failureOf(status: number, type: unknown): StoreFailure {
  const word = typeof type === 'string' ? (type.split('#').at(-1) ?? '') : ''
  if (word === 'ResourceNotFoundException')
    return new StoreFailure('secret', 'does not exist (ResourceNotFoundException)')
  if (KNOWN.includes(word)) return new StoreFailure('store', `${refusedBy(status).message}: ${word}`)
  return refusedBy(status)
}

const KNOWN = [
  'AccessDeniedException',
  'DecryptionFailure',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InternalServiceError',
  'InvalidSignatureException',
  'ThrottlingException',
  'UnrecognizedClientException',
]
