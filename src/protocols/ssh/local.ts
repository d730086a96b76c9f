import type { LocalHalf } from '../local-half.ts'
import { SshProgress } from './local/progress.ts'
import { refuse } from './local/refuse.ts'

export const sshLocal: LocalHalf = {
  socketName: () => 'socket',
  refuse,
  follow: () => new SshProgress(),
}
