import type { HostStatement } from './facts.ts'
import { hostStatement, type CommandLineScope } from './host-statement.ts'
import { ANYWHERE, climbs } from './paths.ts'

export class TooComplex extends Error {}

/** What one text and those within it add up to. */
export class Findings {
  readonly #login: CommandLineScope['login']
  readonly #statements: HostStatement[] = []
  /** From this statement on, paths may lead elsewhere than before. */
  linksFrom: number | undefined
  /** Something may run at any time beside what stands behind it. */
  hasBackground = false

  constructor(login: CommandLineScope['login']) {
    this.#login = login
  }

  get count(): number {
    return this.#statements.length
  }

  add(given: Partial<HostStatement>): void {
    if (this.#statements.length >= MAX_STATEMENTS)
      throw new TooComplex(`a command line of more than ${MAX_STATEMENTS} commands is not analysed`)
    this.#statements.push(hostStatement(this.#login, given))
  }

  /** After something that makes links or moves things, a path means what nobody has looked at. */
  result(): readonly HostStatement[] {
    const linksFrom = this.hasBackground && this.linksFrom !== undefined ? 0 : this.linksFrom
    const hasWrites = this.#statements.some(({ writes, argv }) => writes.length > 0 && argv.length > 0)
    return this.#statements.map((one, index) => {
      const isMoved = linksFrom !== undefined && index >= linksFrom
      if (!isMoved && !hasWrites) return one
      const now = (paths: readonly string[]): string[] => [
        ...new Set(paths.flatMap((path) => (isMoved ? [path, ANYWHERE] : climbs(path) ? [ANYWHERE] : [path]))),
      ]
      return { ...one, reads: now(one.reads), writes: now(one.writes) }
    })
  }
}

const MAX_STATEMENTS = 2000
