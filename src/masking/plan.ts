import type { Person, Target } from '../policy/command.ts'
import { parseFieldPattern, parsePointerPattern, type PathStep, type PointerStep } from '../shared/field-path.ts'
import type { CustomKind, MaskingKind, MaskingRule, MaskingStyle, SideChannels } from '../policy/policy.ts'

/** What one session must not see, by the rules for its person and target. */
export interface MaskingPlan {
  readonly columns: readonly MaskedColumns[]
  readonly kinds: readonly MaskedKind[]
  /** Of objects that have a structure, where rules name any; the protocol knows what the owners are. */
  readonly fields?: readonly MaskedField[]
  /** Of documents of JSON, where rules name any. */
  readonly pointers?: readonly MaskedPointer[]
}

/** Values in documents of JSON by a pointer; the protocol knows what the owners are. */
export interface MaskedPointer {
  /** As the rule has it. */
  readonly name: string
  readonly owner: string
  readonly steps: readonly PointerStep[]
  readonly style: MaskingStyle
  readonly hashScope: 'session' | 'target'
}

/** A field by its path within what owns it. */
export interface MaskedField {
  /** As the rule has it. */
  readonly name: string
  readonly owner: string
  readonly path: readonly PathStep[]
  readonly style: MaskingStyle
  readonly hashScope: 'session' | 'target'
  /** It is shown where one of these fields of the same object has this value. */
  readonly shownWhere: readonly { readonly path: readonly PathStep[]; readonly value: string }[]
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
  const fields: MaskedField[] = []
  const pointers: MaskedPointer[] = []
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
    for (const name of rule.fields) {
      const pointed = parsePointerPattern(name)
      if (pointed !== undefined) {
        pointers.push({ name, ...pointed, style, hashScope })
        continue
      }
      const pattern = parseFieldPattern(name)
      if (pattern === undefined) throw new Error(`${name} is not a field`)
      fields.push({ name, ...pattern, style, hashScope, shownWhere: rule.exceptWhere.map(readCondition) })
    }
    for (const kind of [...rule.kinds, ...rule.patterns]) {
      const name = typeof kind === 'string' ? kind : `pattern ${kind.name}`
      if (!kinds.has(name)) kinds.set(name, { kind, style, hashScope })
    }
  }
  return {
    columns,
    kinds: [...kinds.values()],
    ...(fields.length === 0 ? {} : { fields }),
    ...(pointers.length === 0 ? {} : { pointers }),
  }
}

/** `type=helm.sh/release.v1`. */
function readCondition(text: string): MaskedField['shownWhere'][number] {
  const at = text.indexOf('=')
  const pattern = parseFieldPattern(`*:${text.slice(0, at)}`)
  if (at < 0 || pattern === undefined) throw new Error(`${text} is not a condition on a field`)
  return { path: pattern.path, value: text.slice(at + 1) }
}

export const isEmptyPlan = ({ columns, kinds, fields, pointers }: MaskingPlan): boolean =>
  columns.length === 0 && kinds.length === 0 && fields === undefined && pointers === undefined

/** Its parts; a table without a schema is of the default one. */
export function splitColumn(name: string, defaultSchema: string): { schema: string; table: string; column: string } {
  const parts = name.split('.')
  const [column, table, schema] = parts.toReversed()
  return { schema: schema ?? defaultSchema, table: table as string, column: column as string }
}
