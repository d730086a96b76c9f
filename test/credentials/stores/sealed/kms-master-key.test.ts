import { describe, expect, it } from 'vitest'
import { AwsCredentials } from '../../../../src/credentials/stores/aws/aws-credentials.ts'
import { kmsMasterKey } from '../../../../src/credentials/stores/sealed/kms-master-key.ts'
import type { BoundedRequest } from '../../../../src/shared/bounded-request.ts'
import { HandClock } from '../../../helpers/hand-clock.ts'

const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const DATA_KEY = Buffer.alloc(32, 7)
const sent: BoundedRequest[] = []

/** KMS as its API reference has it: a ciphertext is of its key and its encryption context, and of no other. */
function answerTo({ body, headers }: BoundedRequest): { status: number; body: unknown } {
  const { KeyId, Plaintext, CiphertextBlob, EncryptionContext } = JSON.parse(String(body)) as Record<string, unknown>
  const context = JSON.stringify(EncryptionContext)
  if (headers?.['x-amz-target'] === 'TrentService.Encrypt') {
    const text = Buffer.from(JSON.stringify([KeyId, Plaintext, context])).toString('base64')
    return { status: 200, body: { CiphertextBlob: text, KeyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' } }
  }
  const [key, plain, was] = JSON.parse(Buffer.from(String(CiphertextBlob), 'base64').toString()) as string[]
  return key === KeyId && was === context
    ? { status: 200, body: { Plaintext: plain, KeyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' } }
    : { status: 400, body: { __type: 'InvalidCiphertextException', message: 'hunter2' } }
}

function masterKey(answer: (request: BoundedRequest) => { status: number; body: unknown } = answerTo) {
  const clock = new HandClock()
  const environment = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'aws-secret-key' }
  const send = (request: BoundedRequest) => {
    sent.push(request)
    const { status, body } = answer(request)
    return Promise.resolve({ status, body: typeof body === 'string' ? body : JSON.stringify(body) })
  }
  const region = 'eu-west-1'
  const credentials = new AwsCredentials({ region, stsUrl: undefined, environment, readFile: () => '', clock, send })
  return kmsMasterKey({ region, service: 'kms', url: undefined, ca: undefined, credentials, clock, send }, KEY)
}

describe('a master key in AWS KMS', () => {
  it('wraps keys, each for its own secret, in signed requests', async () => {
    const master = masterKey()
    expect(master.id).toBe(`aws-kms:${KEY}`)
    const wrapped = await master.wrap(DATA_KEY, 'db 1')
    expect(Buffer.from(await master.unwrap(wrapped, 'db 1'))).toEqual(DATA_KEY)
    await expect(master.unwrap(wrapped, 'db 2')).rejects.toThrow(
      'cannot decrypt its keys: AWS KMS answers 400 (bad request): InvalidCiphertextException',
    )
    expect(sent[0]?.url).toBe('https://kms.eu-west-1.amazonaws.com/')
    expect(sent[0]?.headers?.['authorization']).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/kms\/aws4_request, /,
    )
    expect(JSON.parse(String(sent[0]?.body))).toEqual({
      KeyId: KEY,
      Plaintext: DATA_KEY.toString('base64'),
      EncryptionContext: { 'pam-gateway': 'db 1' },
    })
  })

  it.each([
    ['no JSON', 200, 'hunter2', 'answers without Plaintext'],
    ['a key that is no text', 200, { Plaintext: 7, KeyId: KEY }, 'answers without Plaintext'],
    ['what is no base64', 200, { Plaintext: 'hunter2!', KeyId: KEY }, 'answers without Plaintext'],
    ['an answer for another key', 200, { Plaintext: 'AAAA', KeyId: `${KEY}0` }, 'answers for another key'],
    ['a key that is too short', 200, { Plaintext: 'AAAA', KeyId: KEY }, 'gave a key that is not 32 bytes long'],
    ['an error of its own', 400, { __type: 'hunter2', message: 'hunter2' }, 'answers 400 (bad request)'],
    ['a key that is disabled', 400, { __type: 'x#DisabledException' }, 'answers 400 (bad request): DisabledException'],
  ])('is rejected with %s', async (_name, status, body, expected) => {
    const failure = await masterKey(() => ({ status, body }))
      .unwrap('AAAA', 'db 1')
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ scope: 'store', message: expect.stringContaining(expected) as string })
    expect(String(failure)).not.toContain('hunter2')
  })
})
