import { wordList } from '../../../shared/word-list.ts'

/** What `kinds:` of a rule may name for SSH: programs and shells, operations of SFTP and scp on files, and forwardings. */
export const sshKinds: readonly string[] = wordList(`
    exec shell file-read file-write file-list file-attributes file-remove file-mkdir file-rename file-link
    forward-local forward-remote
  `)
