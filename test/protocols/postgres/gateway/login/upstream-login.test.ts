import { createHash, createHmac, pbkdf2Sync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../../../../src/demo/local-postgres.ts'
import { hasProgram } from '../../../../../src/demo/programs.ts'
import type { ClientCertificate } from '../../../../../src/credentials/credential.ts'
import type { Secrets } from '../../../../../src/credentials/secrets.ts'
import { localSecrets } from '../../../../helpers/local-secrets.ts'
import { databaseCredentialSource } from '../../../../../src/credentials/sources/database-credential.ts'
import { rdsToken } from '../../../../../src/credentials/stores/aws/rds-token.ts'
import { serverEndPoint } from '../../../../../src/protocols/postgres/gateway/login/channel-binding.ts'
import { connectUpstream, type Upstream } from '../../../../../src/protocols/postgres/gateway/login/connect-upstream.ts'
import { CatalogShelf } from '../../../../../src/protocols/postgres/catalog/catalog-shelf.ts'
import { PamError } from '../../../../../src/shared/errors.ts'
import { saslprep } from '../../../../../src/protocols/postgres/gateway/login/saslprep.ts'
import { ScramClient, type ScramOptions } from '../../../../../src/protocols/postgres/gateway/login/scram.ts'
import { makeCertificates } from '../../../../helpers/certificates.ts'
import {
  authenticationOf,
  postgresTarget,
  type ChannelBinding,
  type PostgresTarget,
} from '../../../../../src/protocols/postgres/target.ts'

const OPENSSL = hasProgram('openssl')
let directory: string
let server: LocalPostgres

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-login-'))
  if (!OPENSSL) return
  certificate('-newkey', 'rsa:2048', '-sha256')
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8')
  server = await startPostgres({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')),
    tls: { certificate: read('crt'), key: read('key') },
    settings: { log_connections: 'on', password_encryption: 'scram-sha-256' },
  })
})
afterAll(async () => {
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
})

