import { words } from '../../../shared/words.ts'

/** Every kind of command that the engine tells apart. */
export const sshKinds: readonly string[] = words(`
    exec shell file-read file-write file-list file-attributes file-remove file-mkdir file-rename file-link
    forward-local forward-remote
  `)
