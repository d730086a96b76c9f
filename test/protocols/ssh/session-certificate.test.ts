import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Lessee, SshCertificateProof } from '../../../src/credentials/credential.ts'
import type { Secrets, SshCertificateRequest } from '../../../src/credentials/secrets.ts'
import { localSecrets } from '../../helpers/local-secrets.ts'
import { decodePublicKey, isSignedBy } from '../../../src/protocols/ssh/certificates/public-key.ts'
import {
  certificateSettings,
  sessionCertificate,
  type CertificateSettings,
} from '../../../src/protocols/ssh/session-certificate.ts'
import { decodeCertificate } from '../../../src/protocols/ssh/wire/certificate.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-cert-'))
const lessee: Lessee = {
  session: 'ses_1',
  person: { id: 'jane', label: 'jane@example.com' },
  at: Date.UTC(2026, 10, 29, 12),
  endsAt: Date.UTC(2026, 10, 29, 13),
  gateway: '0123456789abcdef',
}
const TYPES = [
  ['ed25519', []],
  ['rsa', ['-b', '2048']],
  ['ecdsa', ['-b', '521']],
] as const
const keygen = (...args: string[]): string => execFileSync('ssh-keygen', args, { encoding: 'utf8' })

beforeAll(() => {
  for (const [type, more] of TYPES)
    keygen('-q', '-t', type, ...more, '-N', type === 'rsa' ? 'secret' : '', '-C', type, '-f', join(directory, type))
  writeFileSync(join(directory, 'passphrase'), 'secret\n')
})
afterAll(() => rmSync(directory, { recursive: true }))

const settings = (given: Record<string, unknown> = {}): CertificateSettings =>
  certificateSettings.parse({ ca: 'file:ed25519', ...given }) as CertificateSettings