function certificate(...how: string[]): X509Certificate {
  const made = spawnSync(
    'openssl',
    ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', 'key', '-out', 'crt', ...how],
    { cwd: directory, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(made.stderr)
  return new X509Certificate(readFileSync(join(directory, 'crt')))
}

async function logInAs(
  user: string,
  password: string | undefined,
  {
    clientCertificate,
    ...more
  }: { readonly clientCertificate?: ClientCertificate; readonly [key: string]: unknown } = {},
): Promise<Upstream> {
  const config = postgresTarget.schema.parse({
    name: 'x',
    type: 'postgres',
    host: '127.0.0.1',
    port: server.port,
    database: 'postgres',
    user,
    password: 'env:UNUSED',
    tls: 'require',
    ...more,
  }) as PostgresTarget
  const upstream = await connectUpstream(
    {
      config,
      lease: {
        user,
        password,
        ...(clientCertificate === undefined ? {} : { clientCertificate }),
        release: () => Promise.resolve(),
      },
      baseDirectory: '/',
      limits: { handshake: 10_000, catalogs: 30_000, catalogBytes: 100_000_000 },
      readsForRecordAlone: false,
    },
    new Map(),
    new CatalogShelf(),
    () => Promise.resolve(new Map()),
    new AbortController().signal,
  )
  return upstream
}

describe.skipIf(!OPENSSL)('logging in to a real server', () => {
  it('with any password that it can have, as it prepares it itself', async () => {
    const admin = new pg.Client({ host: '127.0.0.1', port: server.port, ...server.superuser, database: 'postgres' })
    await admin.connect()
    const passwords = [
      'plain',
      'I\u00adX', // mapped to nothing
      'a\u00a0b', // a space that is none of ASCII
      '\u2168 \u212a', // changed by NFKC
      'pi\u00f1ata\u0301',
      '\u{1f600}\u2168', // not assigned in Unicode 3.2: taken as it is
      '\u0627\u0031', // right to left, ending with a digit
      '\u05d0\u2168\u05d1', // right to left with what is left to right once it is changed
      '\u0007\u2168', // a control character
      '\u00ad', // nothing is left
    ]
    for (const [index, password] of passwords.entries()) {
      const user = `user${index}`
      await admin.query(`create role ${user} login`)
      // As a verifier the text would be taken for one: a literal is hashed by the server.
      await admin.query(`alter role ${user} password ${pg.escapeLiteral(password)}`)
      const upstream = await logInAs(user, password)
      expect(upstream.parameters.get('session_authorization')).toBe(user)
      upstream.channel.destroy()
      await expect(logInAs(user, `${password}x`)).rejects.toMatchObject({ code: 'TARGET_CREDENTIAL' })
    }
    await admin.end()
  })

  it('with a certificate of its own, where the server asks for one', async () => {
    const { ca, certificate: file, key } = makeCertificates(join(directory, 'client'))
    const admin = new pg.Client({ host: '127.0.0.1', port: server.port, ...server.superuser, database: 'postgres' })
    await admin.connect()
    const lines = (text: string): string =>
      `select unnest(array[${text
        .trim()
        .split('\n')
        .map((line) => pg.escapeLiteral(line))
        .join(', ')}])`
    const { rows } = await admin.query<{ at: string }>("select current_setting('data_directory') as at")
    const at = rows[0]?.at ?? ''
    await admin.query(`copy (${lines(readFileSync(ca, 'utf8'))}) to '${at}/root.crt'`)
    const rules = 'hostssl all "test server" all cert\nhost all all all scram-sha-256'
    await admin.query(`copy (${lines(rules)}) to '${at}/pg_hba.conf' with (format csv, quote E'\\b')`)
    await admin.query("alter system set ssl_ca_file = 'root.crt'")
    await admin.query('create role "test server" login')
    await admin.query('select pg_reload_conf()')
    const shown = { certificate: readFileSync(file, 'utf8'), key: readFileSync(key, 'utf8') }
    const verified = { tls: 'verify-full', host: 'localhost', ca: join(directory, 'crt'), password: undefined }
    const upstream = await logInAs('test server', undefined, { ...verified, clientCertificate: shown })
    expect(upstream.parameters.get('session_authorization')).toBe('test server')
    upstream.channel.destroy()
    await expect(logInAs('test server', undefined, verified)).rejects.toMatchObject({ code: 'TARGET_CREDENTIAL' })
    await admin.end()
  })

  it('with a token of IAM, which nobody on the way sees and nobody gets without the certificate of the target', async () => {
    const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
    let token = ''
    const identityToken: Secrets['identityToken'] = async (request) => {
      token = request.type === 'rds' ? rdsToken(request, keys, Date.now()) : ''
      return { value: token, release() {} }
    }
    const login = {
      user: 'rds_user',
      host: 'localhost',
      port: server.port,
      iam: { provider: 'aws', region: 'eu-west-1' },
    } as const
    const lease = await databaseCredentialSource(login, { ...localSecrets(directory), identityToken }).lease({
      session: 'ses_0123456789abc',
      person: { id: 'x', label: 'x' },
      at: 0,
      endsAt: 1,
      gateway: '0'.repeat(16),
    })
    expect(lease.password).toMatch(/^localhost:\d+\/\?Action=connect&DBUser=rds_user&X-Amz-Algorithm=AWS4-HMAC-SHA256&/)
    const admin = new pg.Client({ host: '127.0.0.1', port: server.port, ...server.superuser, database: 'postgres' })
    await admin.connect()
    await admin.query(`create role rds_user login password ${pg.escapeLiteral(token)}`)
    const { rows } = await admin.query<{ at: string }>("select current_setting('data_directory') as at")
    // As RDS asks for it: in clear, whatever is kept.
    const rules = ['host all rds_user all password', 'host all all all scram-sha-256'].map((line) =>
      pg.escapeLiteral(line),
    )
    await admin.query(
      `copy (select unnest(array[${rules.join(', ')}])) to '${rows[0]?.at}/pg_hba.conf' with (format csv, quote E'\\b')`,
    )
    await admin.query('select pg_reload_conf()')
    await admin.end()
    // Somebody on the way, who sees all bytes.
    let seen = ''
    const between = createServer((client) => {
      const target = connect(server.port, '127.0.0.1')
      for (const [from, to] of [
        [client, target],
        [target, client],
      ] as const) {
        from.on('data', (bytes: Buffer) => (seen += bytes.toString('latin1')))
        from.pipe(to).on('error', () => from.destroy())
      }
    })
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
    const { port } = between.address() as AddressInfo
    const iam = { password: undefined, iam: login.iam, host: 'localhost', port }
    const verified = { ...iam, tls: 'verify-full', ca: join(directory, 'crt') }
    const upstream = await logInAs('rds_user', lease.password, verified)
    expect(upstream.parameters.get('session_authorization')).toBe('rds_user')
    upstream.channel.destroy()
    await expect(logInAs('rds_user', `${token.slice(0, -1)}g`, verified)).rejects.toMatchObject({
      code: 'TARGET_CREDENTIAL',
    })
    // Another certificate, none that is verified, and no TLS: the last two are refused before anything is sent.
    const { ca } = makeCertificates(join(directory, 'other'))
    await expect(logInAs('rds_user', token, { ...verified, ca })).rejects.toMatchObject({ code: 'TARGET_CERTIFICATE' })
    for (const tls of ['require', 'verify-ca', 'disable'])
      await expect(logInAs('rds_user', token, { ...verified, tls })).rejects.toThrow(/needs tls: verify-full/)
    expect(seen).not.toBe('')
    expect(seen).not.toContain('X-Amz-')
    between.close()
  })

  it('bound to its certificate with TLS', async () => {
    await expect(logInAs(server.superuser.user, server.superuser.password, { tls: 'require' })).resolves.toBeDefined()
  })
})

describe('what the gateway logs in with', () => {
  it.each<[object, string[]]>([
    [{ tls: 'verify-full', password: 'x' }, ['scram-sha-256', 'md5', 'cleartext-password', 'none']],
    [{ tls: 'verify-ca', password: 'x' }, ['scram-sha-256']],
    [{ tls: 'require', password: 'x' }, ['scram-sha-256']],
    [{ tls: 'disable', password: 'x' }, ['scram-sha-256']],
    [{ tls: 'disable' }, ['none']],
    [{ tls: 'disable', password: 'x', authentication: ['md5'] }, ['md5']],
  ])('%j', (target, methods) => {
    expect(authenticationOf(target as never)).toEqual(methods)
  })
})

describe.skipIf(!OPENSSL)('what a login is bound to', () => {
  it.each([
    ['rsa:2048', 'sha256', 'sha256'],
    ['rsa:2048', 'sha1', 'sha256'],
    ['rsa:2048', 'sha384', 'sha384'],
    ['rsa:2048', 'sha512', 'sha512'],
    ['rsa:2048', 'sha512-256', 'sha512-256'],
    ['rsa:2048', 'sha3-384', 'sha3-384'],
    ['ec:prime256v1', 'sha384', 'sha384'],
    ['ec:prime256v1', 'sha3-256', 'sha3-256'],
  ])('a certificate with %s and %s', (key, signature, digest) => {
    const made = key.startsWith('ec:')
      ? certificate('-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${key.slice(3)}`, `-${signature}`)
      : certificate('-newkey', key, `-${signature}`)
    expect(serverEndPoint(made.raw)).toEqual(createHash(digest).update(made.raw).digest())
  })

  it.each([
    ['sha256', 'sha256', 'sha256'],
    ['sha384', 'sha384', 'sha384'],
    ['sha512-224', 'sha512-224', 'sha512-224'],
    ['sha1', 'sha1', 'sha256'],
    ['sha256', 'sha384', undefined],
    ['sha384', 'sha1', undefined],
  ])('a certificate with RSASSA-PSS, %s and %s for the mask', (hash, mask, digest) => {
    const padding = ['rsa_padding_mode:pss', `rsa_mgf1_md:${mask}`].flatMap((option) => ['-sigopt', option])
    const made = certificate('-newkey', 'rsa:2048', `-${hash}`, ...padding)
    expect(serverEndPoint(made.raw)).toEqual(digest && createHash(digest).update(made.raw).digest())
  })

  it.each(['ed25519', 'ed448'])('nothing, of a certificate with %s, which uses no hash function', (key) => {
    expect(serverEndPoint(certificate('-newkey', key).raw)).toBeUndefined()
  })

  it('nothing, of anything that is no certificate', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(serverEndPoint(Buffer.from(bytes))).toBeUndefined()
      }),
    )
  })
})

