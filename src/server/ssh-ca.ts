import { existsSync, writeFileSync } from 'node:fs'
import { isSecretReference } from '../credentials/secret-reference.ts'
import { authorityOf, publicKeyLine } from '../protocols/ssh/certificates/authority.ts'
import { makeEd25519Key } from '../protocols/ssh/own-host-keys.ts'
import { keyObjectOf, privateKeyIn } from '../protocols/ssh/private-key.ts'
import { UsageError } from '../shared/errors.ts'

/** `pam-gateway ssh-ca init FILE`: makes the key that signs certificates; it replaces none. Prints its public half. */
export function initAuthority(file: string): void {
  if (existsSync(file)) throw new UsageError(`${file} exists; a new authority needs a new file`)
  writeFileSync(file, makeEd25519Key(), { mode: 0o600, flag: 'wx' })
  showAuthority(file, undefined)
  process.stderr.write(
    `give the line to the targets, in a file that TrustedUserCAKeys of their sshd_config names; ${file} stays here\n`,
  )
}

/** `pam-gateway ssh-ca public KEY`: the line for TrustedUserCAKeys. `key`: a file, or a reference on this machine. */
export function showAuthority(key: string, passphrase: string | undefined): void {
  const reference = isSecretReference(key) ? key : `file:${key}`
  const { publicKey } = authorityOf(keyObjectOf(privateKeyIn(reference, process.cwd(), passphrase)))
  process.stdout.write(`${publicKeyLine(publicKey, 'pam-gateway user CA')}\n`)
}
