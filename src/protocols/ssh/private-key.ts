import { createPrivateKey, type KeyObject } from 'node:crypto'
import ssh2 from 'ssh2'
import { resolveSecret, type SecretReference } from '../../credentials/secret-reference.ts'

/** Reads a private key in OpenSSH or PEM form. Throws an Error that names the reference where it is none. */
export function privateKeyIn(reference: string, baseDirectory: string, passphrase?: string): ssh2.ParsedKey {
  const secretOf = (name: string): string => resolveSecret(name as SecretReference, baseDirectory)
  return privateKeyFrom(secretOf(reference), passphrase === undefined ? undefined : secretOf(passphrase), reference)
}

/** The same of its text. `reference` names it in the error. */
export function privateKeyFrom(text: string, passphrase: string | undefined, reference: string): ssh2.ParsedKey {
  const parsed = ssh2.utils.parseKey(`${text}\n`, passphrase)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key === undefined || key instanceof Error || !key.isPrivateKey())
    throw new Error(`${reference} is not a usable private key; make one with ssh-keygen -t ed25519`)
  return key
}

/** The public half, type and base64, as in a .pub file. */
export const publicKeyOf = (key: ssh2.ParsedKey): string => `${key.type} ${key.getPublicSSH().toString('base64')}`

/** As Node's crypto module takes it. */
export const keyObjectOf = (key: ssh2.ParsedKey): KeyObject => createPrivateKey(key.getPrivatePEM())
