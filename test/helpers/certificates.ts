import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A private authority, and a certificate that it signed for a name; in PEM files of a directory. */
export interface TestCertificates {
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** Needs openssl. */
export function makeCertificates(directory: string, names = 'DNS:localhost,IP:127.0.0.1', days = 90): TestCertificates {
  mkdirSync(directory, { recursive: true })
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  // prettier-ignore
  openssl('req', '-x509', ...fresh, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test authority', '-days', '3650')
  openssl('req', ...fresh, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=test server')
  writeFileSync(join(directory, 'extensions'), `subjectAltName=${names}\n`)
  // prettier-ignore
  openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'server.crt',
    '-days', String(days), '-extfile', 'extensions')
  return {
    ca: join(directory, 'ca.crt'),
    certificate: join(directory, 'server.crt'),
    key: join(directory, 'server.key'),
  }
}
