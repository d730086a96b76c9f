import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  sign,
  verify,
} from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
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
import { ALWAYS_OFFERED, capabilities } from '../../src/protocols/mysql/wire/capabilities.ts'
import { encodeErr } from '../../src/protocols/mysql/wire/err.ts'
import { encodePackets, Framer, payloadOf, type Frame } from '../../src/protocols/mysql/wire/framer.ts'
import { encodeHandshake } from '../../src/protocols/mysql/wire/handshake.ts'
import { readHandshakeResponse } from '../../src/protocols/mysql/wire/handshake-response.ts'
import { encodeOk } from '../../src/protocols/mysql/wire/ok.ts'
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
}) => Promise<void>

describe('the login at a scripted server', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  let server: Server | undefined
  let answers: string[] = []
  afterEach(() => {
    server?.close()
    answers = []
  })

  async function listen(plugin: string, script: Script, first?: Buffer): Promise<number> {
    server = createServer((socket) => {
      const framer = new Framer(100_000, 'the gateway')
      const frames: Frame[] = []
      let wake = (): void => {}
      let sequence = 0
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        framer.push(bytes, (frame) => void frames.push({ ...frame, bytes: Buffer.from(frame.bytes) }))
        wake()
      })
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
          version: '8.4.0',
          threadId: 1,
          scramble: SCRAMBLE,
          capabilities: ALWAYS_OFFERED | capabilities.deprecateEof,
          collation: 255,
          status: 2,
          plugin,
        }),
      )
      void (async () => {
        const response = readHandshakeResponse(await next())
        if (response.type !== 'response') throw new Error('TLS was not offered')
        await script({ send, next, proof: response.authentication })
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
