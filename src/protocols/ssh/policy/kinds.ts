import { wordList } from '../../../shared/word-list.ts'

/** Every kind of command that the engine tells apart. */
export const sshKinds: readonly string[] = wordList(`
    exec shell file-read file-write file-list file-attributes file-remove file-mkdir file-rename file-link
    forward-local forward-remote
  `)
