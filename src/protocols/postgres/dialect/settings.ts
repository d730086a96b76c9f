import { wordList } from '../../../shared/word-list.ts'
import type { Call, Expression, Select } from '../../../sql/query.ts'
import type { SettingChange } from '../../../sql/dialect.ts'
import { fieldOf } from './tree-fields.ts'

/** Whether the modes of a transaction include READ WRITE: anything that is not certainly READ ONLY counts. */
export const setsReadWrite = (modes: unknown): boolean =>
  Array.isArray(modes) &&
  modes.some((mode) => {
    const option = fieldOf(mode, 'DefElem')
    return fieldOf(option, 'defname') === 'transaction_read_only' && !isOne(fieldOf(option, 'arg'))
  })

const isOne = (arg: unknown): boolean => fieldOf(fieldOf(fieldOf(arg, 'A_Const'), 'ival'), 'ival') === 1

/** The setting that `from pg_settings where name = '…'` selects, as pg_dump does. */
function namedSetting({ from, where }: Select): string | undefined {
  const [range, ...more] = from
  if (range?.kind !== 'table' || range.name.name !== 'pg_settings' || more.length > 0) return undefined
  if (where?.kind !== 'operation' || where.form !== 'plain' || where.operators[0]?.name !== '=') return undefined
  const [left, right] = where.args
  return isColumn(left, 'name') ? textConstant(right) : undefined
}

const textConstant = (node: Expression | undefined): string | undefined =>
  node?.kind === 'constant' && node.type === 'text' ? node.value : undefined

const isColumn = (node: Expression | undefined, name: string): boolean =>
  node?.kind === 'column' && node.path.at(-1) === name

/**
 * `set_config('name', 'value', local)` is SET by another name. The name must be a constant, and so must the value, unless nothing depends
 * on the setting: then the value may be a parameter. Any other expression could contain a masked value.
 */
export function settingOf(
  { name: called, args }: Call,
  within: Select | undefined,
): SettingChange | 'opaque' | undefined {
  if (called.name !== 'set_config') return undefined
  const [setting, given] = args
  const value = textConstant(given)
  const name = (
    textConstant(setting) ?? (isColumn(setting, 'name') ? within && namedSetting(within) : undefined)
  )?.toLowerCase()
  if (name === undefined || (value === undefined && !(HARMLESS_SETTINGS.has(name) && isParameter(given))))
    return 'opaque'
  return { name, value, kind: kindOfSet(name) }
}

/** `$1`, or `$1::text`. */
function isParameter(node: Expression | undefined): boolean {
  if (node?.kind !== 'cast') return node?.kind === 'parameter'
  const { name, schema, array } = node.to
  return name === 'text' && (schema ?? 'pg_catalog') === 'pg_catalog' && !array && isParameter(node.arg)
}

export const kindOfSet = (name: string): string => PRIVILEGED.get(name) ?? 'set'

export function isFalse(arg: unknown): boolean {
  return /"(false|off|0)"|"ival":\{\}|"boolval":\{\}/i.test(JSON.stringify(arg ?? null))
}

/** The literals of a SET as one text; undefined if there are none (SET … TO DEFAULT, RESET). */
export function literals(args: unknown): string | undefined {
  if (!Array.isArray(args)) return undefined
  return args
    .map(
      (arg: { A_Const?: { sval?: { sval?: string }; ival?: { ival?: number }; boolval?: { boolval?: boolean } } }) => {
        const value = arg.A_Const
        return value?.sval?.sval ?? String(value?.ival?.ival ?? value?.boolval?.boolval ?? '')
      },
    )
    .join(', ')
}

/**
 * Settings that change whose privileges apply or what the server enforces. They have kinds of their own, so that a rule for `set` does not
 * allow them.
 */
const PRIVILEGED: ReadonlyMap<string, string> = new Map<string, string>(
  Object.entries({
    role: 'set-role',
    session_authorization: 'set-session-authorization',
    session_replication_role: 'set-replication-role',
  }),
)

/**
 * Settings that change neither how statements are read nor what they may do, whatever their value: the format of results (masking reads
 * values in each of these formats, or refuses), time limits, the planner's methods. Settings with a dot are not among them: row security
 * policies read them.
 */
export const HARMLESS_SETTINGS: ReadonlySet<string> = new Set(
  wordList(`
  application_name bytea_output client_min_messages datestyle extra_float_digits geqo idle_in_transaction_session_timeout
  idle_session_timeout intervalstyle jit lock_timeout max_parallel_workers_per_gather default_transaction_deferrable default_transaction_isolation
  statement_timeout tcp_user_timeout timezone transaction_timeout work_mem
`),
)
