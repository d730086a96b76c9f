import { generateKeyPairSync, verify } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createStores, type StoreSettings } from '../../src/credentials/create-stores.ts'
import { parseStoreReference } from '../../src/credentials/store-reference.ts'
import { GoogleTokens } from '../../src/credentials/stores/gcp/google-token.ts'
import { AzureTokens, type AzureAuth } from '../../src/credentials/stores/azure/azure-token.ts'
import type { BoundedRequest } from '../../src/shared/bounded-request.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { StandInStores } from '../helpers/secret-stores.ts'

const stores = new StandInStores()
const clock = new HandClock()
beforeAll(() => stores.start())
afterAll(() => stores.stop())
beforeEach(() => {
  stores.answer = undefined
  stores.requests.length = 0
  stores.aws.set('prod/db', JSON.stringify({ username: 'app', password: 'from-aws', port: 5432 }))
  stores.gcp.set('/v1/projects/shop/secrets/db/versions/latest:access', 'from-google')
  stores.azure.set('/secrets/db', 'from-azure')
})

/** The stores as the configuration names them, all at the stand-in. */
function configured(settings: Partial<StoreSettings> = {}) {
  const address = stores.url
  return createStores(
    {
      cacheFor: 60_000,
      aws: { region: 'eu-west-1', url: address },
      gcp: { url: address },
      azure: { auth: { type: 'managed' }, url: address, resource: 'https://vault.azure.net' },
      ...settings,
    },
    {
      baseDirectory: '/',
      sealedFile: '/nowhere',
      environment: {
        AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'aws-secret-key',
        GCE_METADATA_HOST: new URL(address).host,
        IDENTITY_ENDPOINT: `${address}/identity`,
        IDENTITY_HEADER: 'the-header',
      },
      clock,
      ledger: {
        live: new Set(),
        made: new Set(),
        add: () => Promise.resolve(),
        remove: () => Promise.resolve(),
        list: () => Promise.resolve([]),
      },
      history: { lastVersion: () => Promise.resolve(0), note: () => Promise.resolve() },
    },
  )
}

async function read(text: string, settings: Partial<StoreSettings> = {}): Promise<string> {
  const reference = parseStoreReference(text)
  if (reference === undefined) throw new Error(`${text} is no reference`)
  const asked = configured(settings).read(reference)
  if (asked === undefined) throw new Error('not configured')
  return (await asked).text
}

describe('secrets of clouds', () => {
  it('of AWS: whole, or a member', async () => {
    expect(await read('aws-sm:prod/db#password')).toBe('from-aws')
    expect(await read('aws-sm:prod/db')).toContain('"username":"app"')
  })

  it('of Google, with a token of the machine', async () => {
    expect(await read('gcp-sm:shop/db')).toBe('from-google')
    expect(stores.requests).toEqual([
      'GET /computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform',
      'GET /v1/projects/shop/secrets/db/versions/latest:access',
    ])
  })

  it('of Azure, with the identity of the machine', async () => {
    expect(await read('azure-kv:shop-vault/db')).toBe('from-azure')
    expect(stores.requests.at(-1)).toBe('GET /secrets/db?api-version=7.4')
  })

  it.each([
    ['aws-sm:prod/none', 'does not exist (ResourceNotFoundException)'],
    ['aws-sm:prod/db#port', 'is not text'],
    ['aws-sm:prod/db#toString', 'has no member toString'],
    [
      'aws-sm:arn:aws:secretsmanager:us-east-1:123456789012:secret:a',
      'is in us-east-1, and secrets.aws.region is eu-west-1',
    ],
    ['gcp-sm:shop/none', 'does not exist (Google answers 404)'],
    ['gcp-sm:shop/db#password', 'is not a JSON object, and #password is asked for'],
    ['azure-kv:shop-vault/none', 'does not exist (Key Vault answers 404)'],
  ])('%s %s', async (text, expected) => {
    await expect(read(text)).rejects.toMatchObject({ scope: 'secret', message: expected })
  })

  it('a store that is not configured is not asked', () => {
    expect(configured({ aws: undefined }).read({ store: 'aws-sm', name: 'a', key: undefined })).toBeUndefined()
    expect(configured().read({ store: 'vault', path: ['a', 'b'], field: 'c' })).toBeUndefined()
    expect(stores.requests).toEqual([])
  })

  describe.each(['aws-sm:prod/db', 'gcp-sm:shop/db', 'azure-kv:shop-vault/db'])('hostile answers to %s', (text) => {
    it.each([
      ['a redirect', 302, ''],
      ['an error that repeats the secret', 500, '{"message":"hunter2"}'],
      ['another error', 400, '{"__type":"hunter2","error":"hunter2"}'],
      ['no JSON', 200, 'hunter2'],
      ['a number', 200, '5'],
      ['a secret of a number', 200, '{"SecretString":5,"value":5,"payload":{"data":5},"access_token":5}'],
      ['a secret by inheritance', 200, '{"__proto__":{"SecretString":"hunter2","value":"hunter2"}}'],
      [
        'an empty secret',
        200,
        '{"SecretString":"","value":"","payload":{"data":""},"access_token":"t","expires_in":60}',
      ],
      [
        'a secret of 70,000 bytes',
        200,
        JSON.stringify({
          SecretString: 'x'.repeat(70_000),
          value: 'x'.repeat(70_000),
          payload: { data: Buffer.alloc(70_000, 'x').toString('base64') },
          access_token: 't',
          expires_in: 60,
        }),
      ],
      ['a token without an end', 200, '{"access_token":"t","payload":{"data":"%%"}}'],
    ])('%s', async (_name, status, body) => {
      stores.answer = (_request, response) => response.writeHead(status, { location: '/elsewhere' }).end(body)
      const failure: unknown = await read(text).catch((error: unknown) => error)
      expect(failure).toMatchObject({ scope: expect.stringMatching(/^(store|secret)$/) as string })
      expect(String(failure)).not.toContain('hunter2')
      expect(stores.requests.filter((one) => one.includes('elsewhere'))).toEqual([])
    })
  })
})

