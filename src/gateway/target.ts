import type { Target } from '../policy/command.ts'

/** What every target has, whatever its protocol: a name, a type, labels that rules select by, and an address. */
export interface TargetConfig extends Target {
  readonly host: string
  readonly port: number
  readonly durability?: 'buffered' | 'strict' | undefined
}
