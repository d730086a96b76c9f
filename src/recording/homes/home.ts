import type { Readable } from 'node:stream'

/** Where sealed records are kept for good. Names are paths with slashes; what has a name is never written over. */
export interface Home {
  /** For people, without secrets. */
  readonly label: string
  /**
   * Keeps the file under this name, so that it survives a power cut when this resolves; nobody may write to it any more. Resolves
   * as well where exactly this content has the name already; throws NameTaken where another has, and NotAsSealed where the file
   * has another digest. `isFlushed`: what the file holds is on its disk already.
   */
  put(name: string, path: string, sha256: string, isFlushed?: boolean): Promise<void>
  /** Keeping a file of this directory is giving it another name on the same disk, which takes no longer than a flush. */
  sharesDiskWith?(directory: string): Promise<boolean>
  /** Undefined where nothing has the name. */
  read(name: string): Promise<Readable | undefined>
  /**
   * Resolves once nothing has the name any more, older versions included, and where nothing had it. Throws Retained where the
   * home keeps it for now.
   */
  remove(name: string): Promise<void>
  /** Until when the home keeps what has this name, whoever asks to remove it; undefined where it does not, or nothing has the name. */
  retention(name: string): Promise<Retention | undefined>
}

export interface Retention {
  /** ISO 8601; undefined where it has no end, as of a legal hold. */
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
