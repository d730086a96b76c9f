import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  sign,
  verify,
} from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { openOwnConnection } from '../../src/protocols/mysql/gateway/login/connect-upstream.ts'
import { ed25519Proof } from '../../src/protocols/mysql/gateway/login/ed25519.ts'
import { cachingSha2Proof, nativeProof } from '../../src/protocols/mysql/gateway/login/proofs.ts'
import { KnownServers } from '../../src/protocols/mysql/gateway/known-servers.ts'
import { probeMysql } from '../../src/protocols/mysql/gateway/probe.ts'
import type { MysqlTarget } from '../../src/protocols/mysql/target.ts'
import { encodeAuthMoreData } from '../../src/protocols/mysql/wire/auth-more-data.ts'
import { encodeAuthSwitch } from '../../src/protocols/mysql/wire/auth-switch.ts'
import { ALWAYS_OFFERED, capabilities, UNDERSTOOD } from '../../src/protocols/mysql/wire/capabilities.ts'
import { encodeErr } from '../../src/protocols/mysql/wire/err.ts'
import { encodePackets, Framer, payloadOf, type Frame } from '../../src/protocols/mysql/wire/framer.ts'
import { encodeHandshake } from '../../src/protocols/mysql/wire/handshake.ts'
import { readHandshakeResponse } from '../../src/protocols/mysql/wire/handshake-response.ts'
import { encodeOk } from '../../src/protocols/mysql/wire/ok.ts'
import { ByteWriter } from '../../src/wire/byte-writer.ts'
import { OPENSSL } from '../helpers/run.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'

const SCRAMBLE = Buffer.from('abcdefghijklmnopqrst')
const PASSWORD = 'a password that is long enough to be of several blocks of a hash function, öäü'

const targetOf = (port: number, given: Partial<MysqlTarget> = {}) => ({
  config: {
    name: 'store',
    type: 'mysql',
    labels: {},
    host: 'localhost',
    port,
    database: 'shop',
    user: 'app',
    password: 'env:PASSWORD',
    ownAccount: false,
    safeRoutines: [],
    recordRows: 0,
    tls: 'disable',
    ...given,
  } as MysqlTarget,
  lease: { user: 'app', password: PASSWORD, release: () => Promise.resolve() },
  baseDirectory: '/',
  limits: { handshake: 5000, catalogs: 5000, catalogBytes: 1e7 },
  knownServers: new KnownServers(),
})

const refusedBy = async (port: number, given: Partial<MysqlTarget> = {}): Promise<unknown> =>
  openOwnConnection(targetOf(port, given), new AbortController().signal).then(
    (connection) => {
      connection.close()
      return 'let in'
    },
    (error: unknown) => error,
  )

describe('proofs', () => {
  it('of Ed25519 are what a key of that seed signs', () => {
    // A seed of 32 bytes is what libraries take: with it both must say the same.
    const password = 'exactly thirty-two bytes of text'
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
    const key = createPrivateKey({
      key: Buffer.concat([prefix, Buffer.from(password)]),
      format: 'der',
      type: 'pkcs8',
    })
    const scramble = Buffer.from('01234567890123456789012345678901')
    const proof = ed25519Proof(password, scramble)
    expect(proof.equals(sign(null, scramble, key))).toBe(true)
    expect(verify(null, scramble, createPublicKey(key), proof)).toBe(true)
  })
})

