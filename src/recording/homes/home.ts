import type { Readable } from 'node:stream'

/** Permanent storage for sealed records. Names are paths with slashes; an existing name is never overwritten. */
export interface Home {
  /** For people, without secrets. */
  readonly label: string
  /**
   * Keeps the file under this name, so that it survives a power cut when this resolves; nobody may write to it any more. Resolves
   * as well where exactly this content has the name already; throws NameTaken where another has, and NotAsSealed where the file
   * has another digest. `isFlushed`: what the file holds is on its disk already.
   */
  put(name: string, path: string, sha256: string, isFlushed?: boolean): Promise<void>
  /** Whether files of this directory are stored by a link on the same disk, which takes no longer than a flush. */
  sharesDiskWith?(directory: string): Promise<boolean>
  /** Undefined where the name does not exist. */
  read(name: string): Promise<Readable | undefined>
  /**
   * Resolves once nothing has the name any more, older versions included, and where nothing had it. Throws Retained where the
   * home keeps it for now.
   */
  remove(name: string): Promise<void>
  /** How long the home retains this name against anybody who wants to remove it; undefined where it does not, or the name does not exist. */
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
