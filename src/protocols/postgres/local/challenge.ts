import { timingSafeEqual, createHash } from 'node:crypto'
import type { ChallengeStep, LocalChallenge } from '../../local-half.ts'
import { bodyOf, Framer } from '../wire/framer.ts'
import { passwordMessage } from '../wire/password-message.ts'
import { fatal } from './refuse.ts'
import { authenticationCleartextPassword, decodeMessage } from '../wire/server-message.ts'
import { readStartupPacket } from '../wire/startup.ts'

/**
 * Demands a secret through the protocol's own password, before a byte leaves the machine: for systems where the
 * owner of a local connection cannot be told. Bytes in, steps out; call again while a step says 'reply'.
 */
export class PasswordChallenge implements LocalChallenge {
  readonly #secret: string
  readonly #framer = new Framer(1024, 'client')
  #bytes: Buffer = Buffer.alloc(0)
  #startup: Buffer | undefined

  constructor(secret: string) {
    this.#secret = secret
  }

  push(chunk: Buffer): ChallengeStep {
    return this.#startup === undefined ? this.#readStartup(chunk) : this.#readPassword(this.#startup, chunk)
  }

  #readStartup(chunk: Buffer): ChallengeStep {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const read = readStartupPacket(this.#bytes)
    if (read === undefined) return { type: 'more' }
    const packet = this.#bytes.subarray(0, read.length)
    this.#bytes = this.#bytes.subarray(read.length)
    switch (read.packet.type) {
      case 'ssl-request':
      case 'gssenc-request':
        return { type: 'reply', bytes: Buffer.from('N') }
      case 'cancel-request': // carries its own secret, which the gateway checks
        return { type: 'passed', bytes: packet }
      case 'startup':
        this.#startup = packet
        return { type: 'reply', bytes: authenticationCleartextPassword() }
    }
  }

  #readPassword(startup: Buffer, chunk: Buffer): ChallengeStep {
    let passed = false
    this.#framer.push(chunk, (frame) => {
      if (frame.tag !== passwordMessage.tag) return false
      const { password } = decodeMessage(passwordMessage, bodyOf(frame), 'PasswordMessage')
      passed = sameSecret(password, this.#secret)
      return false
    })
    if (passed) return { type: 'passed', bytes: startup }
    if (this.#framer.held > 0 && this.#framer.held < 1024) return { type: 'more' }
    return {
      type: 'refused',
      bytes: fatal({
        message: 'pam: this local port belongs to another user, or the password is not the one that pamctl printed',
        sqlstate: '28P01',
        hint: 'use the PGPASSFILE that "pamctl connect" printed',
      }),
    }
  }
}

function sameSecret(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
