import type { Condition } from './condition.ts'

/** The three lists, as loaded. Every list is deny-by-default; the first rule that fits decides. */
export interface Policy {
  /** Digest of the rules: part of what an approval is bound to. */
  readonly version: string
  readonly access: readonly AccessRule[]
  readonly commands: readonly CommandRule[]
  readonly masking: readonly MaskingRule[]
}

/** Who a rule is about; an empty selector fits everybody. */
export interface WhoSelector {
  readonly groups?: readonly string[] | undefined
  readonly kind?: 'person' | 'service' | undefined
}

/** Which targets; an empty selector fits all. */
export interface TargetSelector {
  readonly names?: readonly string[] | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

export interface Approvers {
  readonly groups: readonly string[]
  /** How many distinct people must approve. */
  readonly count: number
}

interface Rule {
  readonly name: string
  readonly who: WhoSelector
  readonly targets: TargetSelector
  readonly when?: Condition | undefined
}

export interface AccessRule extends Rule {
  readonly grant: 'standing' | 'request'
  /** Milliseconds: the longest grant, and for standing access the length of each. */
  readonly longest: number
  /** Present for `request`. */
  readonly approvers?: Approvers | undefined
  readonly reason: 'required' | 'optional'
  /** The accounts on the target that it lets somebody use; all that the target has where it is left out. */
  readonly logins?: readonly string[] | undefined
}

export interface CommandRule extends Rule {
  readonly match: StatementMatch
  readonly effect: CommandEffect
  readonly hint?: string | undefined
  /** The ready-made set it belongs to. */
  readonly set?: string | undefined
}

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
}

/** All that is named must fit; a list fits as `fits` in match/statement.ts says. */
export interface StatementMatch {
  readonly kinds?: readonly string[] | undefined
  readonly relations?: readonly string[] | undefined
  /** As `relations`, of those that it writes to. */
  readonly writes?: readonly string[] | undefined
  readonly functions?: readonly string[] | undefined
  readonly missingWhere?: boolean | undefined
  /** Also fits what could not be understood. */
  readonly unknown?: boolean | undefined
  /** Command lines on a host, word for word, as match/command-line.ts says. */
  readonly commands?: readonly string[] | undefined
  readonly programs?: readonly string[] | undefined
  readonly arguments?: readonly string[] | undefined
  /** Paths that are read or written. */
  readonly paths?: readonly string[] | undefined
  /** As `paths`, of those that are written. */
  readonly writesPaths?: readonly string[] | undefined
  /** `host:port` of what is forwarded. */
  readonly hosts?: readonly string[] | undefined
  readonly logins?: readonly string[] | undefined
}

export const maskingKinds = [
  'email',
  'payment-card',
  'iban',
  'phone',
  'national-id',
  'ip-address',
  'jwt',
  'private-key',
  'cloud-key',
] as const
export type MaskingKind = (typeof maskingKinds)[number]
export const maskingStyles = ['partial', 'redact', 'null', 'hash', 'keep-last-4'] as const
export type MaskingStyle = (typeof maskingStyles)[number]
/** What a statement may do with a masked column besides showing it masked. */
export const sideChannels = ['deny', 'equality', 'allow'] as const
export type SideChannels = (typeof sideChannels)[number]

/** A kind of data that a rule describes itself. */
export interface CustomKind {
  readonly name: string
  readonly pattern: string
  /** Finds it in a text, in linear time. */
  readonly find: (text: string) => readonly { readonly start: number; readonly end: number }[]
}

export interface MaskingRule {
  readonly name: string
  readonly targets: TargetSelector
  /** `table.column` or `schema.table.column`, `*` for any; without a schema the table is in `public`. */
  readonly columns: readonly string[]
  readonly kinds: readonly MaskingKind[]
  readonly patterns: readonly CustomKind[]
  readonly style: MaskingStyle
  readonly sideChannels: SideChannels
  readonly guesses: number
  readonly copying: boolean
  /** How far the stand-ins of style `hash` are the same. */
  readonly hashScope: 'session' | 'target'
  /** Who sees plainly. */
  readonly except: WhoSelector | undefined
}
