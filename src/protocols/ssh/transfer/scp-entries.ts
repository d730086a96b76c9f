import { posix } from 'node:path'
import type { Session } from '../../../gateway/engine.ts'
import type { HostFacts } from '../../../host/command/facts.ts'
import { hostStatement } from '../../../host/command/host-statement.ts'
import { ANYWHERE, below, tree } from '../../../host/command/paths.ts'
import { item, lastItem } from '../../../shared/item.ts'
import { draftOf } from '../gateway/command-draft.ts'
import { printable } from '../gateway/printable.ts'
import type { ScpEntry } from '../wire/scp-line.ts'
import type { PathResolver } from './path-resolver.ts'
import { throughLinks } from './sftp-paths.ts'

export interface ScpEntriesParts {
  readonly session: Session
  readonly paths: Pick<PathResolver, 'real' | 'link' | 'isDirectory'>
  readonly operation: 'read' | 'write'
  /** What the command names, as it was judged: without links, and then where they lead. */
  readonly named: readonly string[]
  /** Says that something waits for a person. */
  say(text: string): void
}

/** Where a file or directory is. */
export interface ScpPlace {
  /** As rules see it. */
  readonly path: string
  /** As the record names it. */
  readonly recorded: string
}

/** Where the files and directories of a transfer go, and whether they may be written there: each is judged by its name, and by where links lead. */
export class ScpEntries {
  readonly #parts: ScpEntriesParts
  #withdraw: (() => void) | undefined

  constructor(parts: ScpEntriesParts) {
    this.#parts = parts
  }

  /** The client has gone: nobody waits for an approval any more. */
  withdraw(): void {
    this.#withdraw?.()
  }

  /**
   * The place of an entry within directories, the innermost last: the first is what the command names. Throws what a rule says against writing it
   * there.
   */
  async place({ type, name }: Pick<ScpEntry, 'type' | 'name'>, directories: readonly ScpPlace[]): Promise<ScpPlace> {
    const named = await this.#place(name, directories)
    return this.#parts.operation === 'read' ? named : this.#written(named, type === 'directory', directories)
  }

  async #place(name: Buffer, directories: readonly ScpPlace[]): Promise<ScpPlace> {
    const { paths, operation, named } = this.#parts
    const parent = lastItem(directories)
    const shown = printable(name)
    // A name that is no UTF-8 is no path that could be asked for, or that a rule could mean.
    const isText = Buffer.from(name.toString('utf8')).equals(name)
    const inside = {
      path: isText && parent.path !== ANYWHERE ? below(parent.path, name.toString('utf8')) : ANYWHERE,
      recorded: posix.join(parent.recorded, shown),
    }
    if (directories.length > 1) return inside
    if (operation === 'read') {
      // What is sent first has the name of what the command names.
      const itself = named.find((path) => !path.endsWith('/**') && posix.basename(path) === shown)
      return itself === undefined ? inside : { path: itself, recorded: itself }
    }
    // The name counts where the target is a directory, and only there.
    const isDirectory = parent.path === ANYWHERE ? undefined : await paths.isDirectory(parent.path)
    if (isDirectory === true) return inside
    if (isDirectory === false) return parent
    return { path: ANYWHERE, recorded: parent.path === ANYWHERE ? ANYWHERE : posix.join(parent.recorded, ANYWHERE) }
  }

  /** Judges it, and says where it leads. Throws what a rule says against it. */
  async #written(entry: ScpPlace, isTree: boolean, directories: readonly ScpPlace[]): Promise<ScpPlace> {
    const { session, paths, named } = this.#parts
    const { user } = session.lease
    const read = async (writes: readonly string[]): Promise<HostFacts> =>
      throughLinks({ type: 'file', statements: [hostStatement(user, { kinds: ['file-write'], writes })] }, paths)
    const writesOf = ({ statements: [statement] }: HostFacts): readonly string[] => statement?.writes ?? []
    const first = directories.length === 1 ? item(directories, 0).path : undefined
    // Whether a target is a directory may change until it is opened: both are judged.
    const own = isTree ? tree(entry.path) : [entry.path]
    const again = async () => {
      const facts = await read([...new Set([...(first === undefined ? [] : [first]), ...own])])
      return { text: `scp write ${entry.recorded}`, facts, context: {} }
    }
    const command = await again()
    const draft = draftOf(command, session, again)
    // Where a link leads out of what the command named, nobody has decided about it yet.
    if (writesOf(command.facts).every((path) => isWithin(path, named))) {
      const error = session.preview(draft)
      if (error !== undefined) throw error
    } else await this.#decide(draft)
    const led = writesOf(await read([entry.path])).at(-1)
    return led === undefined || led === ANYWHERE ? entry : { path: entry.path, recorded: led }
  }

  async #decide(draft: ReturnType<typeof draftOf>): Promise<void> {
    const decision = this.#parts.session.decide(draft)
    if (decision.type === 'hold') {
      this.#parts.say(`pam: ${decision.notice}\n`)
      this.#withdraw = () => decision.withdraw()
    }
    const verdict = decision.type === 'hold' ? await decision.verdict : decision
    this.#withdraw = undefined
    if (verdict.type === 'refuse') throw verdict.error
  }
}

const isWithin = (path: string, named: readonly string[]): boolean =>
  named.some((one) => one === path || one === ANYWHERE || (one.endsWith('/**') && path.startsWith(one.slice(0, -2))))
