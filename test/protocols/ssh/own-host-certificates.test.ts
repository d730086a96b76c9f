import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { authorityOf, issue, publicKeyLine } from '../../../src/protocols/ssh/certificates/authority.ts'
import { encodePublicKey } from '../../../src/protocols/ssh/certificates/public-key.ts'
import { certificatesInFiles, certificatesSignedHere } from '../../../src/protocols/ssh/own-host-certificates.ts'
import { makeEd25519Key, sshSection } from '../../../src/protocols/ssh/own-host-keys.ts'
import { decodeCertificate, splitKey, type SshCertificate } from '../../../src/protocols/ssh/wire/certificate.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-own-host-'))
afterAll(() => rmSync(directory, { recursive: true }))

const [authority, other] = [1, 2].map(() => authorityOf(generateKeyPairSync('ed25519').privateKey))
if (authority === undefined || other === undefined) throw new Error('no authorities')
const publicKey = encodePublicKey(generateKeyPairSync('ed25519').publicKey)
const hostKey = publicKey.toString('base64')
const START = Date.UTC(2026, 10, 30)
const HOUR = 3_600_000
const seconds = (milliseconds: number): bigint => BigInt(milliseconds / 1000)

describe('certificates that the gateway signs for its own host keys', () => {
  let at = START
  const own = certificatesSignedHere({ authority, validFor: 24 * HOUR, hostKeys: [hostKey], now: () => at })
  const shown = async (target = 'web'): Promise<SshCertificate> => {
    const [bytes] = await own.forTarget(target)
    if (bytes === undefined) throw new Error('no certificate')
    return decodeCertificate(bytes).certificate
  }

  it('are for the alias of one target, from a minute ago for as long as is configured', async () => {
    expect(await shown()).toMatchObject({
      kind: 'host',
      publicKey,
      keyId: 'pam-gateway target=web',
      principals: ['pamctl-web'],
      validAfter: seconds(START - 60_000),
      validBefore: seconds(START + 24 * HOUR),
      criticalOptions: [],
      signatureKey: authority.publicKey,
    })
    expect((await shown('db')).principals).toEqual(['pamctl-db'])
    expect(own.authorities()).toEqual([publicKeyLine(authority.publicKey)])
  })

  it('are made anew after half of their time, and where the clock was set back', async () => {
    const { serial } = await shown()
    at = START + 12 * HOUR - 1
    expect((await shown()).serial).toBe(serial)
    at = START + 12 * HOUR
    const renewed = await shown()
    expect(renewed.serial).not.toBe(serial)
    expect(renewed.validBefore).toBe(seconds(START + 36 * HOUR))
    at = START - 24 * HOUR
    expect((await shown()).validBefore).toBe(seconds(START))
  })
})

describe('certificates of the gateway in files', () => {
  const write = async (file: string, given: Partial<SshCertificate> = {}, by = authority): Promise<string> => {
    const bytes = await issue(
      {
        nonce: Buffer.alloc(32),
        publicKey,
        serial: 1n,
        kind: 'host',
        keyId: 'gateway',
        principals: ['pamctl-web', 'pamctl-db'],
        validAfter: seconds(START),
        validBefore: seconds(START + HOUR),
        criticalOptions: [],
        extensions: [],
        ...given,
      },
      by,
    )
    writeFileSync(join(directory, file), `${splitKey(bytes).type} ${bytes.toString('base64')} comment\n`)
    return bytes.toString('base64')
  }
  const read = (
    file: string,
    now = START,
  ): { shown: (target?: string) => Promise<string[]>; logged: object[]; authorities: () => readonly string[] } => {
    const logged: object[] = []
    const own = certificatesInFiles({
      files: [file],
      baseDirectory: directory,
      hostKeys: [hostKey],
      now: () => now,
      logger: { warn: (fields: object) => void logged.push(fields) },
    })
    const shown = async (target = 'web'): Promise<string[]> =>
      (await own.forTarget(target)).map((bytes) => bytes.toString('base64'))
    return { shown, logged, authorities: () => own.authorities() }
  }

  it('are shown to clients of the targets that they are for, and read again for each', async () => {
    const first = await write('renewed')
    const { shown, logged, authorities } = read('renewed')
    expect(await shown()).toEqual([first])
    expect(await shown('db')).toEqual([first])
    expect(authorities()).toEqual([publicKeyLine(authority.publicKey)])
    const second = await write('renewed', { serial: 2n }, other)
    expect(await shown()).toEqual([second])
    expect(authorities()).toEqual([publicKeyLine(other.publicKey)])
    expect(logged).toEqual([])
    expect(await shown('cache')).toEqual([])
    expect(logged).toEqual([{ file: 'renewed', problem: 'is not for pamctl-cache' }])
  })

  it.each<[string, Partial<SshCertificate>, number?]>([
    ['has expired', { validBefore: seconds(START) }],
    ['is not valid yet', {}, START - 1000],
    ['has the critical option "force-command"', { criticalOptions: [{ name: 'force-command', value: 'x' }] }],
    ['for users, not for hosts', { kind: 'user' }],
    ['for none of the host keys', { publicKey: encodePublicKey(generateKeyPairSync('ed25519').publicKey) }],
  ])('are not shown, and logged once, where one %s', async (why, given, now = START) => {
    await write('bad', given)
    const { shown, logged } = read('bad', now)
    expect([await shown(), await shown()]).toEqual([[], []])
    expect(logged).toEqual([{ file: 'bad', problem: expect.stringContaining(why) as string }])
  })

  it('are logged again where another is in the file, or it has another problem', async () => {
    await write('changing', { kind: 'user' })
    const { shown, logged } = read('changing')
    await shown()
    writeFileSync(join(directory, 'changing'), 'nothing')
    await shown()
    expect(logged).toHaveLength(2)
    await write('changing', { validBefore: seconds(START) })
    for (let time = 0; time < 2; time++) await shown()
    await write('changing', { serial: 2n, validBefore: seconds(START) })
    await shown()
    expect(logged).toHaveLength(4)
  })
})

describe('the section ssh of the configuration', () => {
  writeFileSync(join(directory, 'key'), makeEd25519Key())
  writeFileSync(join(directory, 'garbage'), 'garbage')
  const problems = (given: object): string[] => {
    const { success, data, error } = sshSection.schema.safeParse(given)
    return success
      ? sshSection.errors(data, directory).map(({ path, message }) => `${path.join('.')}: ${message}`)
      : error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  }

  it('may have an authority, or certificates', () => {
    expect(problems({ hostAuthority: { key: 'file:key' } })).toEqual([])
    expect(problems({ hostKeys: ['file:key'], hostAuthority: { key: 'file:key', validFor: '2h' } })).toEqual([])
  })

  it.each<[string, object]>([
    [
      'hostAuthority: give hostCertificates or hostAuthority, not both',
      { hostAuthority: { key: 'file:key' }, hostCertificates: ['garbage'] },
    ],
    ['hostAuthority.key: file:garbage is not a usable private key', { hostAuthority: { key: 'file:garbage' } }],
    ['hostAuthority.validFor: expected from 1h to 30d', { hostAuthority: { key: 'file:key', validFor: '5m' } }],
    ['hostCertificates.0: garbage is not a usable host certificate', { hostCertificates: ['garbage'] }],
    [
      'hostCertificates.0: renewed is not a usable host certificate: for none of the host keys',
      { hostKeys: ['file:key'], hostCertificates: ['renewed'] },
    ],
  ])('is refused: %s', (why, given) => {
    expect(problems(given).join('\n')).toContain(why)
  })
})
