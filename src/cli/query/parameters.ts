import { UsageError } from '../../shared/errors.ts'

/** The values of `--param` or `--params`, as texts; null is NULL. */
export function parametersOf(options: {
  readonly param?: readonly string[]
  readonly params?: string
}): readonly (string | null)[] {
  if (options.params === undefined) return options.param ?? []
  if (options.param !== undefined) throw new UsageError('--param and --params both give parameters', 'give one of them')
  const values = parsed(options.params)
  if (!Array.isArray(values)) throw new UsageError('--params: expected a JSON array', HINT)
  return values.map((value: unknown) => {
    if (value === null) return null
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    return JSON.stringify(value)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError('--params: expected a JSON array, and this is not JSON', HINT)
  }
}

const HINT = `such as --params '[7, "new", null]'`
