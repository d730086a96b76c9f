/** The events of a recording, as they are in its file. Format: docs/recording-format.md. */
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
  | OpenedEvent
  | CommandEvent
  | ApprovalEvent
  | ForwardedEvent
  | ResultEvent
  | RowsEvent
  | TerminalEvent
  | ResizeEvent
  | FileEvent
  | NoticeEvent
  | EndedEvent

/** Always the first event. */
export interface OpenedEvent {
  readonly type: 'opened'
  /** The version of the format; 3 for new recordings. */
  readonly version: 2 | 3
  readonly session: string
  readonly person: { readonly id: string; readonly label: string; readonly kind: string }
  readonly target: string
  readonly protocol: string
  readonly account: string
  readonly grant: {
    readonly id: string
    readonly rule: string
    readonly reason: string
    readonly endsAt: string
    /** What approved it, where no person did. */
    readonly approver?: string | undefined
  }
  readonly policy: string
}

/** A command and the verdict on it. With `allow` it is the intent: written before the first byte of the command is sent upstream. */
export interface CommandEvent {
  readonly type: 'command'
  readonly id: string
  readonly verdict: 'allow' | 'deny' | 'hold'
  readonly rule?: string | undefined
  readonly code?: string | undefined
  readonly message?: string | undefined
  /** The text, with secrets and masked kinds replaced by a keyed commitment. A text that could not be parsed is detached. */
  readonly text: string
  readonly apart?: DetachedReference | undefined
  readonly parameters?: readonly (string | null)[] | undefined
  /** Keyed digest of the exact bytes. */
  readonly digest: string
  readonly kinds: readonly string[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly unknown?: readonly string[] | undefined
  /** The names of the requested operations in the target's own description (OpenAPI), if it has one. */
  readonly operations?: readonly string[] | undefined
}

/** A text in the erasable part. */
export interface DetachedReference {
  readonly id: string
  /** SHA-256 of the salt, which is stored with the text, and the text: without the salt, the text cannot be guessed. */
  readonly sha256: string
}

/** The outcome of a held command's approval. */
export interface ApprovalEvent {
  readonly type: 'approval'
  readonly id: string
  readonly command: string
  readonly state: string
  readonly by?: string
  readonly comment?: string
}

/** A held command is sent upstream. */
export interface ForwardedEvent {
  readonly type: 'forwarded'
  readonly command: string
}

/** The result of a command. A command without one may have run. */
export interface ResultEvent {
  readonly type: 'result'
  readonly command: string
  readonly tag?: string | undefined
  readonly rows: number
  readonly bytes: number
  readonly durationMs: number
  /** The protocol's own error code, such as an SQLSTATE; never the message, which may quote values. */
  readonly error?: string | undefined
}

/** Rows of a result as the client received them, after masking, up to the target's limit. */
export interface RowsEvent {
  readonly type: 'rows'
  readonly command: string
  readonly columns?: readonly string[]
  /** Values as text; binary values are `\\x` and hexadecimal digits. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** The result had more rows than are recorded. */
  readonly cut?: true
}

/** Bytes of a terminal; they follow the JSON. */
export interface TerminalEvent {
  readonly type: 'terminal'
  readonly channel: string
  readonly direction: 'in' | 'out'
}

export interface ResizeEvent {
  readonly type: 'resize'
  readonly channel: string
  readonly columns: number
  readonly rows: number
}

/** An operation on a file: its kind, the path, and the number and digest of the bytes. */
export interface FileEvent {
  readonly type: 'file'
  readonly operation: string
  readonly path: string
  readonly bytes?: number
  readonly sha256?: string
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
