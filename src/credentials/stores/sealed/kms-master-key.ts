import { isSuccess, type StoreAnswer } from '../ask-store.ts'
import { askAws, refusedByAws, type AwsService } from '../aws/aws-json.ts'
import { own, StoreFailure } from '../store.ts'
import type { MasterKey } from './master-key.ts'

/**
 * A symmetric key that stays in AWS KMS: Encrypt and Decrypt (docs.aws.amazon.com/kms/latest/APIReference). What a data key is for is its encryption
 * context, which CloudTrail logs. `key` is an ARN, and each answer must be of that key.
 */
export function kmsMasterKey(service: AwsService, key: string): MasterKey {
  const ask = async (action: 'Encrypt' | 'Decrypt', input: object, wanted: string): Promise<string> => {
    const answer = await askAws(service, `TrentService.${action}`, { KeyId: key, ...input })
    const failed = (what: string): StoreFailure =>
      new StoreFailure('store', `cannot ${action.toLowerCase()} its keys: AWS KMS ${what}`)
    if (!isSuccess(answer.status)) throw failed(refusedByAws(answer).message)
    const text = textOf(answer, wanted)
    if (text === undefined) throw failed(`answers without ${wanted}`)
    if (own(answer.json, 'KeyId') !== key) throw failed('answers for another key')
    return text
  }
  const contextOf = (associated: string) => ({ EncryptionContext: { 'pam-gateway': associated } })
  return {
    id: `aws-kms:${key}`,
    wrap: (dataKey, associated) =>
      ask(
        'Encrypt',
        { Plaintext: Buffer.from(dataKey).toString('base64'), ...contextOf(associated) },
        'CiphertextBlob',
      ),
    unwrap: async (wrapped, associated) => {
      const plain = await ask('Decrypt', { CiphertextBlob: wrapped, ...contextOf(associated) }, 'Plaintext')
      const dataKey = Buffer.from(plain, 'base64')
      if (dataKey.length !== 32) throw new StoreFailure('store', 'gave a key that is not 32 bytes long')
      return dataKey
    },
  }
}

function textOf({ json }: StoreAnswer, name: string): string | undefined {
  const text = own(json, name)
  return typeof text === 'string' && text.length <= MAX_TEXT && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? text : undefined
}

const MAX_TEXT = 4096