async function proofOf(
  given: Record<string, unknown> = {},
  who: Partial<Lessee> = {},
  forwards = true,
): Promise<SshCertificateProof> {
  const source = sessionCertificate('deploy', settings(given), { secrets: localSecrets(directory), forwards })
  const { sshCertificate } = await source.lease({ ...lessee, ...who })
  if (sshCertificate === undefined) throw new Error('no certificate')
  return sshCertificate
}
/** What ssh-keygen makes of it, in UTC. */
function shown({ certificate, type }: SshCertificateProof): string {
  const file = join(directory, 'shown-cert.pub')
  writeFileSync(file, `${type} ${certificate.toString('base64')}\n`)
  return execFileSync('ssh-keygen', ['-L', '-f', file], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
}

describe('a certificate that Vault signs', () => {
  let asked: SshCertificateRequest
  /** Leases one, signed as Vault's engine does, and then changed on its way. */
  const lease = (given: Record<string, unknown>, change: (line: string) => string = (line) => line, at = lessee.at) => {
    const secrets: Secrets = {
      ...localSecrets(directory),
      async sshCertificate(_reference, request, accept) {
        asked = request
        const file = join(directory, 'asked.pub')
        writeFileSync(file, `${request.publicKey}\n`)
        const time = (ms: number): string => new Date(ms).toISOString().replace(/[-:T]|\..*/g, '')
        const options = [...request.criticalOptions.map(({ name, value }) => `${name}=${value}`), ...request.extensions]
        execFileSync(
          'ssh-keygen',
          ['-q', '-s', join(directory, 'ecdsa'), '-I', request.keyId, '-n', request.principals.join(), '-z', '77']
            .concat(['-V', `${time(at - 30_000)}:${time(at + request.lasts * 1000)}`, '-O', 'clear'])
            .concat(
              options.flatMap((option) => ['-O', option]),
              file,
            ),
          { env: { ...process.env, TZ: 'UTC' } },
        )
        const [type, key] = readFileSync(join(directory, 'asked-cert.pub'), 'utf8').split(' ')
        return accept(change(`${type} ${key}\n`))
      },
    }
    return sessionCertificate('deploy', settings({ ca: 'vault-ssh:ssh/role', ...given }), {
      secrets,
      forwards: true,
    }).lease(lessee)
  }

  it('is asked for with what one of the gateway says, and taken as it is', async () => {
    const { sshCertificate: proof } = await lease({ sourceAddress: ['10.0.0.2'], validFor: '2m' })
    if (proof === undefined) throw new Error('no certificate')
    const { certificate } = decodeCertificate(proof.certificate)
    expect(certificate).toMatchObject({
      kind: 'user',
      keyId: 'session=ses_1 person=jane name=jane@example.com',
      principals: ['deploy'],
      criticalOptions: [{ name: 'source-address', value: '10.0.0.2' }],
      extensions: [{ name: 'permit-port-forwarding' }, { name: 'permit-pty' }],
      validBefore: BigInt(lessee.at / 1000 + 120),
    })
    expect(asked.lasts).toBe(120)
    expect(proof.description).toMatch(/^a certificate for 2m: serial 77, key id "session=ses_1 .*", CA SHA256:/)
    const bytes = Buffer.from('session')
    expect(isSignedBy(decodePublicKey(certificate.publicKey), bytes, proof.sign(bytes))).toBe(true)
  })

  it.each([
    ['comes with a second line', (line: string) => `${line}${line}`],
    ['comes with options before it', (line: string) => `no-pty ${line}`],
    ['is called another type', (line: string) => line.replace('ssh-ed25519', 'ssh-rsa')],
    ['is no text of base64', () => 'ssh-ed25519-cert-v01@openssh.com hunter2\n'],
    ['is of a clock an hour ahead', (line: string) => line, lessee.at + 3_600_000],
    ['has expired', (line: string) => line, lessee.at - 3_600_000],
  ])('and that %s is refused', async (_name, change, at?: number) => {
    await expect(lease({}, change, at)).rejects.toThrow(/^gave a certificate that /)
  })

  it('has no passphrase: the gateway reads no key', () => {
    expect(certificateSettings.safeParse({ ca: 'vault-ssh:ssh/role', passphrase: 'env:A' }).success).toBe(false)
  })
})

describe('a certificate for a session', () => {
  it.each(TYPES)('says to ssh-keygen what it is for, signed by a CA of type %s', async (type) => {
    const passphrase = type === 'rsa' ? { passphrase: 'file:passphrase' } : {}
    const proof = await proofOf({ ca: `file:${type}`, ...passphrase, sourceAddress: ['10.0.0.0/8', '::1'] })
    const ca = keygen('-l', '-f', join(directory, `${type}.pub`)).split(' ')[1] as string
    const { certificate, signed, signature } = decodeCertificate(proof.certificate)
    expect(shown(proof).split('\n').slice(1).join('\n'))
      .toBe(`        Type: ssh-ed25519-cert-v01@openssh.com user certificate
        Public key: ED25519-CERT ${fingerprint(certificate.publicKey)}
        Signing CA: ${type.toUpperCase()} ${ca} (using ${{ ed25519: 'ssh-ed25519', rsa: 'rsa-sha2-512', ecdsa: 'ecdsa-sha2-nistp521' }[type]})
        Key ID: "session=ses_1 person=jane name=jane@example.com"
        Serial: ${certificate.serial}
        Valid: from 2026-11-29T11:59:00 to 2026-11-29T12:05:00
        Principals: 
                deploy
        Critical Options: 
                source-address 10.0.0.0/8,::1
        Extensions: 
                permit-port-forwarding
                permit-pty
`)
    expect(proof.description).toContain(ca)
    expect(isSignedBy(decodePublicKey(certificate.signatureKey), signed, signature)).toBe(true)
  })

  it('has a key, a serial number and a nonce of its own each time, and proves its key', async () => {
    const [one, other] = [await proofOf(), await proofOf()]
    const [a, b] = [one, other].map(({ certificate }) => decodeCertificate(certificate).certificate)
    if (a === undefined || b === undefined) throw new Error('no certificates')
    for (const field of ['publicKey', 'nonce', 'serial'] as const) expect(a[field]).not.toEqual(b[field])
    const bytes = Buffer.from('session')
    expect(isSignedBy(decodePublicKey(a.publicKey), bytes, one.sign(bytes))).toBe(true)
    expect(isSignedBy(decodePublicKey(b.publicKey), bytes, one.sign(bytes))).toBe(false)
  })

  it('ends with the access, where that ends sooner', async () => {
    const { certificate } = decodeCertificate((await proofOf({}, { endsAt: lessee.at + 10_900 })).certificate)
    expect(certificate.validBefore).toBe(BigInt(lessee.at / 1000 + 10))
  })

  it('has the configured principals and extensions, and forwards nothing where nothing may be', async () => {
    const given = { principals: ['web', 'db'], extensions: ['permit-pty'] }
    const { certificate } = decodeCertificate((await proofOf(given)).certificate)
    expect(certificate.principals).toEqual(['web', 'db'])
    expect(certificate.extensions).toEqual([{ name: 'permit-pty' }])
    const full = decodeCertificate((await proofOf({}, {}, false)).certificate)
    expect(full.certificate.extensions).toEqual([{ name: 'permit-pty' }])
  })

  it('tells the session whatever a person is called', async () => {
    const id = 'x session=ses_other\n\u202e"' + 'y'.repeat(1000)
    const { certificate } = decodeCertificate((await proofOf({}, { person: { id, label: id } })).certificate)
    expect(certificate.keyId).toMatch(/^session=ses_1 person=x_session=ses_other_\\u\{202e\}"y+$/)
    expect(certificate.keyId.length).toBe(512)
  })

  it('is signed by the authority that stands in the file now', async () => {
    const file = join(directory, 'current')
    const issued: Buffer[] = []
    for (const type of ['ed25519', 'ecdsa']) {
      writeFileSync(file, readFileSync(join(directory, type)))
      issued.push(decodeCertificate((await proofOf({ ca: 'file:current' })).certificate).certificate.signatureKey)
    }
    expect(issued.map((blob) => blob.toString('base64'))).toEqual(
      ['ed25519', 'ecdsa'].map((type) => readFileSync(join(directory, `${type}.pub`), 'utf8').split(' ')[1]),
    )
    writeFileSync(file, 'no key')
    await expect(proofOf({ ca: 'file:current' })).rejects.toThrow(
      'the key that signs certificates for this target cannot be used',
    )
  })

  it.each([
    '10.0.0.5',
    '10.0.0.5/32',
    '0.0.0.0/0',
    '10.1.0.0/16',
    '2001:db8::/32',
    '::/0',
    '::1/128',
    '::ffff:10.0.0.0/120',
  ])('can be configured with the address %s', (address) =>
    expect(settings({ sourceAddress: [address] }).sourceAddress).toEqual([address]),
  )

  it.each([
    ['no principals, which would mean any', { principals: [] }],
    ['a principal that is a list', { principals: ['a,b'] }],
    ['an empty principal', { principals: [''] }],
    ['too long a validity', { validFor: '2h' }],
    ['too short a validity', { validFor: '5s' }],
    ['an address that is none', { sourceAddress: ['10.0.0.0/33'] }],
    ['an address that is a list', { sourceAddress: ['10.0.0.1,0.0.0.0/0'] }],
    // sshd would refuse each certificate with one.
    ['a range with bits of a host in it', { sourceAddress: ['10.0.0.5/8'] }],
    ['a range with bits of a host in it, of IPv6', { sourceAddress: ['2001:db8::1/64'] }],
    ['X11 forwarding', { extensions: ['permit-X11-forwarding'] }],
    ['the CA itself', { ca: '-----BEGIN OPENSSH PRIVATE KEY-----' }],
  ])('cannot be configured with %s', (_, given) => {
    expect(certificateSettings.safeParse({ ca: 'file:ed25519', ...given }).success).toBe(false)
  })
})

function fingerprint(publicKey: Buffer): string {
  const file = join(directory, 'plain.pub')
  writeFileSync(file, `ssh-ed25519 ${publicKey.toString('base64')}\n`)
  return keygen('-l', '-f', file).split(' ')[1] as string
}
