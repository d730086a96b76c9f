import type { Person, Target } from '../policy/command.ts'
import type { CustomKind, MaskingKind, MaskingRule, MaskingStyle, SideChannels } from '../policy/policy.ts'

/** What one session must not see, by the rules for its person and target. */
export interface MaskingPlan {
  readonly columns: readonly MaskedColumns[]
  readonly kinds: readonly MaskedKind[]
}

/** A kind of data, found by its content. */
export interface MaskedKind {
  readonly kind: MaskingKind | CustomKind
  readonly style: MaskingStyle
  readonly hashScope: 'session' | 'target'
}

/** Columns by name; `*` as schema, table or column stands for any. */
export interface MaskedColumns {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly style: MaskingStyle
  readonly sideChannels: SideChannels
  /** How many values may be compared with it under one grant, where `sideChannels` is `equality`. */
  readonly maxComparisons: number
  /** Whether its values may be stored where they are not masked. */
  readonly copying: boolean
  readonly hashScope: 'session' | 'target'
}

/** One column that is masked, by its full name. */
export interface ColumnMask extends Omit<MaskedColumns, 'schema' | 'table' | 'column'> {
  /** `schema.table.column`. */
  readonly name: string
}

/**
 * `applies` says whether a rule is about this person and target; the selectors belong to policy. Without a default schema the target
 * has no columns. Whom the same rules are about has the same plan, so that what is worked out from it is worked out once.
 */
export function planMasking(
  rules: readonly MaskingRule[],
  applies: (rule: MaskingRule, person: Person, target: Target) => boolean,
  person: Person,
  target: Target,
  defaultSchema: string | undefined,
): MaskingPlan {
  const applying = rules.filter((rule) => applies(rule, person, target))
  const known = plans.get(rules) ?? new Map<string, MaskingPlan>()
  plans.set(rules, known)
  const key = JSON.stringify([defaultSchema, applying.map((rule) => rules.indexOf(rule))])
  const plan = known.get(key) ?? makePlan(applying, defaultSchema)
  known.set(key, plan)
  return plan
}

/** By the rules of a configuration, and by which of them apply; there are not more than it has people and targets. */
const plans = new WeakMap<readonly MaskingRule[], Map<string, MaskingPlan>>()

function makePlan(rules: readonly MaskingRule[], defaultSchema: string | undefined): MaskingPlan {
  const columns: MaskedColumns[] = []
  const kinds = new Map<string, MaskedKind>()
  for (const rule of rules) {
    const { style, sideChannels, maxComparisons, copying, hashScope } = rule
    for (const name of defaultSchema === undefined ? [] : rule.columns)
      columns.push({
        ...splitColumn(name, defaultSchema as string),
        style,
        sideChannels,
        maxComparisons,
        copying,
        hashScope,
      })
    for (const kind of [...rule.kinds, ...rule.patterns]) {
      const name = typeof kind === 'string' ? kind : `pattern ${kind.name}`
      if (!kinds.has(name)) kinds.set(name, { kind, style, hashScope })
    }
  }
  return { columns, kinds: [...kinds.values()] }
}

export const isEmptyPlan = (plan: MaskingPlan): boolean => plan.columns.length === 0 && plan.kinds.length === 0

/** Its parts; a table without a schema is of the default one. */
export function splitColumn(name: string, defaultSchema: string): { schema: string; table: string; column: string } {
  const parts = name.split('.')
  const [column, table, schema] = parts.toReversed()
  return { schema: schema ?? defaultSchema, table: table as string, column: column as string }
}
