import type { PolicyLanguage } from './language.ts'
import type { Approvers, CommandEffect, HoldEffect, StatementMatch } from './match/match.ts'
import type { AutoApproval } from './auto-approval.ts'
import type { Condition } from './condition.ts'

export type { Approvers, CommandEffect, HoldEffect, StatementMatch }

/** The three lists, as loaded. Every list is deny-by-default; the first rule that matches decides. */
export interface Policy {
  /** Digest of the rules: part of what an approval is bound to. */
  readonly version: string
  readonly access: readonly AccessRule[]
  readonly commands: readonly CommandRule[]
  readonly masking: readonly MaskingRule[]
  /** What the rules are written in. */
  readonly language: PolicyLanguage
}

/** Who a rule is about; an empty selector matches everybody. */
export interface WhoSelector {
  readonly groups?: readonly string[] | undefined
  /** Ids of people. */
  readonly people?: readonly string[] | undefined
  readonly kind?: 'person' | 'service' | undefined
}

/** Which targets; an empty selector matches all. */
export interface TargetSelector {
  readonly names?: readonly string[] | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

interface Rule {
  readonly name: string
  readonly who: WhoSelector
  readonly targets: TargetSelector
  readonly when?: Condition | undefined
}

export interface AccessRule extends Rule {
  readonly grant: 'standing' | 'request' | 'break-glass'
  /** Milliseconds: the longest grant, and for standing access the length of each. */
  readonly maxDuration: number
  /** Present for `request`. */
  readonly approvers?: Approvers | undefined
  /** What approves requests in their place; what it does not approve, they decide on. */
  readonly autoApprove?: AutoApproval | undefined
  readonly reason: 'required' | 'optional'
  /** The accounts on the target that it lets somebody use; default: all that the target has. */
  readonly logins?: readonly string[] | undefined
  /** Present for `break-glass`. */
  readonly breakGlass?: BreakGlassTerms | undefined
}

/** How access in an emergency is had, and what it lifts. Never: rules that deny, locks, what is pinned, proof of identity. */
export interface BreakGlassTerms {
  readonly reviewers: { readonly groups: readonly string[] }
  /** Characters. */
  readonly minReason: number
  /** Of one person, within 24 hours. */
  readonly maxPerDay: number
  /** Whether access is refused where no channel takes the announcement. */
  readonly announcement: 'required' | 'best-effort'
  /** Milliseconds between reminders of an outstanding review. */
  readonly remindEvery: number
  /** Names of command rules that hold, and of masking rules. */
  readonly lifts: { readonly holds: readonly string[]; readonly masks: readonly string[] }
}

export interface CommandRule extends Rule {
  readonly match: StatementMatch
  readonly effect: CommandEffect
  readonly hint?: string | undefined
  /** The ready-made set it belongs to, and the type of target that the set is for. */
  readonly set?: string | undefined
  readonly targetType?: string | undefined
  /** The break-glass rule that lifts its hold in this session. */
  readonly liftedBy?: string | undefined
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
  /** `OWNER:PATH` of objects that have a structure, for instance `secrets:data.*`. */
  readonly fields: readonly string[]
  /** `PATH=VALUE`: objects whose fields are shown. */
  readonly exceptWhere: readonly string[]
  readonly kinds: readonly MaskingKind[]
  readonly patterns: readonly CustomKind[]
  readonly style: MaskingStyle
  readonly sideChannels: SideChannels
  readonly maxComparisons: number
  readonly copying: boolean
  /** How far the stand-ins of style `hash` are the same. */
  readonly hashScope: 'session' | 'target'
  /** Who sees the values unmasked. */
  readonly except: WhoSelector | undefined
}
