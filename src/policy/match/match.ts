export interface Approvers {
  readonly groups: readonly string[]
  /** How many distinct people must approve. */
  readonly count: number
  /** What approving needs besides a recent sign-in; nothing where it is left out. */
  readonly stepUp?: StepUp | undefined
}

/** `passkey`: a WebAuthn assertion for the one approval, with the person verified by their authenticator. */
export type StepUp = 'passkey'

export type CommandEffect =
  | { readonly type: 'allow' }
  | { readonly type: 'deny'; readonly message: string }
  | ({ readonly type: 'hold' } & HoldEffect)

export interface HoldEffect {
  readonly approvers: Approvers
  /** Milliseconds. */
  readonly expires: number
  /** Whether a statement may wait while its transaction keeps locks. */
  readonly inTransaction: 'wait' | 'refuse'
  /** What an approval is for: these parameters, once; or the statement, for the rest of the session. */
  readonly covers: 'parameters' | 'statement'
  /** Whether people are asked about each request of a client's command, or about all of one command that do the same. */
  readonly per: 'request' | 'command'
  /** Whether its commands may be approved together with those of other rules with `batch`, in one text. */
  readonly batch: boolean
}

/** All that is named must match; a vocabulary says how (vocabulary.ts), and which words there are besides these two. */
export interface StatementMatch {
  readonly kinds?: readonly string[] | undefined
  /** Also matches what could not be understood. */
  readonly unknown?: boolean | undefined
  readonly [word: string]: readonly string[] | boolean | undefined
}
