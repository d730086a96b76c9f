import type { NewLock } from '../../../src/api/schemas/lock.ts'

export type What = 'person' | 'target' | 'label' | 'all'

export const WHAT: readonly {
  readonly value: What
  readonly label: string
  readonly field: string
  readonly example: string
}[] = [
  { value: 'person', label: 'a person', field: 'Name, e-mail address or id', example: 'jane@example.com' },
  { value: 'target', label: 'a target', field: 'Target', example: 'prod-db' },
  { value: 'label', label: 'all targets with a label', field: 'Label', example: 'env=prod' },
  { value: 'all', label: 'every target', field: '', example: '' },
]

/** The lock that a form asks for; undefined as long as something of it is missing. */
export function lockOf(
  what: What,
  name: string,
  { reason, lengthMs, includingSelf }: { reason: string; lengthMs: number | undefined; includingSelf: boolean },
): NewLock | undefined {
  const given = name.trim()
  if (reason === '' || (what !== 'all' && given === '')) return undefined
  const rest = { reason, ...(lengthMs === undefined ? {} : { lengthMs }), ...(includingSelf ? { includingSelf } : {}) }
  switch (what) {
    case 'person':
      return { person: given, ...rest }
    case 'target':
      return { target: given, ...rest }
    case 'label': {
      const at = given.indexOf('=')
      return at < 1 ? undefined : { label: { name: given.slice(0, at), value: given.slice(at + 1) }, ...rest }
    }
    case 'all':
      return { all: true, ...rest }
  }
}
