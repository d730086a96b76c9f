import type { PamError } from '../shared/errors.ts'

/** What the agent needs of a protocol. It knows no gateway, no target and no configuration. `local.ts` lists one for each. */
export interface LocalHalf {
  /** The name of the Unix socket that clients look for in a directory, where the port is this. */
  socketName(port: number): string
  /**
   * How a connection is turned away before the gateway could do it. Fed with what the client has sent and what was not taken yet,
   * at first with nothing, so that a server that speaks first can; `undefined` while more bytes are needed. `replies`: how often it has
   * replied to this connection before. Throws for what is not the protocol.
   */
  refuse(bytes: Buffer, reason: LocalReason, replies: number): LocalRefusal | undefined
  /** Follows a connection that goes through, so that its client can be told why it is cut off. */
  follow(): LocalProgress
  /** Demands a secret in the protocol's own way; none where the protocol has no password that could carry it. */
  challenge?(secret: string): LocalChallenge
  /**
   * Clients come over TLS: the agent ends it with a certificate that is made for the port, and asks for one that only whoever was told of
   * the port has. The bytes within go to the gateway. The names are those of ALPN (RFC 7301), most wanted first.
   */
  readonly tls?: readonly string[]
  /**
   * What the gateway is told of the port in front of each connection, since it reads the requests and the agent reads none. Without `tls` the
   * protocol demands the secret with every request.
   */
  readonly announce?: (port: number, secret: string | undefined) => Buffer
}

/** Why, in texts that move no cursor. */
export interface LocalReason extends Pick<PamError, 'code' | 'message' | 'hint'> {}

export interface LocalRefusal {
  readonly reply: Buffer
  /** Bytes of those given that this answers. */
  readonly taken: number
  readonly done: boolean
}

/** How far a connection has come: told every byte that was passed on. */
export interface LocalProgress {
  fromClient(bytes: Buffer): void
  fromServer(bytes: Buffer): void
  /** Nothing has come from the server. */
  readonly isSilent: boolean
  /** Where the server could speak now; `undefined` in the middle of a message and where both sides encrypt. */
  opening(): LocalOpening | undefined
}

export interface LocalOpening {
  readonly refuse: LocalHalf['refuse']
  /** What the client has sent and nobody has answered. */
  readonly unanswered: Buffer
}

/** Bytes in, steps out; call again while a step says `reply`. */
export interface LocalChallenge {
  /** What the server says first, where it does. */
  readonly greeting?: Buffer
  push(chunk: Buffer): ChallengeStep
  /** Where the secret is demanded within the server's own login. */
  readonly login?: LocalLogin
}

/**
 * The greeting of the server is what the client answers to, and there can be only one. So the connection goes on to the gateway at
 * once, and no byte of the client before it has passed.
 */
export interface LocalLogin {
  /** What the client gets of it: until it has passed, no more than it has to answer. With nothing, what was kept back. */
  fromServer(bytes: Buffer): Buffer
  /** Of a client that has passed. */
  fromClient(bytes: Buffer): Buffer
}

export type ChallengeStep =
  /** Send this and feed more bytes. */
  | { readonly type: 'reply'; readonly bytes: Buffer }
  /** Needs more bytes. */
  | { readonly type: 'more' }
  /** Send this and close. */
  | { readonly type: 'refused'; readonly bytes: Buffer }
  /** The secret was right: these bytes (what came before and after it) go on to the gateway. */
  | { readonly type: 'passed'; readonly bytes: Buffer }
