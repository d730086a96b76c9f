import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateExpiry } from '../../src/shared/certificate-expiry.ts'
import { makeCertificates } from '../helpers/certificates.ts'

let directory: string
const pem = { long: '', short: '', authority: '' }
const DAY = 86_400_000

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  const { ca, certificate } = makeCertificates(join(directory, 'long'), undefined, 300)
  pem.long = readFileSync(certificate, 'utf8')
  pem.authority = readFileSync(ca, 'utf8')
  pem.short = readFileSync(makeCertificates(join(directory, 'short'), undefined, 3).certificate, 'utf8')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('what is said of a certificate that will not be taken for long', () => {
  it.each<[string, keyof typeof pem, number, RegExp | undefined]>([
    ['a new one', 'long', 0, undefined],
    ['29 days before its end', 'long', 271, /^expires soon \(\w{3} .* GMT\)$/],
    ['after its end', 'long', 301, /^has expired \(/],
    ['a new one for three days', 'short', 0, undefined],
    ['a third before the end of one for three days', 'short', 2.1, /^expires soon/],
  ])('%s', (_, which, days, expected) => {
    const said = certificateExpiry(pem[which], Date.now() + days * DAY)
    if (expected === undefined) expect(said).toBeUndefined()
    else expect(said).toMatch(expected)
  })

  it('is said of any of a chain, and of nothing else', () => {
    expect(certificateExpiry(pem.authority + pem.long, Date.now() + 301 * DAY)).toMatch(/^has expired/)
    expect(certificateExpiry('a password', Date.now())).toBeUndefined()
    expect(certificateExpiry('-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----', Date.now())).toBeUndefined()
  })
})
