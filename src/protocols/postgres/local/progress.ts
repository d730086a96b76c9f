import type { LocalOpening, LocalProgress, LocalReason } from '../../local-half.ts'
import { readStartupPacket } from '../wire/startup.ts'
import { fatal, refuse, type RefusalReason } from './refuse.ts'

/**
 * Follows one connection. A server may send a FATAL error between any two messages (Message Flow: Asynchronous Operations,
 * Termination), so it is enough to know where its last message ends.
 */
export class PostgresProgress implements LocalProgress {
  readonly #inSql: (reason: LocalReason) => RefusalReason
  /** `lost`: what the server says is not read any more: TLS, or what is no message. */
  #phase: 'start-up' | 'messages' | 'lost' = 'start-up'
  #isSilent = true
  /** From the client, until its start-up message is whole and every request before it was answered. */
  #unanswered: Buffer = Buffer.alloc(0)
  /** The header of a message that has not come whole, and how many bytes of a body are still to come. */
  readonly #header = Buffer.alloc(HEADER)
  #headerLength = 0
  #left = 0

  constructor(inSql: (reason: LocalReason) => RefusalReason) {
    this.#inSql = inSql
  }

  get isSilent(): boolean {
    return this.#isSilent
  }

  fromClient(bytes: Buffer): void {
    if (this.#phase !== 'start-up') return
    if (this.#unanswered.length + bytes.length > MAX_AT_START_UP) this.#lose()
    else this.#unanswered = Buffer.concat([this.#unanswered, bytes])
  }

  fromServer(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#isSilent = false
    const messages = this.#phase === 'start-up' ? this.#takeAnswers(bytes) : bytes
    if (this.#phase === 'messages') this.#walk(messages)
  }

  opening(): LocalOpening | undefined {
    switch (this.#phase) {
      case 'start-up':
        return {
          refuse: (bytes, reason) => refuse(bytes, this.#inSql(reason)),
          unanswered: this.#unanswered,
        }
      case 'messages':
        if (this.#left > 0 || this.#headerLength > 0) return undefined
        return {
          refuse: (bytes, reason) => ({ reply: fatal(this.#inSql(reason)), taken: bytes.length, done: true }),
          unanswered: Buffer.alloc(0),
        }
      case 'lost':
        return undefined
    }
  }

  /** One byte for each request for encryption, then messages; returns those. */
  #takeAnswers(bytes: Buffer): Buffer {
    let at = 0
    try {
      while (at < bytes.length) {
        const read = readStartupPacket(this.#unanswered)
        if (read?.packet.type === 'startup') {
          this.#phase = 'messages'
          this.#unanswered = Buffer.alloc(0)
          break
        }
        const isDeclined = bytes[at++] === DECLINED
        if (read === undefined || read.packet.type === 'cancel-request' || !isDeclined) {
          this.#lose()
          break
        }
        this.#unanswered = this.#unanswered.subarray(read.length)
      }
    } catch {
      this.#lose()
    }
    return bytes.subarray(at)
  }

  #walk(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at)
        this.#left -= taken
        at += taken
        continue
      }
      if (this.#headerLength === 0 && bytes.length - at >= HEADER) {
        this.#left = bytes.readUInt32BE(at + 1) - LENGTH
        at += HEADER
      } else {
        this.#header[this.#headerLength++] = bytes.readUInt8(at++)
        if (this.#headerLength < HEADER) continue
        this.#headerLength = 0
        this.#left = this.#header.readUInt32BE(1) - LENGTH
      }
      if (this.#left < 0) return this.#lose()
    }
  }

  #lose(): void {
    this.#phase = 'lost'
    this.#unanswered = Buffer.alloc(0)
  }
}

/** A tag and a length, which counts itself. */
const HEADER = 5
const LENGTH = 4
const DECLINED = 0x4e // 'N'
/** Several times what a start-up message may have: a client that sends more before the first answer is none. */
const MAX_AT_START_UP = 64 * 1024
