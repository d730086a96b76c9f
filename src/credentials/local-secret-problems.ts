import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { certificateExpiry } from '../shared/certificate-expiry.ts'
import { isSecretReference, resolveSecret } from './secret-reference.ts'

/**
 * What is wrong with a secret of the gateway's own machine that can be read, in words that go on after its reference: others may read or replace its
 * file, or it is a certificate that has expired or soon will. Throws what `resolveSecret` does.
 */
export function localSecretProblems(reference: string, baseDirectory: string, now: number): string[] {
  if (!isSecretReference(reference)) return []
  const text = resolveSecret(reference, baseDirectory)
  const open = isPublic(text) ? undefined : exposure(reference, baseDirectory)
  return [open, certificateExpiry(text, now)].filter((problem) => problem !== undefined)
}

/** A certificate alone is shown to whoever asks. */
const isPublic = (text: string): boolean =>
  text.includes('-----BEGIN CERTIFICATE-----') && !text.includes('PRIVATE KEY')

/** A group that may read is how orchestrators give a file to a process; everybody else is nobody's intention. Windows has no such bits. */
function exposure(reference: string, baseDirectory: string): string | undefined {
  if (!reference.startsWith('file:') || process.platform === 'win32') return undefined
  const path = resolve(baseDirectory, reference.slice('file:'.length))
  const mode = statSync(path).mode & 0o777
  const can = (mode & OTHERS_READ) !== 0 ? 'read' : (mode & OTHERS_WRITE) !== 0 ? 'replaced' : undefined
  return (
    can && `may be ${can} by other users of this machine (mode ${mode.toString(8).padStart(4, '0')}): chmod 600 ${path}`
  )
}

const OTHERS_READ = 0o004
const OTHERS_WRITE = 0o022
