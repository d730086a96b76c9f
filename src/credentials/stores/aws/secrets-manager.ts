import type { StoreReference } from '../../store-reference.ts'
import { isSuccess } from '../ask-store.ts'
import { memberOf, own, StoreFailure, type SecretStore } from '../store.ts'
import { askAws, errorTypeOf, refusedByAws, type AwsService } from './aws-json.ts'

type Reference = Extract<StoreReference, { readonly store: 'aws-sm' }>

/** AWS Secrets Manager: GetSecretValue (docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html), the current version. */
export const secretsManager = (service: AwsService): SecretStore<Reference> => ({
  async read({ name, key }) {
    const [, , , elsewhere] = name.startsWith('arn:') ? name.split(':') : []
    if (elsewhere !== undefined && elsewhere !== service.region)
      throw new StoreFailure('secret', `is in ${elsewhere}, and secrets.aws.region is ${service.region}`)
    const answer = await askAws(service, 'secretsmanager.GetSecretValue', { SecretId: name })
    if (errorTypeOf(answer) === 'ResourceNotFoundException')
      throw new StoreFailure('secret', 'does not exist (ResourceNotFoundException)')
    if (!isSuccess(answer.status)) throw refusedByAws(answer)
    if (own(answer.json, 'SecretString') === undefined && own(answer.json, 'SecretBinary') !== undefined)
      throw new StoreFailure('secret', 'is binary, not text')
    return { text: memberOf(own(answer.json, 'SecretString'), key) }
  },
})
