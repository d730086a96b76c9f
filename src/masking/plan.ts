import type { Person, Target } from '../policy/command.ts'
import type { MaskingKind, MaskingRule, MaskingStyle } from '../policy/policy.ts'

/** What one session must not see, by the rules for its person and target. */
export interface MaskingPlan {
  readonly columns: readonly MaskedColumn[]
  readonly kinds: readonly { readonly kind: MaskingKind; readonly style: MaskingStyle }[]
}

export interface MaskedColumn {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly style: MaskingStyle
}

/** `applies` says whether a rule is about this person and target; the selectors belong to policy. */
export function planMasking(
  rules: readonly MaskingRule[],
  applies: (rule: MaskingRule, person: Person, target: Target) => boolean,
  person: Person,
  target: Target,
): MaskingPlan {
  const columns: MaskedColumn[] = []
  const kinds = new Map<MaskingKind, MaskingStyle>()
  for (const rule of rules) {
    if (!applies(rule, person, target)) continue
    for (const name of rule.columns) columns.push({ ...splitColumn(name), style: rule.style })
    for (const kind of rule.kinds) if (!kinds.has(kind)) kinds.set(kind, rule.style)
  }
  return { columns, kinds: [...kinds].map(([kind, style]) => ({ kind, style })) }
}

export const isEmptyPlan = (plan: MaskingPlan): boolean => plan.columns.length === 0 && plan.kinds.length === 0

function splitColumn(name: string): { schema: string; table: string; column: string } {
  const parts = name.split('.')
  const [column, table, schema] = parts.toReversed()
  return { schema: schema ?? 'public', table: table as string, column: column as string }
}