describe('tokens', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keyFile = (over: Readonly<Record<string, unknown>> = {}): string =>
    JSON.stringify({
      type: 'service_account',
      client_email: 'pam@shop.iam.gserviceaccount.com',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: 'https://oauth2.googleapis.com/token',
      ...over,
    })
  const sent: BoundedRequest[] = []
  const send = (request: BoundedRequest) => {
    sent.push(request)
    return Promise.resolve({ status: 200, body: '{"access_token":"t","expires_in":3600}' })
  }
  const google = (file: string) => new GoogleTokens({ keyFile: () => file, environment: {}, clock, send })

  it('of a service account of Google: an assertion that its key has signed', async () => {
    sent.length = 0
    const tokens = google(keyFile())
    expect([await tokens.token('scope'), await tokens.token('scope')]).toEqual(['t', 't'])
    expect(sent).toHaveLength(1)
    const assertion = new URLSearchParams(sent[0]?.body).get('assertion') ?? ''
    const [head = '', claims = '', signature = ''] = assertion.split('.')
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    )
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'pam@shop.iam.gserviceaccount.com',
      scope: 'scope',
      aud: 'https://oauth2.googleapis.com/token',
    })
    clock.time += 3_400_000
    await tokens.token('scope')
    expect(sent).toHaveLength(2)
  })

  it.each([
    [{ token_uri: 'https://evil.example/token' }, 'whose token_uri is not one of Google'],
    [{ token_uri: 'https://evil.example/.googleapis.com/token' }, 'whose token_uri is not one of Google'],
    [{ type: 'external_account' }, 'is not the key of a service account'],
    [{ private_key: 'hunter2' }, 'whose private_key cannot be read'],
  ])('a key file with %j is not used', async (over, expected) => {
    sent.length = 0
    await expect(google(keyFile(over)).token('scope')).rejects.toThrow(expected)
    expect(sent).toEqual([])
  })

  const azure = (auth: AzureAuth, environment: Record<string, string> = {}) =>
    new AzureTokens('https://vault.azure.net', {
      auth,
      authority: undefined,
      environment,
      secretOf: () => 'the-client-secret',
      readFile: () => 'federated.token\n',
      clock,
      send,
    })

  it('of Azure: by workload identity and by a client secret', async () => {
    sent.length = 0
    await azure(
      { type: 'workload' },
      { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'client', AZURE_FEDERATED_TOKEN_FILE: '/token' },
    ).token()
    await azure({ type: 'client-secret', tenant: 't', clientId: 'c', clientSecret: 'env:X' }).token()
    expect(sent.map(({ url }) => url)).toEqual([
      'https://login.microsoftonline.com/tenant/oauth2/v2.0/token',
      'https://login.microsoftonline.com/t/oauth2/v2.0/token',
    ])
    expect(sent.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))).toEqual([
      {
        grant_type: 'client_credentials',
        scope: 'https://vault.azure.net/.default',
        client_id: 'client',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: 'federated.token',
      },
      {
        grant_type: 'client_credentials',
        scope: 'https://vault.azure.net/.default',
        client_id: 'c',
        client_secret: 'the-client-secret',
      },
    ])
  })

  it.each([
    [{}, 'has no identity'],
    [
      { AZURE_TENANT_ID: '../x', AZURE_CLIENT_ID: 'c', AZURE_FEDERATED_TOKEN_FILE: '/t' },
      'has no usable authority or tenant',
    ],
    [
      {
        AZURE_TENANT_ID: 't',
        AZURE_CLIENT_ID: 'c',
        AZURE_FEDERATED_TOKEN_FILE: '/t',
        AZURE_AUTHORITY_HOST: 'http://evil.example',
      },
      'has no usable authority or tenant',
    ],
  ])('of Azure: %j sends nothing', async (environment, expected) => {
    sent.length = 0
    await expect(azure({ type: 'workload' }, environment).token()).rejects.toThrow(expected)
    expect(sent).toEqual([])
  })

  it('for databases: signed for RDS, of the machine for Cloud SQL', async () => {
    const all = configured()
    const rds = await all.identityToken({
      type: 'rds',
      region: 'eu-west-1',
      host: 'db.example',
      port: 5432,
      user: 'app',
    })
    expect(rds).toMatch(
      /^db\.example:5432\/\?Action=connect&DBUser=app&X-Amz-Algorithm=.*&X-Amz-Signature=[0-9a-f]{64}$/,
    )
    expect(rds).not.toContain('aws-secret-key')
    expect(await all.identityToken({ type: 'cloud-sql' })).toBe('ya29.token')
    expect(configured({ gcp: undefined }).identityToken({ type: 'cloud-sql' })).toBeUndefined()
  })
})
