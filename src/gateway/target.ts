import type { Target } from '../policy/command.ts'

/** What every target has, whatever its protocol: a name, its type, the labels that rules select by, and where it is. */
export interface TargetConfig extends Target {
  readonly host: string
  readonly port: number
  readonly durability?: 'buffered' | 'strict' | undefined
}
