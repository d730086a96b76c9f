import type { Channel, ChannelHandler } from '../shared/channel.ts'
import type { LocalChallenge, LocalLogin } from '../protocols/local-half.ts'

/** What becomes of a client. */
export interface Doorkeeper {
  /** Called with each connection of the user. */
  accept(client: Channel): void
  turnedAway(reason: string): void
}

/** Serves a client of a protocol whose login shows that it knows the secret: it is accepted once it has. */
export function demandSecret(channel: Channel, challenge: LocalChallenge, listener: Doorkeeper): void {
  if (challenge.login !== undefined)
    return listener.accept(new UnprovenChannel(channel, challenge, challenge.login, listener))
  const timer = setTimeout(() => channel.destroy(), MAX_CHALLENGE_MS)
  let isRefused = false
  channel.handler = {
    data(chunk) {
      if (isRefused) return // read, so that the answer is not lost in a reset
      try {
        const step = challenge.push(chunk)
        if (step.type === 'reply') channel.write(step.bytes)
        if (step.type === 'refused') {
          isRefused = true
          listener.turnedAway('a connection without the right password')
          channel.write(step.bytes)
          channel.end()
        }
        if (step.type !== 'passed') return
        clearTimeout(timer)
        channel.pause()
        listener.accept(new ReplayingChannel(channel, step.bytes))
      } catch {
        channel.destroy()
      }
    },
    drained() {},
    ended: () => channel.destroy(),
    closed: () => clearTimeout(timer),
  }
  if (challenge.greeting !== undefined) channel.write(challenge.greeting)
  channel.resume()
}

/** A channel that delivers nothing until its client has proven, within the server's login, that it knows the secret. */
class UnprovenChannel implements Channel {
  handler: ChannelHandler = { data() {}, drained() {}, ended() {}, closed() {} }
  readonly #channel: Channel
  readonly #challenge: LocalChallenge
  readonly #login: LocalLogin
  readonly #timer: NodeJS.Timeout
  #state: 'unproven' | 'passed' | 'refused' = 'unproven'
  #isEnding = false

  constructor(channel: Channel, challenge: LocalChallenge, login: LocalLogin, listener: Doorkeeper) {
    this.#channel = channel
    this.#challenge = challenge
    this.#login = login
    this.#timer = setTimeout(() => channel.destroy(), MAX_CHALLENGE_MS)
    channel.handler = {
      data: (chunk) => this.#fromClient(chunk, listener),
      drained: () => this.handler.drained(),
      ended: () => (this.#state === 'passed' ? this.handler.ended() : channel.destroy()),
      closed: () => {
        clearTimeout(this.#timer)
        if (this.#state !== 'refused') this.handler.closed()
      },
    }
  }

  write(out: Uint8Array): boolean {
    if (this.#state === 'refused') return true
    try {
      const bytes = this.#login.fromServer(Buffer.from(out.buffer, out.byteOffset, out.length))
      return bytes.length === 0 || this.#channel.write(bytes)
    } catch {
      this.#channel.destroy()
      return true
    }
  }

  pause(): void {
    this.#channel.pause()
  }

  resume(): void {
    this.#channel.resume()
  }

  /** The server's last bytes may still be on their way to the client. */
  end(): void {
    if (this.#state === 'passed') this.#channel.end()
    else this.#isEnding = true
  }

  destroy(): void {
    if (this.#state !== 'refused') this.#channel.destroy()
  }

  #fromClient(chunk: Buffer, listener: Doorkeeper): void {
    if (this.#state === 'refused') return // read, so that the answer is not lost in a reset
    try {
      if (this.#state === 'passed') return this.handler.data(this.#login.fromClient(chunk))
      const step = this.#challenge.push(chunk)
      if (step.type === 'reply') this.#channel.write(step.bytes)
      if (step.type === 'refused') return this.#refuse(step.bytes, listener)
      if (step.type === 'passed') this.#pass(step.bytes)
    } catch {
      this.#channel.destroy()
    }
  }

  #pass(bytes: Buffer): void {
    clearTimeout(this.#timer)
    this.#state = 'passed'
    const kept = this.#login.fromServer(Buffer.alloc(0))
    if (kept.length > 0) this.#channel.write(kept)
    this.handler.data(bytes)
    if (this.#isEnding) this.#channel.end()
  }

  #refuse(bytes: Buffer, listener: Doorkeeper): void {
    this.#state = 'refused'
    listener.turnedAway('a connection without the right password')
    this.#channel.write(bytes)
    this.#channel.end()
    // To the forwarder, the client has left.
    this.handler.closed()
    this.#channel.resume()
  }
}

/** A channel that delivers these bytes first. */
class ReplayingChannel implements Channel {
  readonly #channel: Channel
  #pending: Buffer | undefined

  constructor(channel: Channel, bytes: Buffer) {
    this.#channel = channel
    this.#pending = bytes
  }

  get handler(): ChannelHandler {
    return this.#channel.handler
  }

  set handler(handler: ChannelHandler) {
    this.#channel.handler = handler
  }

  write(out: Uint8Array): boolean {
    return this.#channel.write(out)
  }

  pause(): void {
    this.#channel.pause()
  }

  end(): void {
    this.#channel.end()
  }

  destroy(): void {
    this.#channel.destroy()
  }

  resume(): void {
    const first = this.#pending
    this.#pending = undefined
    if (first !== undefined) this.#channel.handler.data(first)
    this.#channel.resume()
  }
}

const MAX_CHALLENGE_MS = 30_000
