import ssh2 from 'ssh2'
import { resolveSecret, type SecretReference } from '../../credentials/secret-reference.ts'

/** Reads a private key in OpenSSH or PEM form. Throws an Error that names the reference where it is none. */
export function privateKeyIn(reference: string, baseDirectory: string, passphrase?: string): ssh2.ParsedKey {
  const secretOf = (name: string): string => resolveSecret(name as SecretReference, baseDirectory)
  const parsed = ssh2.utils.parseKey(
    `${secretOf(reference)}\n`,
    passphrase === undefined ? undefined : secretOf(passphrase),
  )
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key === undefined || key instanceof Error || !key.isPrivateKey())
    throw new Error(`${reference} is not a usable private key; make one with ssh-keygen -t ed25519`)
  return key
}

/** The public half, type and base64, as in a .pub file. */
export const publicKeyOf = (key: ssh2.ParsedKey): string => `${key.type} ${key.getPublicSSH().toString('base64')}`
