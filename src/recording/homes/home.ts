import type { Readable } from 'node:stream'

/** Where sealed records are kept for good. Names are paths with slashes; what has a name is never written over. */
export interface Home {
  /** For people, without secrets. */
  readonly label: string
  /**
   * Keeps the file under this name, so that it survives a power cut when this resolves; nobody may write to it any more. Resolves
   * as well where exactly this content has the name already; throws NameTaken where another has, and NotAsSealed where the file
   * has another digest.
   */
  put(name: string, path: string, sha256: string): Promise<void>
  /** Undefined where nothing has the name. */
  read(name: string): Promise<Readable | undefined>
  /** Resolves as well where nothing has the name. */
  remove(name: string): Promise<void>
}

export class NameTaken extends Error {
  constructor(name: string) {
    super(`${name} is there already, with other content`)
  }
}

export class NotAsSealed extends Error {
  constructor() {
    super('is not what was sealed')
  }
}
