import type { Target } from '../api/schemas/access.ts'
import type { QueryConnection } from './query-client.ts'

/** What the command line needs of a protocol. `client.ts` lists one for each. */
export interface ClientHalf {
  /** False: a client that is started comes through `pamctl tunnel`, and no port is opened for it. */
  readonly listens: boolean
  /** Programs that speak this protocol and no other: started for another target they would go past the gateway. */
  readonly programs: ReadonlySet<string>
  /** What a native client is started with, so that it finds its way by itself. */
  prepare(start: ClientStart): PreparedClient
  /**
   * The environment in which programs find an open port by themselves, made of the one they have: without variables that would lead them
   * elsewhere. None where programs of the protocol take nothing from theirs.
   */
  readonly environment?: (start: EnvironmentStart) => NodeJS.ProcessEnv
  /** How to connect to an open port. `directory` is that of the profile, for files that a client is pointed to. */
  describe(target: Target, listener: ListenerInfo, directory: string): HowToConnect
  /** Connects for `pamctl query`; none where targets of the protocol have no statements. */
  readonly openQuery?: OpenQuery
}

/** Where the agent listens for a target. */
export interface ListenerInfo {
  readonly host: string
  readonly port: number
  /** The port that the target usually has, where somebody else has it now. */
  readonly usualPort?: number
  /** Directory of a Unix socket with the same service. */
  readonly socketDirectory?: string
  /** The Unix socket itself. */
  readonly socketPath?: string
  /** The password that this port demands, where the system does not say who connects. */
  readonly secret?: string
  /** What a client is given where the port speaks TLS. */
  readonly tls?: ClientCertificate
}

/** In PEM: who vouches for the port, and what the client shows to be let in. */
export interface ClientCertificate {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

export interface ClientStart {
  readonly program: string
  readonly args: readonly string[]
  readonly target: Target
  /** The open port, where there is one. */
  readonly listener: ListenerInfo | undefined
  /** Options of pamctl that choose the login, for a pamctl that the client starts. */
  readonly login: readonly string[]
  readonly environment: NodeJS.ProcessEnv
}

export interface EnvironmentStart {
  readonly target: Target
  readonly listener: ListenerInfo
  /** Private, for files that variables point to. */
  readonly directory: string
  readonly inherited: NodeJS.ProcessEnv
}

export interface PreparedClient {
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly cleanUp: () => void
}

/** How to connect, for people and for programs. */
export interface HowToConnect {
  readonly lines: readonly string[]
  readonly json: Readonly<Record<string, unknown>>
}

/** Opens a connection of pamctl's own to a port of the agent. Rejects with what the gateway, or the target, said. */
export type OpenQuery = (start: QueryStart) => Promise<QueryConnection>

export interface QueryStart {
  readonly target: Pick<Target, 'accounts' | 'database'>
  readonly listener: ListenerInfo
}
