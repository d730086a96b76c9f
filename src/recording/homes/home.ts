import type { Readable } from 'node:stream'

/** Permanent storage for sealed records. Names are paths with slashes; an existing name is never overwritten. */
export interface Home {
  /** For people, without secrets. */
  readonly label: string
  /**
   * Stores the file under this name, durably once this resolves; from then on nobody may write to it. Also resolves if the name has exactly
   * this content already; throws NameTaken if it has another, and NotAsSealed if the file has another digest. `isFlushed`: the content of
   * the file is already on its disk.
   */
  put(name: string, path: string, sha256: string, isFlushed?: boolean): Promise<void>
  /** Whether files of this directory are stored by a link on the same disk, which takes no longer than a flush. */
  sharesDiskWith?(directory: string): Promise<boolean>
  /** Undefined if the name does not exist. */
  read(name: string): Promise<Readable | undefined>
  /**
   * Resolves once nothing has the name any longer, including older versions, or if nothing had it. Throws Retained if the home still
   * retains it.
   */
  remove(name: string): Promise<void>
  /** How long the home protects this name from removal; undefined if it does not, or if the name does not exist. */
  retention(name: string): Promise<Retention | undefined>
}

export interface Retention {
  /** ISO 8601; undefined for no end, as with a legal hold. */
  readonly until: string | undefined
}

export class Retained extends Error {
  readonly retention: Retention

  constructor(retention: Retention) {
    super(`the home keeps it ${describeRetention(retention)}`)
    this.retention = retention
  }
}

export const describeRetention = ({ until }: Retention): string =>
  until === undefined ? 'until a legal hold is lifted' : `under object lock until ${until}`

export class NameTaken extends Error {
  constructor(name: string) {
    super(`${name} is there already, and is not this file`)
  }
}

export class NotAsSealed extends Error {
  constructor() {
    super('is not what was sealed')
  }
}
