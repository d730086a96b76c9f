import { describe, expect, it } from 'vitest'
import type { BoundedRequest } from '../../../../src/shared/bounded-request.ts'
import { AwsCredentials } from '../../../../src/credentials/stores/aws/aws-credentials.ts'
import { HandClock } from '../../../helpers/hand-clock.ts'

const MINUTE = 60_000

/** Asks with these variables and files; `answers` are taken by URL. Requests are kept, as a real one would see them. */
function credentialsOf(
  environment: Record<string, string>,
  answers: Readonly<Record<string, { status?: number; body: string }>> = {},
  files: Readonly<Record<string, string>> = {},
) {
  const clock = new HandClock()
  const sent: BoundedRequest[] = []
  const credentials = new AwsCredentials({
    region: 'eu-west-1',
    stsUrl: undefined,
    environment,
    readFile: (path) => files[path] ?? '',
    clock,
    send: (request) => {
      sent.push(request)
      const { status = 200, body = '' } = answers[request.url] ?? { status: 404 }
      return Promise.resolve({ status, body })
    },
  })
  return { credentials, sent, clock }
}

const keysIn = (minutes: number): string =>
  JSON.stringify({
    AccessKeyId: 'ASIA',
    SecretAccessKey: 'secret',
    Token: 'token',
    Expiration: new Date(Date.now() + minutes * MINUTE).toISOString(),
  })
const KEYS = { accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token' }
const METADATA = 'http://169.254.169.254/latest'

describe('the AWS credentials of the machine', () => {
  it('come from the environment first', async () => {
    const { credentials, sent } = credentialsOf({
      AWS_ACCESS_KEY_ID: 'AKID',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_WEB_IDENTITY_TOKEN_FILE: 'token',
    })
    expect(await credentials.keys()).toEqual({ accessKeyId: 'AKID', secretAccessKey: 's' })
    expect(sent).toEqual([])
  })

  it('come from a web identity, whose token is read each time', async () => {
    const xml = `<AssumeRoleWithWebIdentityResponse><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${new Date(Date.now() + 20 * MINUTE).toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResponse>`
    const { credentials, sent, clock } = credentialsOf(
      { AWS_WEB_IDENTITY_TOKEN_FILE: '/token', AWS_ROLE_ARN: 'arn:aws:iam::1:role/r&x' },
      { 'https://sts.eu-west-1.amazonaws.com/': { body: xml } },
      { '/token': 'a.b.c\n' },
    )
    expect(await credentials.keys()).toEqual(KEYS)
    expect(await credentials.keys()).toEqual(KEYS)
    expect(sent).toHaveLength(1)
    expect(Object.fromEntries(new URLSearchParams(sent[0]?.body))).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::1:role/r&x',
      RoleSessionName: 'pam-gateway',
      WebIdentityToken: 'a.b.c',
    })
    clock.time += 16 * MINUTE
    await credentials.keys()
    expect(sent).toHaveLength(2)
  })

  it('come from the container, with its token', async () => {
    const { credentials, sent } = credentialsOf(
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/t',
      },
      { 'http://169.254.170.23/v1/credentials': { body: keysIn(60) } },
      { '/t': 'pod-token' },
    )
    expect(await credentials.keys()).toEqual(KEYS)
    expect(sent[0]?.headers).toEqual({ authorization: 'pod-token' })
  })

  it.each(['http://evil.example/keys', 'http://169.254.170.2.evil.example/', 'file:///etc/keys', 'nothing'])(
    'are not asked for at %s',
    async (uri) => {
      const { credentials, sent } = credentialsOf({ AWS_CONTAINER_CREDENTIALS_FULL_URI: uri })
      await expect(credentials.keys()).rejects.toThrow('is not one of AWS')
      expect(sent).toEqual([])
    },
  )

  it('a relative address cannot lead elsewhere in clear text', async () => {
    const { credentials, sent } = credentialsOf({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '//evil.example/keys' })
    await expect(credentials.keys()).rejects.toThrow('is not one of AWS')
    expect(sent).toEqual([])
  })

  it('come from the instance, by version 2 of its metadata', async () => {
    const { credentials, sent } = credentialsOf(
      {},
      {
        [`${METADATA}/api/token`]: { body: 'v2-token' },
        [`${METADATA}/meta-data/iam/security-credentials/`]: { body: 'the-role\n' },
        [`${METADATA}/meta-data/iam/security-credentials/the-role`]: { body: keysIn(60) },
      },
    )
    expect(await credentials.keys()).toEqual(KEYS)
    expect(sent.map(({ method = 'GET', headers }) => [method, headers?.['x-aws-ec2-metadata-token']])).toEqual([
      ['PUT', undefined],
      ['GET', 'v2-token'],
      ['GET', 'v2-token'],
    ])
  })

  it.each([
    ['a role with a path', { body: '../user-data' }, 'the instance has no role'],
    ['no role', { status: 404, body: '' }, 'the instance has no role'],
  ])('an instance that answers with %s has none', async (_name, answer, expected) => {
    const { credentials } = credentialsOf(
      {},
      {
        [`${METADATA}/api/token`]: { body: 'v2-token' },
        [`${METADATA}/meta-data/iam/security-credentials/`]: answer,
      },
    )
    await expect(credentials.keys()).rejects.toThrow(expected)
  })

  it.each([
    ['no end', { AccessKeyId: 'A', SecretAccessKey: 'B' }],
    ['a key with a line break', { AccessKeyId: 'A\r\nx: y', SecretAccessKey: 'B', Expiration: '2030-01-01T00:00:00Z' }],
    ['a list', []],
  ])('an answer with %s is refused, and not repeated', async (_name, answer) => {
    const { credentials } = credentialsOf(
      { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/keys' },
      { 'http://169.254.170.2/keys': { body: JSON.stringify(answer) } },
    )
    await expect(credentials.keys()).rejects.toThrow(
      /gave keys without an expiry time|is not one line of plain characters/,
    )
  })
})
