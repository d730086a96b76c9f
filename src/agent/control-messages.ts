import type { ListenerInfo } from '../protocols/client-half.ts'
import type { ErrorBody } from '../shared/errors.ts'
import type { ErrorCode } from '../shared/error-codes.ts'

/** What the command line asks of the agent over its socket: one JSON object per line, answered by id. */
export interface ControlMethods {
  hello: { params: { version: string }; result: { version: string; pid: number; warning?: string } }
  /** Refuses a sign-in whose tokens another gateway would accept. Sent before the sign-in begins. */
  'check-client': {
    params: { gateway: string; issuer: string; clientId: string; allowShared: boolean }
    result: Record<string, never>
  }
  /**
   * A proof (DPoP) for a request to the gateway as an issuer, before somebody is signed in there: by the key that the sign-in of this attempt will
   * have. The tokens that it leads to are good for that key alone.
   */
  'prove-sign-in': {
    params: { attempt: string; profile: string; gateway: string; method: string; url: string }
    result: { dpop: string }
  }
  /** Signs in, or signs in again, with tokens of the identity provider; the key is made and kept by the agent. */
  'sign-in': {
    params: {
      profile: string
      gateway: string
      ca?: string
      issuer: string
      clientId: string
      identityToken: string
      refreshToken?: string
      allowShared: boolean
      /** That its tokens were asked for with; see `prove-sign-in`. */
      attempt?: string
    }
    result: { label: string; groups: readonly string[]; warning?: string }
  }
  /** Signs in a service with a token from the environment or a file; kept in this agent's memory only. */
  'sign-in-service': {
    params: { profile: string; gateway: string; ca?: string; token?: string; tokenFile?: string }
    result: { label: string; groups: readonly string[] }
  }
  /**
   * The profile that a command is for. Where a gateway is named, the profile that is signed in there; none, or a profile of another
   * gateway, is an error. `signingIn`: the profile may be new. `lastGateway`: the one signed in to last, where none is named.
   */
  'choose-profile': {
    params: { profile?: string; gateway?: string; signingIn?: boolean }
    result: { profile: string; lastGateway?: string }
  }
  /** Headers for one call to the gateway. */
  authorize: { params: { profile: string; method: string; url: string }; result: Readonly<Record<string, string>> }
  /** `required`: an error with a hint instead of null. `gateway`: the one that the command names. */
  profile: { params: { profile: string; required?: boolean; gateway?: string }; result: ProfileInfo | null }
  logout: { params: { profile: string }; result: { gateway: string } }
  /**
   * Opens (or shares) the local listener of a target for as long as this connection to the agent lasts. `private`: on a Unix socket only.
   * `own`: not shared, so that messages about its connections go to this caller alone.
   */
  listen: {
    params: { profile: string; target: string; protocol: string; port?: number; private?: boolean; own?: boolean }
    result: ListenerInfo
  }
  /**
   * Opens (or finds) a port of a target that stays open beyond this connection: until the access ends, the person signs out, the agent stops or
   * `close-kept-port` is called. Nobody but `keep-port` shares it. An error where there is no access now.
   */
  'keep-port': {
    params: { profile: string; target: string; protocol: string; port?: number }
    result: { readonly listener: ListenerInfo; readonly endsAt?: string }
  }
  /** Closes it, and ends its connections. False where there is none. */
  'close-kept-port': { params: { profile: string; target: string }; result: { readonly closed: boolean } }
  /** The open ports of a login, for one protocol. Does not keep them open. */
  'open-ports': {
    params: { profile: string; protocol: string }
    result: readonly { readonly target: string; readonly listener: ListenerInfo }[]
  }
  status: { params: Record<string, never>; result: AgentStatus }
  stop: { params: Record<string, never>; result: Record<string, never> }
}

export type ControlMethod = keyof ControlMethods

export interface ProfileInfo {
  readonly gateway: string
  readonly ca?: string
  readonly label: string
  readonly issuer?: string
  readonly clientId?: string
  readonly store: 'keychain' | 'file' | 'memory'
  /** Whether the agent can verify the identity again by itself: with a refresh token, or with the token that a service has. */
  readonly isRenewable: boolean
}

export interface AgentStatus {
  readonly version: string
  readonly pid: number
  readonly listeners: readonly ListenerStatus[]
}

export interface ListenerStatus {
  readonly gateway: string
  readonly person: string
  readonly target: string
  readonly port: number
  /** Connections. */
  readonly tunnels: number
  /** It stays open beyond the command that opened it: until the access ends, which is `until` where it has an end. */
  readonly kept?: { readonly until?: string }
}

export interface ControlRequest {
  readonly id: number
  readonly method: ControlMethod
  readonly params: unknown
}

export type ControlReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ErrorBody }
  /** A message for the user, to everybody with a listener for the target. */
  | { readonly event: AgentEvent }
  | { readonly hold: HoldEvent }

export interface AgentEvent {
  readonly target: string
  readonly message: string
  /**
   * `ahead`: a warning before it happens; `untold`: the client's protocol cannot say it. Both are shown even while a client has the
   * terminal.
   */
  readonly kind: 'told' | 'ahead' | 'untold'
  /** The client may not say it: a connection was open before, and a shell such as psql that reconnects by itself does not say why it cannot. */
  readonly late?: true
  /** What the connection ended with, or could not be opened for. */
  readonly code?: ErrorCode
}

/** A command of a connection waits for an approval, or waits no longer: from the gateway, beside what the client and the target exchange. */
export interface HoldEvent {
  readonly target: string
  readonly session: string
  readonly approval: string
  readonly state: 'filed' | 'settled'
}
