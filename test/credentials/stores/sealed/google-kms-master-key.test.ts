import { describe, expect, it } from 'vitest'
import { googleKmsMasterKey } from '../../../../src/credentials/stores/sealed/google-kms-master-key.ts'
import type { BoundedRequest } from '../../../../src/shared/bounded-request.ts'
import { crc32c } from '../../../helpers/crc32c.ts'

const KEY = 'projects/shop-prod/locations/europe-west1/keyRings/pam/cryptoKeys/sealed'
const DATA_KEY = Buffer.alloc(32, 7)
/** CRC-32C of 32 bytes of 7 and of `db 1`, by a table-driven program that gives E3069283 for 123456789. */
const CHECKSUMS = { dataKey: '3596965425', associated: '2609590568' }

type Answer = (request: BoundedRequest) => { status: number; body: unknown }

/** Cloud KMS as its API reference has it: a ciphertext is of its key and its additional authenticated data, and of no other. */
function kms(change: (body: Record<string, unknown>) => unknown = (body) => body): {
  answer: Answer
  checked: (string | undefined)[]
} {
  const checked: (string | undefined)[] = []
  const answer: Answer = ({ url, body }) => {
    const asked = JSON.parse(String(body)) as Record<string, string>
    const data = asked['additionalAuthenticatedData']
    checked.push(asked['plaintextCrc32c'], asked['additionalAuthenticatedDataCrc32c'])
    if (url.endsWith(':encrypt')) {
      const ciphertext = Buffer.from(JSON.stringify([asked['plaintext'], data])).toString('base64')
      return {
        status: 200,
        body: change({
          name: `${KEY}/cryptoKeyVersions/3`,
          ciphertext,
          ciphertextCrc32c: String(crc32c(Buffer.from(ciphertext, 'base64'))),
          verifiedPlaintextCrc32c: true,
          verifiedAdditionalAuthenticatedDataCrc32c: true,
        }),
      }
    }
    const [plaintext = '', was] = JSON.parse(Buffer.from(asked['ciphertext'] ?? '', 'base64').toString()) as string[]
    return was === data
      ? {
          status: 200,
          body: change({ plaintext, plaintextCrc32c: String(crc32c(Buffer.from(plaintext, 'base64'))) }),
        }
      : { status: 400, body: { error: { message: 'hunter2' } } }
  }
  return { answer, checked }
}

const sent: BoundedRequest[] = []
function masterKey(answer: Answer) {
  return googleKmsMasterKey(
    {
      url: undefined,
      ca: undefined,
      tokens: { token: (scope) => Promise.resolve(`token for ${scope}`) },
      send(request) {
        sent.push(request)
        const { status, body } = answer(request)
        return Promise.resolve({ status, body: typeof body === 'string' ? body : JSON.stringify(body) })
      },
    },
    KEY,
  )
}

describe('a master key in Google Cloud KMS', () => {
  it('wraps keys, each for its own secret, with checksums', async () => {
    const { answer, checked } = kms()
    const master = masterKey(answer)
    expect(master.id).toBe(`gcp-kms:${KEY}`)
    const wrapped = await master.wrap(DATA_KEY, 'db 1')
    expect(Buffer.from(await master.unwrap(wrapped, 'db 1'))).toEqual(DATA_KEY)
    await expect(master.unwrap(wrapped, 'db 2')).rejects.toThrow(
      'cannot decrypt its keys: Google Cloud KMS answers 400 (bad request)',
    )
    expect(sent[0]).toMatchObject({
      url: `https://cloudkms.googleapis.com/v1/${KEY}:encrypt`,
      method: 'POST',
      headers: { authorization: 'Bearer token for https://www.googleapis.com/auth/cloudkms' },
    })
    expect(checked.slice(0, 2)).toEqual([CHECKSUMS.dataKey, CHECKSUMS.associated])
  })

  it.each<[string, (body: Record<string, unknown>) => unknown, string]>([
    ['no JSON', () => 'hunter2', 'answers without ciphertext'],
    ['what is no base64', (body) => ({ ...body, ciphertext: 'hunter2!' }), 'answers without ciphertext'],
    ['what was changed on its way', (body) => ({ ...body, ciphertext: 'AAAA' }), 'answers with another checksum'],
    ['another key', (body) => ({ ...body, name: `${KEY}0/cryptoKeyVersions/3` }), 'answers for another key'],
    ['a plaintext that was not verified', (body) => ({ ...body, verifiedPlaintextCrc32c: false }), 'has not verified'],
    [
      'a secret that was not verified',
      ({ verifiedAdditionalAuthenticatedDataCrc32c: _left, ...body }) => body,
      'has not verified',
    ],
  ])('does not wrap where the answer has %s', async (_name, change, expected) => {
    const failure = await masterKey(kms(change).answer)
      .wrap(DATA_KEY, 'db 1')
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ scope: 'store', message: expect.stringContaining(expected) as string })
    expect(String(failure)).not.toContain('hunter2')
  })

  it.each<[string, Answer, string]>([
    [
      'a key that is too short',
      () => ({ status: 200, body: { plaintext: 'AAAA', plaintextCrc32c: '1617208186' } }),
      'not 32 bytes',
    ],
    [
      'another checksum',
      () => ({ status: 200, body: { plaintext: 'AAAA', plaintextCrc32c: '1' } }),
      'another checksum',
    ],
    ['no checksum', () => ({ status: 200, body: { plaintext: 'AAAA' } }), 'another checksum'],
    ['no right', () => ({ status: 403, body: { error: { message: 'hunter2' } } }), 'answers 403'],
  ])('does not unwrap where the answer has %s', async (_name, answer, expected) => {
    const failure = await masterKey(answer)
      .unwrap('AAAA', 'db 1')
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ scope: 'store', message: expect.stringContaining(expected) as string })
    expect(String(failure)).not.toContain('hunter2')
  })
})