describe('SCRAM', () => {
  const options: ScramOptions = {
    password: 'pencil',
    tls: undefined,
    channelBinding: 'require',
    mechanisms: ['SCRAM-SHA-256'],
    fewestIterations: 4096,
  }
  /** The server's side, by the RFC. */
  function server(client: ScramClient, binding: string) {
    const bare = client.first.toString().split(',').slice(2).join(',')
    const nonce = `${/r=(.*)$/.exec(bare)?.[1]}server`
    const salt = Buffer.from('salt and pepper')
    const first = `r=${nonce},s=${salt.toString('base64')},i=4096`
    const salted = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256')
    const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
    const message = `${bare},${first},c=${binding},r=${nonce}`
    return {
      first: Buffer.from(first),
      final: Buffer.from(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`),
    }
  }

  it('knows a server that knows the password', async () => {
    const client = new ScramClient(options)
    const { first, final } = server(client, 'biws')
    expect((await client.proof(first, 'x:5432')).toString()).toContain('c=biws,r=')
    expect(() => client.verify(final)).not.toThrow()
  })

  it('binds where it is offered', async () => {
    const endPoint = Buffer.from('end point')
    const client = new ScramClient({
      ...options,
      tls: { endPoint, verified: false },
      mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'],
    })
    const bound = Buffer.concat([Buffer.from('p=tls-server-end-point,,'), endPoint]).toString('base64')
    expect(client.mechanism).toBe('SCRAM-SHA-256-PLUS')
    const { first, final } = server(client, bound)
    expect((await client.proof(first, 'x:5432')).toString()).toContain(`c=${bound},`)
    expect(() => client.verify(final)).not.toThrow()
  })

  // "y": a server that did offer it sees that somebody between has taken the offer away.
  it.each<[ChannelBinding, 'verified' | 'not verified', 'an end point' | 'none', 'offered' | 'not offered', string]>([
    ['require', 'verified', 'an end point', 'offered', 'p=tls-server-end-point'],
    ['require', 'verified', 'an end point', 'not offered', 'refused'],
    ['require', 'verified', 'none', 'offered', 'refused'],
    ['require', 'not verified', 'an end point', 'not offered', 'refused'],
    ['require', 'not verified', 'none', 'offered', 'refused'],
    ['require', 'not verified', 'none', 'not offered', 'refused'],
    ['prefer', 'verified', 'an end point', 'not offered', 'y'],
    ['prefer', 'verified', 'none', 'not offered', 'y'],
    ['prefer', 'verified', 'none', 'offered', 'n'],
    ['prefer', 'not verified', 'an end point', 'offered', 'p=tls-server-end-point'],
    ['prefer', 'not verified', 'an end point', 'not offered', 'y'],
    ['prefer', 'not verified', 'none', 'not offered', 'y'],
    ['prefer', 'not verified', 'none', 'offered', 'refused'],
    ['disable', 'not verified', 'an end point', 'offered', 'n'],
  ])('channelBinding: %s, certificate %s with %s, binding %s: %s', (channelBinding, verified, point, offered, said) => {
    const header = (): string => {
      const client = new ScramClient({
        ...options,
        channelBinding,
        tls: { endPoint: point === 'none' ? undefined : Buffer.from(point), verified: verified === 'verified' },
        mechanisms: offered === 'offered' ? ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'] : ['SCRAM-SHA-256'],
      })
      return client.first.toString().split(',')[0] as string
    }
    if (said === 'refused') expect(header).toThrow(PamError)
    else expect(header()).toBe(said)
  })

  it('takes nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(255), async (at, byte) => {
        const client = new ScramClient(options)
        const { first, final } = server(client, 'biws')
        const changed = Buffer.from(first)
        changed[at % changed.length] = byte
        // Where the salt or the end of the nonce is another, the server cannot know it.
        await client.proof(changed, 'x:5432').then(
          () => {
            if (!changed.equals(first)) expect(() => client.verify(final)).toThrow('does not prove')
          },
          (error: Error) => expect(error.name).toBe('WireError'),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('a password that is prepared is the same prepared again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = saslprep(text)
        expect(saslprep(once)).toBe(once)
      }),
    )
  })
})
