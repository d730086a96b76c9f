/** The events of a recording, as they stand in its file. Format: docs/recording-format.md. */
export type RecordedEvent = EventHeader & EventBody

export interface EventHeader {
  /** Counts from 0. */
  readonly seq: number
  /** Wall time, ISO 8601 in UTC. */
  readonly at: string
  /** Milliseconds since the session was opened, from a clock that never jumps. */
  readonly ms: number
}

export type EventBody =
  OpenedEvent | CommandEvent | ApprovalEvent | ForwardedEvent | ResultEvent | NoticeEvent | EndedEvent

/** Always the first event. */
export interface OpenedEvent {
  readonly type: 'opened'
  readonly version: 1
  readonly session: string
  readonly person: { readonly id: string; readonly label: string; readonly kind: string }
  readonly target: string
  readonly protocol: string
  readonly account: string
  readonly grant: { readonly id: string; readonly rule: string; readonly reason: string; readonly endsAt: string }
  readonly policy: string
}

/** A command and the verdict on it. With `allow` it is the intent: written before the command's first byte goes upstream. */
export interface CommandEvent {
  readonly type: 'command'
  readonly id: string
  readonly verdict: 'allow' | 'deny' | 'hold'
  readonly rule?: string
  readonly code?: string
  readonly message?: string
  /** Secrets and masked kinds replaced by a keyed commitment. */
  readonly text: string
  readonly parameters?: readonly (string | null)[]
  /** Keyed digest of the exact bytes. */
  readonly digest: string
  readonly kinds: readonly string[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly unknown?: readonly string[]
}

/** What became of a held command's approval. */
export interface ApprovalEvent {
  readonly type: 'approval'
  readonly id: string
  readonly command: string
  readonly state: string
  readonly by?: string
  readonly comment?: string
}

/** A held command goes upstream now. */
export interface ForwardedEvent {
  readonly type: 'forwarded'
  readonly command: string
}

/** What came back. A command without one may have run. */
export interface ResultEvent {
  readonly type: 'result'
  readonly command: string
  readonly tag?: string
  readonly rows: number
  readonly bytes: number
  readonly durationMs: number
  /** SQLSTATE or the protocol's own error code; never the message, which may quote values. */
  readonly error?: string
}

export interface NoticeEvent {
  readonly type: 'notice'
  readonly message: string
}

/** Always the last event. */
export interface EndedEvent {
  readonly type: 'ended'
  readonly code: string
  readonly message: string
}