describe.skipIf(isMariadbMissing())('the login at a MariaDB', () => {
  let server: LocalMariadb
  let directory: string
  let ca: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pam-mysql-tls-'))
    const certificates = makeCertificates(directory)
    ca = certificates.ca
    server = await startTestMariadb({
      tls: certificates,
      accounts: [
        { user: 'app', password: PASSWORD, grants: ['ALL ON shop.*'] },
        { user: 'ed', password: PASSWORD, plugin: 'ed25519', grants: ['ALL ON shop.*'] },
      ],
      script: 'CREATE DATABASE shop;',
    })
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  it.each<[string, Partial<MysqlTarget>, string | undefined]>([
    ['native, in clear', {}, undefined],
    ['native, TLS', { tls: 'require' }, undefined],
    ['native, TLS that is not verified', { tls: 'verify-full' }, 'TARGET_CERTIFICATE'],
    ['native where only Ed25519 is allowed', { authentication: ['client_ed25519'] }, 'TARGET_CREDENTIAL'],
  ])('%s', async (_, given, code) => {
    const outcome = await refusedBy(server.port, given)
    if (code === undefined) expect(outcome).toBe('let in')
    else expect(outcome).toMatchObject({ code })
  })

  it('verified TLS, and Ed25519', async () => {
    expect(await refusedBy(server.port, { tls: 'verify-full', ca })).toBe('let in')
    const target = targetOf(server.port, { authentication: ['client_ed25519'] })
    const connection = await openOwnConnection(
      { ...target, lease: { ...target.lease, user: 'ed' } },
      new AbortController().signal,
    )
    expect(await connection.ask("SELECT CURRENT_USER(), 'x'")).toEqual([['ed@%', 'x']])
    connection.close()
  })

  it('with a certificate of its own, where the account asks for one', async () => {
    server.sql("CREATE USER certified REQUIRE SUBJECT '/CN=test server'; GRANT ALL ON shop.* TO certified;")
    const target = targetOf(server.port, { tls: 'verify-full', ca })
    const [certificate, key] = ['server.crt', 'server.key'].map((name) => readFileSync(join(directory, name), 'utf8'))
    const shown = { certificate: certificate ?? '', key: key ?? '' }
    const logIn = (lease: object) =>
      openOwnConnection(
        { ...target, lease: { user: 'certified', password: undefined, release: () => Promise.resolve(), ...lease } },
        new AbortController().signal,
      )
    const connection = await logIn({ clientCertificate: shown })
    expect(await connection.ask("SELECT CURRENT_USER(), 'x'")).toEqual([['certified@%', 'x']])
    connection.close()
    await expect(logIn({})).rejects.toMatchObject({ code: 'TARGET_CREDENTIAL' })
  })

  it('a probe says what it found', async () => {
    expect(await probeMysql(targetOf(server.port))).toMatchObject({
      details: [expect.stringMatching(/^MariaDB 10\.11\./), 'tls: disable', expect.stringContaining('relations')],
      warnings: [],
    })
    const wrong = targetOf(server.port)
    const probed = probeMysql({ ...wrong, lease: { ...wrong.lease, password: 'wrong' } })
    await expect(probed).rejects.toMatchObject({
      code: 'TARGET_CREDENTIAL',
      message: expect.stringContaining('Access denied'),
    })
  })
})

/** What a server of the test does once it has the client's response. */
type Script = (parts: {
  readonly send: (payload: Buffer) => void
  readonly next: () => Promise<Buffer>
  readonly proof: Buffer
  /** Capabilities that the gateway asked for. */
  readonly flags: number
}) => Promise<void>

interface ScriptedGreeting {
  readonly version: string
  readonly capabilities: number
  /** It takes TLS, with these. */
  readonly secure?: { readonly cert: Buffer; readonly key: Buffer }
}
/** Bytes of the payload. Spec: SSLRequest. */
const TLS_REQUEST = 32
const GREETING: ScriptedGreeting = { version: '8.4.0', capabilities: ALWAYS_OFFERED | capabilities.deprecateEof }

