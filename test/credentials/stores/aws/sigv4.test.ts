import { describe, expect, it } from 'vitest'
import { rdsToken } from '../../../../src/credentials/stores/aws/rds-token.ts'
import { presign, signHeaders } from '../../../../src/credentials/stores/aws/sigv4.ts'

/** The keys and the time of the test suite that AWS publishes for Signature Version 4 (aws-sig-v4-test-suite). */
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const SCOPE = { region: 'us-east-1', service: 'service', at: Date.parse('2015-08-30T12:36:00Z') }

const signatureOf = (headers: Readonly<Record<string, string>>): string | undefined =>
  /Signature=([0-9a-f]{64})$/.exec(headers['authorization'] ?? '')?.[1]

describe('Signature Version 4', () => {
  it.each([
    ['get-vanilla', 'GET', '/', {}, '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', 'POST', '/', {}, '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '/?Param2=value2&Param1=value1',
      {},
      '',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'post-header-key-sort',
      'POST',
      '/',
      { 'My-Header1': 'value1' },
      '',
      'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    ],
  ] as const)('%s', (_name, method, path, headers, body, expected) => {
    const url = new URL(path, 'https://example.amazonaws.com')
    expect(signatureOf(signHeaders({ method, url, headers, body }, KEYS, SCOPE))).toBe(expected)
  })

  it('the example of the documentation: ListUsers of IAM', () => {
    const url = new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08')
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }
    expect(signHeaders({ method: 'GET', url, headers, body: '' }, KEYS, { ...SCOPE, service: 'iam' })).toEqual({
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    })
  })

  it('signs the token of a session', () => {
    const request = { method: 'POST', url: new URL('https://example.amazonaws.com/'), headers: {}, body: '' }
    const signed = signHeaders(request, { ...KEYS, sessionToken: 'AQoD' }, SCOPE)
    expect(signed).toMatchObject({ 'x-amz-security-token': 'AQoD' })
    expect(signed['authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,')
  })

  it('a URL, as the documentation of S3 has it', () => {
    // Its body is not signed, which is said so; ours is empty: the form of the URL is the same, and the signature that of an empty body.
    const url = presign(new URL('https://examplebucket.s3.amazonaws.com/test.txt'), KEYS, SCOPE, 86_400)
    expect(url).toMatch(
      /^https:\/\/examplebucket\.s3\.amazonaws\.com\/test\.txt\?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=[0-9a-f]{64}$/,
    )
  })
})

describe('tokens of RDS', () => {
  const host = 'prod-instance.us-east-1.rds.amazonaws.com'

  it('as botocore makes them (test_signers.py)', () => {
    const request = { region: 'us-east-1', host, port: 3306, user: 'someusername' }
    const keys = { accessKeyId: 'akid', secretAccessKey: 'skid' }
    const token = rdsToken(request, keys, Date.parse('2016-11-07T17:39:33Z'))
    expect(token.startsWith(`${host}:3306/?Action=connect&DBUser=someusername&X-Amz-Algorithm=`)).toBe(true)
    expect(token.endsWith('&X-Amz-Signature=d1138cdbc0ca63eec012ec0fc6c2267e03642168f5884a7795320d4c18374c61')).toBe(
      true,
    )
  })

  it('as the SDK for Rust makes them (signing_works)', () => {
    const request = { region: 'us-east-1', host, port: 3306, user: 'peccy' }
    const keys = { accessKeyId: 'akid', secretAccessKey: 'secret' }
    expect(rdsToken(request, keys, Date.parse('2024-08-26T22:00:00Z'))).toBe(
      `${host}:3306/?Action=connect&DBUser=peccy&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=akid%2F20240826%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20240826T220000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=dd0cba843009474347af724090233265628ace491ea17ce3eb3da098b983ad89`,
    )
  })

  it('a name of a user is encoded', () => {
    const request = { region: 'us-east-1', host, port: 5432, user: 'a b&DBUser=root' }
    expect(rdsToken(request, KEYS, SCOPE.at)).toContain('&DBUser=a%20b%26DBUser%3Droot&')
  })
})
