import type { Clock } from '../../../shared/clock.ts'
import { askStore, refusedBy, type SendRequest, type StoreAnswer } from '../ask-store.ts'
import { own, StoreFailure } from '../store.ts'
import type { AwsCredentials } from './aws-credentials.ts'
import { signHeaders } from './sigv4.ts'

export interface AwsService {
  readonly region: string
  /** As signatures and hosts have it, such as kms. */
  readonly service: string
  /** Default: that of the region. */
  readonly url: string | undefined
  readonly ca: string | undefined
  readonly credentials: AwsCredentials
  readonly clock: Clock
  readonly send: SendRequest
}

/**
 * Calls an action of a service that speaks JSON (smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html), such as `TrentService.Encrypt`. Throws
 * StoreFailure where there is no answer.
 */
export async function askAws(
  { region, service, url: at, ca, credentials, clock, send }: AwsService,
  action: string,
  input: unknown,
): Promise<StoreAnswer> {
  const url = new URL(at ?? `https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`)
  const body = JSON.stringify(input)
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': action }
  const scope = { region, service, at: clock.now() }
  const signed = signHeaders({ method: 'POST', url, headers, body }, await credentials.keys(), scope)
  return askStore({ url: url.href, method: 'POST', headers: signed, body, ca }, send)
}

/** The type of an error, without its namespace; its message is not repeated. */
export function errorTypeOf({ json }: StoreAnswer): string {
  const type = own(json, '__type')
  return typeof type === 'string' ? (type.split('#').at(-1) ?? '') : ''
}

/** What an answer that is no success says about the service: a type of error is a word of a list, or left out. */
export function refusedByAws(answer: StoreAnswer): StoreFailure {
  const refused = refusedBy(answer.status)
  const type = errorTypeOf(answer)
  return KNOWN.includes(type) ? new StoreFailure('store', `${refused.message}: ${type}`) : refused
}

const KNOWN = [
  'AccessDeniedException',
  'DecryptionFailure',
  'DisabledException',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InternalServiceError',
  'InvalidCiphertextException',
  'InvalidSignatureException',
  'KMSInternalException',
  'KMSInvalidStateException',
  'NotFoundException',
  'ThrottlingException',
  'UnrecognizedClientException',
]