describe('the login at a scripted server', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  let server: Server | undefined
  let answers: string[] = []
  afterEach(() => {
    server?.close()
    answers = []
  })

  async function listen(
    plugin: string,
    script: Script,
    first?: Buffer,
    { version, capabilities: offered, secure }: ScriptedGreeting = GREETING,
  ): Promise<number> {
    server = createServer((plain) => {
      let socket: Socket = plain
      const framer = new Framer(100_000, 'the gateway')
      const frames: Frame[] = []
      let wake = (): void => {}
      let sequence = 0
      const hear = (): void => {
        socket.on('error', () => {})
        socket.on('data', (bytes: Buffer) => {
          framer.push(bytes, (frame) => {
            frames.push({ ...frame, bytes: Buffer.from(frame.bytes) })
            if (secure === undefined || socket !== plain || frame.length !== TLS_REQUEST) return true
            // What comes behind it is TLS already.
            plain.removeAllListeners('data')
            plain.pause()
            if (frame.bytes.length < bytes.length) plain.unshift(bytes.subarray(frame.bytes.length))
            socket = new TLSSocket(plain, { isServer: true, ...secure })
            hear()
            return false
          })
          wake()
        })
      }
      hear()
      const send = (payload: Buffer): void => {
        socket.write(encodePackets(payload, sequence++))
      }
      const next = async (): Promise<Buffer> => {
        while (frames.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        const frame = frames.shift() as Frame
        sequence = frame.next
        return payloadOf(frame)
      }
      if (first !== undefined) {
        socket.write(first)
        return
      }
      send(
        encodeHandshake({
          version,
          threadId: 1,
          scramble: SCRAMBLE,
          capabilities: offered,
          collation: 255,
          status: 2,
          plugin,
        }),
      )
      void (async () => {
        let response = readHandshakeResponse(await next())
        if (response.type === 'tls-request') {
          response = readHandshakeResponse(await next())
        }
        if (response.type !== 'response') throw new Error('TLS was asked for within TLS')
        await script({ send, next, proof: response.authentication, flags: response.capabilities })
        for (;;) {
          // SET … of the gateway's own.
          await next()
          send(encodeOk({ status: 2 }))
        }
      })()
    })
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  const ok = encodeOk({ status: 2 })
  const isProof = (proof: Buffer, expected: Buffer): void => void answers.push(String(proof.equals(expected)))
  /** What RSA and the scramble hide. */
  const opened = (hidden: Buffer): string => {
    const plain = privateDecrypt(
      { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
      hidden,
    )
    return plain.map((byte, index) => byte ^ (SCRAMBLE[index % SCRAMBLE.length] as number)).toString()
  }

  it('caching_sha2_password: what is in the cache', async () => {
    const port = await listen('caching_sha2_password', async ({ send, proof }) => {
      isProof(proof, cachingSha2Proof(PASSWORD, SCRAMBLE))
      send(encodeAuthMoreData(Buffer.of(3)))
      send(ok)
      await Promise.resolve()
    })
    expect(await refusedBy(port, { authentication: ['caching_sha2_password'] })).toBe('let in')
    expect(answers).toEqual(['true'])
  })

  /** What MySQL 8.0 to 9 say of themselves, and all that they say of a session once it is open. */
  const MYSQL_CAPABILITIES = 0xdfff_ffff
  const tracked = (): Buffer => {
    const entry = (type: number, ...texts: readonly string[]): Buffer => {
      const data = new ByteWriter()
      for (const text of texts) data.lengthEncodedBytes(Buffer.from(text))
      const out = new ByteWriter()
      out.uint8(type)
      out.lengthEncodedBytes(data.finish())
      return out.finish()
    }
    const out = new ByteWriter()
    out.bytes(Buffer.from('00000002400000', 'hex'))
    out.lengthEncodedBytes(Buffer.alloc(0))
    out.lengthEncodedBytes(
      Buffer.concat([
        entry(0, 'character_set_client', 'utf8mb4'),
        entry(0, 'autocommit', 'ON'),
        entry(1, 'shop'),
        entry(2, '1'),
        // GTIDs: an encoding, and the set.
        Buffer.from('03070005613a312d35', 'hex'),
        entry(4, ''),
        entry(5, '________'),
      ]),
    )
    return out.finish()
  }

  it.each(['8.0.36', '8.4.3', '9.1.0', '26.10.0'])(
    'MySQL %s: what it offers, and what it says of the session',
    async (version) => {
      const port = await listen(
        'caching_sha2_password',
        async ({ send, proof, flags }) => {
          isProof(proof, cachingSha2Proof(PASSWORD, SCRAMBLE))
          // No compression, query attributes, optional metadata or further factors.
          answers.push(((flags & ~UNDERSTOOD) >>> 0).toString(16))
          send(encodeAuthMoreData(Buffer.of(3)))
          send((flags & capabilities.sessionTrack) === 0 ? ok : tracked())
          await Promise.resolve()
        },
        undefined,
        { version, capabilities: MYSQL_CAPABILITIES },
      )
      expect(await refusedBy(port, { authentication: ['caching_sha2_password'] })).toBe('let in')
      expect(answers).toEqual(['true', '0'])
    },
  )

  it('MySQL 9: without mysql_native_password nothing is given to a server that is not verified', async () => {
    const port = await listen('caching_sha2_password', async ({ send, proof }) => {
      answers.push(String(proof.length))
      send(encodeAuthSwitch({ plugin: 'caching_sha2_password', data: Buffer.concat([SCRAMBLE, Buffer.alloc(1)]) }))
      await Promise.resolve()
    })
    expect(await refusedBy(port)).toMatchObject({ code: 'TARGET_CREDENTIAL' })
    expect(answers).toEqual(['0'])
  })

  it.skipIf(!OPENSSL)('caching_sha2_password: in full, in clear within TLS that is verified', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pam-mysql-sha2-'))
    const { certificate, key, ca } = makeCertificates(directory)
    const port = await listen(
      'caching_sha2_password',
      async ({ send, next, proof }) => {
        isProof(proof, cachingSha2Proof(PASSWORD, SCRAMBLE))
        send(encodeAuthMoreData(Buffer.of(4)))
        answers.push((await next()).toString())
        send(ok)
      },
      undefined,
      {
        version: '9.1.0',
        capabilities: MYSQL_CAPABILITIES,
        secure: { cert: readFileSync(certificate), key: readFileSync(key) },
      },
    )
    expect(await refusedBy(port, { tls: 'verify-full', ca })).toBe('let in')
    expect(answers).toEqual(['true', `${PASSWORD}\0`])
    rmSync(directory, { recursive: true, force: true })
  })

  it('caching_sha2_password: in full, encrypted for a key that is asked for', async () => {
    const port = await listen('mysql_native_password', async ({ send, next, proof }) => {
      answers.push(String(proof.length))
      send(encodeAuthSwitch({ plugin: 'caching_sha2_password', data: Buffer.concat([SCRAMBLE, Buffer.alloc(1)]) }))
      isProof(await next(), cachingSha2Proof(PASSWORD, SCRAMBLE))
      send(encodeAuthMoreData(Buffer.of(4)))
      answers.push((await next()).toString('hex'))
      send(encodeAuthMoreData(Buffer.from(pem)))
      answers.push(opened(await next()))
      send(ok)
    })
    expect(await refusedBy(port, { authentication: ['caching_sha2_password'] })).toBe('let in')
    // Nothing that could be guessed from went to a method that is not allowed.
    expect(answers).toEqual(['0', 'true', '02', `${PASSWORD}\0`])
  })

  it('sha256_password: encrypted', async () => {
    const port = await listen('mysql_native_password', async ({ send, next }) => {
      send(encodeAuthSwitch({ plugin: 'sha256_password', data: Buffer.concat([SCRAMBLE, Buffer.alloc(1)]) }))
      answers.push((await next()).toString('hex'))
      send(encodeAuthMoreData(Buffer.from(pem)))
      answers.push(opened(await next()))
      send(ok)
    })
    expect(await refusedBy(port, { authentication: ['sha256_password'] })).toBe('let in')
    expect(answers).toEqual(['01', `${PASSWORD}\0`])
  })

  it('mysql_clear_password: only where the configuration says so', async () => {
    const script: Script = async ({ send, next }) => {
      send(encodeAuthSwitch({ plugin: 'mysql_clear_password', data: Buffer.alloc(0) }))
      answers.push((await next()).toString())
      send(ok)
    }
    const port = await listen('mysql_native_password', script)
    expect(await refusedBy(port)).toMatchObject({ code: 'TARGET_CREDENTIAL' })
    expect(answers).toEqual([])
    expect(await refusedBy(port, { authentication: ['mysql_clear_password'] })).toBe('let in')
    expect(answers).toEqual([`${PASSWORD}\0`])
  })

  const switchTo = (plugin: string, data = Buffer.concat([SCRAMBLE, Buffer.alloc(1)])) =>
    encodeAuthSwitch({ plugin, data })
  const say =
    (...payloads: readonly Buffer[]): Script =>
    ({ send }) => {
      for (const payload of payloads) send(payload)
      return Promise.resolve()
    }

  it.each<[string, Script, string]>([
    ['a method that is not known', say(switchTo('authentication_ldap_sasl_client')), 'TARGET_CREDENTIAL'],
    ['the method of servers before 4.1', say(Buffer.of(0xfe)), 'TARGET_CREDENTIAL'],
    ['a method by Kerberos with control characters', say(switchTo('a\nb')), 'TARGET_CREDENTIAL'],
    [
      'a second switch',
      say(switchTo('mysql_native_password'), switchTo('mysql_native_password')),
      'PROTOCOL_VIOLATION',
    ],
    ['a scramble that is too short', say(switchTo('mysql_native_password', Buffer.alloc(3))), 'PROTOCOL_VIOLATION'],
    ['more data that nobody asked for', say(encodeAuthMoreData(Buffer.from(pem))), 'PROTOCOL_VIOLATION'],
    ['a file that it wants', say(Buffer.from('\xfb/etc/passwd', 'latin1')), 'PROTOCOL_VIOLATION'],
    ['nothing', say(Buffer.alloc(0)), 'PROTOCOL_VIOLATION'],
    [
      'no',
      say(encodeErr({ code: 1045, sqlstate: '28000', message: Buffer.from(`Access denied ${PASSWORD}`) })),
      'TARGET_CREDENTIAL',
    ],
    [
      'too many packets',
      say(...Array.from({ length: 30 }, () => encodeAuthMoreData(Buffer.of(3)))),
      'PROTOCOL_VIOLATION',
    ],
    ['a long one', say(Buffer.alloc(60_000, 1)), 'MESSAGE_TOO_LARGE'],
  ])('a server that answers with %s is refused', async (_, script, code) => {
    const port = await listen('mysql_native_password', script)
    const outcome = await refusedBy(port)
    expect(outcome).toMatchObject({ code })
    expect(String(outcome)).not.toContain(PASSWORD)
  })

  it.each<[string, Buffer, string]>([
    [
      'an error',
      encodePackets(Buffer.concat([Buffer.from('ff1004', 'hex'), Buffer.from('Too many')]), 0),
      'TARGET_REFUSED',
    ],
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'MESSAGE_TOO_LARGE'],
    ['a protocol of old', encodePackets(Buffer.from('\x093.23\0', 'latin1'), 0), 'PROTOCOL_VIOLATION'],
    [
      'two packets',
      Buffer.concat([encodePackets(Buffer.of(10), 0), encodePackets(Buffer.of(1), 1)]),
      'PROTOCOL_VIOLATION',
    ],
    ['another sequence id', encodePackets(Buffer.of(10, 0), 3), 'PROTOCOL_VIOLATION'],
  ])('a server that greets with %s is refused', async (_, first, code) => {
    const port = await listen('mysql_native_password', () => Promise.resolve(), first)
    expect(await refusedBy(port)).toMatchObject({ code })
  })

  it('one that greets as a version that is none is refused, and one without TLS where it is asked for', async () => {
    const port = await listen('mysql_native_password', say(ok))
    expect(await refusedBy(port, { tls: 'require' })).toMatchObject({ code: 'TARGET_CERTIFICATE' })
    expect(nativeProof(PASSWORD, SCRAMBLE)).toHaveLength(20)
  })
})
